//! A card in somebody's hand, tapped at a desk of the hall, with the real program and no controller running.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not count as tests"
)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use cardwright::sim::hall;

use super::processes::{Ending, cardwright, open_hall};

fn said(words: &str, dir: &Path) -> (bool, String) {
    let words: Vec<&str> = words.split(' ').collect();
    let output = cardwright(dir, &words).output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (output.status.success(), text.concat())
}

#[test]
fn a_card_on_a_desks_reader_says_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("facility");
    let (made, text) = said("rehearse --cards 3", &dir);
    assert!(made, "{text}");
    let place = dir.join("hall");
    let boxed = hall::inventory(&place).unwrap().boxes.remove(0);
    let _hall = open_hall(&place);

    let mut tap = Command::new(env!("CARGO_BIN_EXE_cardwright"));
    tap.args(["sim", "tap", boxed.blank.as_str(), "--desk", "D1", "--hall"])
        .arg(&place);
    let mut tap = Ending(tap.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    let output = tap.0.stdout.take().unwrap();
    BufReader::new(output).read_line(&mut line).unwrap();
    assert!(line.contains("lies on the reader of D1"), "{line}");

    let (good, text) = said("card identify --tap D1", &dir);
    let label = boxed.label.as_str();
    assert!(
        good && text.contains("it belongs in its box") && text.contains(label),
        "{text}"
    );
    assert!(text.contains(boxed.chip.as_str()), "{text}");

    // Enter: the card is taken away.
    drop(tap.0.stdin.take());
    assert!(tap.0.wait().unwrap().success());
    let (good, text) = said("card identify --tap D1", &dir);
    assert!(!good && text.contains("ENC-002"), "{text}");
    let (good, text) = said("card identify --tap D99", &dir);
    assert!(!good && text.contains("LIN-007"), "{text}");
    // It lies where it lay.
    assert_eq!(hall::inventory(&place).unwrap().boxes[0].blank, boxed.blank);
}
