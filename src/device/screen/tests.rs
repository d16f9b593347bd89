use tokio::net::UnixListener;

use super::*;
use crate::base::ids::LotId;

/// A screen that greets so and gives these answers, one to each question, and then hangs up; the questions come back.
async fn screen(listener: UnixListener, before: Before, answers: &[&str]) -> Vec<Instruction> {
    let (stream, _) = listener.accept().await.unwrap();
    let mut stream = BufReader::new(stream);
    let greeting = serde_json::to_string(&Greeting { before }).unwrap() + "\n";
    stream.write_all(greeting.as_bytes()).await.unwrap();
    let mut asked = Vec::new();
    for answer in answers {
        asked.push(hear(&mut stream).await.unwrap());
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
    asked
}

fn socket() -> (tempfile::TempDir, PathBuf, UnixListener) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    (folder, path, listener)
}

#[tokio::test]
async fn a_person_is_asked_and_answers() {
    let (_folder, path, listener) = socket();
    let there = tokio::spawn(screen(listener, Before::Person, &["\"done\"\n", "perhaps\n"]));
    let mut screen = SocketScreen::new(path, Clock::system(), Mode::Production);
    let empty = Instruction::EmptyHopper { lot: LotId(7) };
    assert_eq!(screen.ask(&empty).await.unwrap(), Answer::Done);
    let fault = screen.ask(&Instruction::NextCard).await.unwrap_err();
    assert_eq!(fault.code, &UNINTELLIGIBLE);
    assert_eq!(there.await.unwrap(), [empty, Instruction::NextCard]);
}

#[tokio::test]
async fn production_asks_nobody_simulated() {
    for (mode, code) in [(Mode::Production, &SIMULATED), (Mode::Rehearsal, &LOST)] {
        let (_folder, path, listener) = socket();
        tokio::spawn(screen(listener, Before::Simulation, &[]));
        let mut screen = SocketScreen::new(path, Clock::system(), mode);
        let fault = screen.ask(&Instruction::NextCard).await.unwrap_err();
        assert_eq!(fault.code, code);
    }
}

#[tokio::test]
async fn who_does_not_greet_is_not_understood() {
    let (_folder, path, listener) = socket();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"\"done\"\n").await.unwrap();
    });
    let mut screen = SocketScreen::new(path, Clock::system(), Mode::Rehearsal);
    let fault = screen.ask(&Instruction::NextCard).await.unwrap_err();
    assert_eq!(fault.code, &UNINTELLIGIBLE);
}

#[tokio::test(start_paused = true)]
async fn production_waits_for_a_screen_and_a_rehearsal_gives_it_up() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("none");
    let ask = async |mode| {
        let mut screen = SocketScreen::new(path.clone(), Clock::system(), mode);
        screen.ask(&Instruction::NextCard).await.unwrap_err().code
    };
    assert_eq!(ask(Mode::Rehearsal).await, &UNREACHABLE);
    assert_eq!(ask(Mode::Production).await, &NOBODY);
}
