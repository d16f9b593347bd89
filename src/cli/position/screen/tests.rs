use std::collections::BTreeSet;

use tokio::io::{DuplexStream, duplex, split};

use super::*;
use crate::base::Clock;
use crate::base::ids::{BoxId, LotId, PackId};

/// A terminal at D01, and the end at which it is typed.
fn person(is_program: bool) -> (Person, mpsc::Sender<String>) {
    let (typing, typed) = mpsc::channel(8);
    let position = MachineId("D01".into());
    let person = Person {
        position,
        is_program,
        typed,
    };
    (person, typing)
}

/// A controller's end of the connection.
struct Controller(BufReader<DuplexStream>);

impl Controller {
    async fn says(&mut self, instruction: &Instruction) {
        self.0.write_all(&line(instruction).unwrap()).await.unwrap();
    }

    async fn ask(&mut self, instruction: &Instruction) -> Answer {
        self.says(instruction).await;
        hear(&mut self.0).await.unwrap()
    }
}

/// Connects them; the screen's greeting has been heard.
async fn connected(mut person: Person) -> (Controller, tokio::task::JoinHandle<(bool, Person)>) {
    let (ours, theirs) = duplex(4_096);
    let (from, to) = split(theirs);
    let task = tokio::spawn(async move {
        let stays = attend(BufReader::new(from), to, &mut person).await.unwrap();
        (stays, person)
    });
    let mut ours = BufReader::new(ours);
    let before = Before::Person;
    assert_eq!(hear::<Greeting>(&mut ours).await.unwrap(), Greeting { before });
    (Controller(ours), task)
}

/// Types this, once the question has been read.
async fn later(typing: &mpsc::Sender<String>, texts: &[&str]) {
    Clock::system().sleep(TOO_SOON * 2).await;
    for text in texts {
        typing.send((*text).to_owned()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn enter_is_done_and_k_is_nothing_where_there_may_be_nothing() {
    let (someone, typing) = person(false);
    let (mut controller, _task) = connected(someone).await;
    let (next, clear) = (Instruction::NextCard, Instruction::ClearReader);
    // What was typed before is for another question.
    typing.send("k".to_owned()).await.unwrap();
    let (answer, ()) = tokio::join!(controller.ask(&next), later(&typing, &["?", ""]));
    assert_eq!(answer, Answer::Done);
    let (answer, ()) = tokio::join!(controller.ask(&next), later(&typing, &[" K "]));
    assert_eq!(answer, Answer::Nothing);
    let (answer, ()) = tokio::join!(controller.ask(&clear), later(&typing, &["k", ""]));
    assert_eq!(answer, Answer::Done);
    // So is what is typed at once.
    let at_once = async {
        Clock::system().sleep(TOO_SOON / 3).await;
        typing.send(String::new()).await.unwrap();
        later(&typing, &["k"]).await;
    };
    let (answer, ()) = tokio::join!(controller.ask(&next), at_once);
    assert_eq!(answer, Answer::Nothing);
}

#[tokio::test(start_paused = true)]
async fn a_controller_that_leaves_takes_its_question_back_and_a_person_ends_the_screen() {
    let (someone, typing) = person(false);
    let (mut controller, task) = connected(someone).await;
    controller.says(&Instruction::NextCard).await;
    Clock::system().sleep(TOO_SOON).await;
    drop(controller);
    let (stays, someone) = task.await.unwrap();
    assert!(stays);
    let (mut controller, task) = connected(someone).await;
    drop(typing);
    controller.says(&Instruction::NextCard).await;
    assert!(!task.await.unwrap().0);
}

#[tokio::test(start_paused = true)]
async fn a_program_answers_at_once_and_in_json_only() {
    let (program, typing) = person(true);
    let (mut controller, _task) = connected(program).await;
    for text in ["done", "\"nothing\""] {
        typing.send(text.to_owned()).await.unwrap();
    }
    assert_eq!(controller.ask(&Instruction::ScanLabel).await, Answer::Nothing);
}

#[tokio::test]
async fn whoever_is_no_controller_is_shown_nothing() {
    let (someone, _typing) = person(false);
    let (mut stranger, task) = connected(someone).await;
    stranger.0.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    assert!(task.await.unwrap().0);
}

#[test]
fn each_instruction_has_words_of_its_own_in_both_languages() {
    let (label, lot) = (BoxId::new("DT01\u{1b}[2J"), LotId(7));
    let (slot, code) = (3, "JOB-021".to_owned());
    let boxed = |make: fn(BoxId, u16) -> Instruction| make(label.clone(), slot);
    let all = [
        Instruction::LoadPack {
            pack: PackId::new("P1"),
        },
        Instruction::EmptyHopper { lot },
        Instruction::ClearPath,
        Instruction::ClearReader,
        Instruction::TakeTray { lot },
        Instruction::NextCard,
        Instruction::ScanAgain,
        boxed(|label, slot| Instruction::PutInBox { label, slot }),
        Instruction::ScanLabel,
        boxed(|label, _| Instruction::TakeBack { label }),
        Instruction::Reject { code: code.clone() },
        Instruction::PutAside { code },
        boxed(|label, slot| Instruction::LookInBox { label, slot }),
        boxed(|label, slot| Instruction::TakeOut { label, slot }),
        Instruction::TurnTray { lot },
        boxed(|label, cards| Instruction::CountBox { label, cards }),
        boxed(|label, slot| Instruction::PickFromBox { label, slot }),
        boxed(|label, _| Instruction::CloseBox { label }),
    ];
    let mut seen = BTreeSet::new();
    for instruction in all {
        let Words { vi, en, .. } = words(&instruction);
        assert!(!format!("{vi}{en}").contains('\u{1b}'), "{instruction:?}");
        assert!(seen.insert(vi) && seen.insert(en), "{instruction:?}");
    }
}
