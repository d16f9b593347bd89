use async_trait::async_trait;

use super::*;
use crate::port::one_by_one;

const DEADLINE: Duration = Duration::from_secs(1);
const GOOD: [u8; 2] = [0x90, 0x00];

/// Says these commands and announces those behind each.
struct Saying {
    commands: Vec<u8>,
    announced: Vec<u8>,
    answers: Vec<Vec<u8>>,
}

impl Saying {
    fn new(commands: &[u8]) -> Self {
        Self {
            commands: commands.to_vec(),
            announced: commands.to_vec(),
            answers: Vec::new(),
        }
    }
}

impl Dialogue for Saying {
    type Evidence = Vec<Vec<u8>>;

    fn next(&mut self, reply: Reply<'_>) -> Result<Step<Self::Evidence>, Fault> {
        if let Reply::Bytes(answer) = reply {
            self.answers.push(answer.to_vec());
        }
        Ok(match self.commands.get(self.answers.len()) {
            Some(command) => Step::Send(vec![*command], DEADLINE),
            None => Step::Done(self.answers.clone()),
        })
    }

    fn following(&self) -> Vec<Zeroizing<Vec<u8>>> {
        let next = self.announced.iter().skip(self.answers.len() + 1);
        next.map(|command| Zeroizing::new(vec![*command])).collect()
    }
}

/// Refuses one command, and keeps what it was given at a time.
struct Refusing {
    refused: u8,
    given: Vec<usize>,
    heard: Vec<u8>,
}

#[async_trait]
impl Encoder for Refusing {
    async fn power_on(&mut self) -> Result<Vec<u8>, Fault> {
        Ok(Vec::new())
    }

    async fn transmit(&mut self, command: &[u8], _: Duration) -> Result<Vec<u8>, Fault> {
        self.heard.extend(command);
        Ok(if command == [self.refused] {
            vec![0x6A, 0x80]
        } else {
            GOOD.to_vec()
        })
    }

    async fn transmit_all(
        &mut self,
        commands: &[Zeroizing<Vec<u8>>],
        deadline: Duration,
    ) -> Result<Vec<Vec<u8>>, Fault> {
        self.given.push(commands.len());
        one_by_one(self, commands, deadline).await
    }

    async fn power_off(&mut self) -> Result<(), Fault> {
        Ok(())
    }
}

fn refusing(refused: u8) -> Refusing {
    Refusing {
        refused,
        given: Vec::new(),
        heard: Vec::new(),
    }
}

#[tokio::test]
async fn what_is_announced_goes_together_and_what_follows_a_refusal_waits_to_be_asked_for() {
    let mut reader = refusing(0);
    let answers = with_chip(&mut reader, Saying::new(&[1, 2, 3, 4])).await.unwrap();
    assert_eq!((answers.len(), &reader.given[..]), (4, &[4][..]));

    let mut reader = refusing(2);
    let answers = with_chip(&mut reader, Saying::new(&[1, 2, 3, 4])).await.unwrap();
    assert_eq!(answers[1], [0x6A, 0x80]);
    assert_eq!(reader.heard, [1, 2, 3, 4], "each once");
    assert_eq!(reader.given, [4, 2]);
}

#[tokio::test]
async fn nobody_is_given_the_answer_to_another_command() {
    let mut wayward = Saying::new(&[1, 2, 3]);
    wayward.announced = vec![1, 9, 3];
    let mut reader = refusing(0);
    assert_eq!(with_chip(&mut reader, wayward).await.unwrap_err().code, &MISUSE);
}
