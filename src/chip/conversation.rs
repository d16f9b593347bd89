//! Conversations written as straight-line code.
//!
//! Personalizing a chip is a sequence with loops and branches, which reads best as one. So each conversation is an
//! `async` function that awaits the answers of the chip, and [`Conversation`] turns it into a [`Dialogue`]: whoever
//! drives the dialogue is its only executor, nothing is spawned and nothing waits by itself. Dropping a conversation
//! drops its keys.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use zeroize::Zeroizing;

use super::fault;
use super::link::Card;
use crate::base::{Dialogue, Fault, Reply, Step, limits};

type Script<'a, E> = Pin<Box<dyn Future<Output = Result<E, Fault>> + Send + 'a>>;

/// A conversation with a chip that ends with evidence `E`.
pub struct Conversation<'a, E> {
    wire: Arc<Wire>,
    script: Option<Script<'a, E>>,
}

impl<'a, E> Conversation<'a, E> {
    /// A conversation that follows this script.
    pub(super) fn new<F>(script: impl FnOnce(Card) -> F) -> Self
    where
        F: Future<Output = Result<E, Fault>> + Send + 'a,
    {
        let wire = Arc::new(Wire::default());
        let script = script(Card::new(Arc::clone(&wire)));
        Self {
            wire,
            script: Some(Box::pin(script)),
        }
    }
}

impl<E> Dialogue for Conversation<'_, E> {
    type Evidence = E;

    fn next(&mut self, reply: Reply<'_>) -> Result<Step<E>, Fault> {
        let misuse = |why| Fault::new(&fault::MISUSE, why);
        let mut script = self.script.take().ok_or_else(|| misuse("already over"))?;
        let answer = match reply {
            Reply::Start => None,
            Reply::Bytes(bytes) => Some(Some(bytes.to_vec())),
            Reply::Elapsed => Some(None),
        };
        if !self.wire.answer(answer) {
            return Err(misuse("an answer to nothing, or a second start"));
        }
        match script.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => outcome.map(Step::Done),
            Poll::Pending => {
                let command = self.wire.command().ok_or_else(|| misuse("waits for nothing"))?;
                self.script = Some(script);
                Ok(Step::Send(command, limits::APDU_DEADLINE))
            }
        }
    }

    fn following(&self) -> Vec<Zeroizing<Vec<u8>>> {
        self.wire.slots().following.iter().cloned().collect()
    }
}

impl<E> fmt::Debug for Conversation<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Conversation(over: {})", self.script.is_none())
    }
}

/// Where script and driver meet. At most one command is under way.
#[derive(Default)]
pub(super) struct Wire(Mutex<Slots>);

#[derive(Default)]
struct Slots {
    waiting: bool,
    command: Option<Vec<u8>>,
    answer: Option<Option<Vec<u8>>>,
    /// What the script has announced and not sent yet.
    following: VecDeque<Zeroizing<Vec<u8>>>,
}

impl Wire {
    /// The script's side: it will send these commands next, unless an answer is no success.
    pub(super) fn announce(&self, commands: impl Iterator<Item = Vec<u8>>) {
        self.slots().following = commands.map(Zeroizing::new).collect();
    }

    /// The script's side: hands over a command and waits for the answer, or nothing if the deadline passed.
    pub(super) async fn exchange(&self, command: Vec<u8>) -> Option<Vec<u8>> {
        {
            let mut slots = self.slots();
            slots.waiting = true;
            // Whoever departs from what was announced has something else to say first.
            if slots.following.pop_front().is_some_and(|next| *next != command) {
                slots.following.clear();
            }
            slots.command = Some(command);
        }
        std::future::poll_fn(|_| match self.slots().answer.take() {
            Some(answer) => Poll::Ready(answer),
            None => Poll::Pending,
        })
        .await
    }

    /// The driver's side: an answer is due exactly if a command is under way.
    fn answer(&self, answer: Option<Option<Vec<u8>>>) -> bool {
        let mut slots = self.slots();
        let expected = slots.waiting == answer.is_some();
        slots.waiting = false;
        slots.answer = answer;
        expected
    }

    fn command(&self) -> Option<Vec<u8>> {
        self.slots().command.take()
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::dialogue::drive;
    use crate::chip::apdu::Command;

    #[test]
    fn silence_and_misuse_are_faults() {
        let challenge =
            || Conversation::new(async |mut card| card.expect("it", &Command::new(0, 0x84, 0, 0)).await);
        assert_eq!(
            drive(&mut challenge(), |_| None).unwrap_err().code,
            &fault::SILENT
        );
        assert_eq!(
            drive(&mut challenge(), |_| Some(vec![0x90])).unwrap_err().code,
            &fault::GARBLED
        );
        let mut early = challenge();
        assert_eq!(early.next(Reply::Bytes(&[])).unwrap_err().code, &fault::MISUSE);
        let mut spent = challenge();
        assert_eq!(drive(&mut spent, |_| Some(vec![1, 0x90, 0])), Ok(vec![1]));
        assert_eq!(spent.next(Reply::Elapsed).unwrap_err().code, &fault::MISUSE);
    }

    #[test]
    fn what_is_announced_is_known_until_the_script_departs_from_it() {
        let commands = [1, 2, 3].map(|p2| Command::new(0, 0x84, 0, p2));
        let mut script = Conversation::new(async move |mut card| {
            card.announce(commands.into_iter());
            card.send(&commands[0]).await?;
            card.send(&commands[2]).await?;
            card.send(&commands[1]).await
        });
        assert!(script.next(Reply::Start).is_ok());
        let encoded = |command: &Command<'_>| Zeroizing::new(command.encode());
        assert_eq!(script.following(), [encoded(&commands[1]), encoded(&commands[2])]);
        assert!(script.next(Reply::Bytes(&[0x90, 0])).is_ok());
        assert!(script.following().is_empty(), "another was sent than announced");
    }

    #[test]
    fn a_chip_that_never_ends_is_left() {
        let mut endless = Conversation::<()>::new(async |mut card| {
            loop {
                card.expect("it", &Command::new(0, 0x84, 0, 0)).await?;
            }
        });
        let mut commands = 0;
        let fault = drive(&mut endless, |_| {
            commands += 1;
            Some(vec![0x90, 0])
        });
        assert_eq!(fault.unwrap_err().code, &fault::LYING);
        assert_eq!(commands, limits::CHIP_COMMANDS_MAX);
    }
}
