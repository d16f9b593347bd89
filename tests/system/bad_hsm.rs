//! A whole rehearsal with an HSM that has a bad day. The judge is the hall.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not count as tests"
)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use super::processes::cardwright;

/// Everything that can happen to a connection, while cards lie in the readers' fields and keys are derived for them.
const BAD_DAY: &str = r#"[
    {"skip": 20}, "sessions_lost", {"skip": 20}, "logged_out", {"skip": 20}, "device_removed",
    {"skip": 20}, {"token_absent": 12}, {"skip": 20}, {"frozen_ms": 300}, {"skip": 20}, {"failing": 30},
    {"latency_ms": 5}, {"skip": 20}, {"latency_ms": 0}, {"per_second": 200}, {"skip": 40}, {"per_second": 0},
    {"skip": 10}, "sessions_lost", {"skip": 1}, "logged_out", {"skip": 1}, "device_removed"
]"#;

/// Runs a rehearsal; when its machines start, the HSM's bad day begins. What it said, and whether it ended well.
fn rehearse(dir: &Path, (cards, chip): (&str, &str), faults: Option<&str>) -> (String, bool) {
    let mut controller = cardwright(dir, &["rehearse", "--cards", cards, "--chip", chip])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut told = String::new();
    for line in BufReader::new(controller.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if let (Some(faults), true) = (faults, line.starts_with("Making cards")) {
            std::fs::write(dir.join("token/faults.json"), faults).unwrap();
        }
        told.push_str(&line);
        told.push('\n');
    }
    (told, controller.wait().unwrap().success())
}

fn ask(dir: &Path, words: &[&str]) -> (String, bool) {
    let output = cardwright(dir, words).output().unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (text, output.status.success())
}

/// As two people, one after the other: the first alone changes nothing.
fn two_people(dir: &Path, words: &[&str]) {
    let (said, done) = ask(dir, &[words, &["--as", "an"]].concat());
    assert!(!done && said.contains("a second person"), "{said}");
    let (said, done) = ask(dir, &[words, &["--as", "an"]].concat());
    assert!(!done, "one person twice is one person: {said}");
    let (said, done) = ask(dir, &[words, &["--as", "binh"]].concat());
    assert!(done, "{said}");
}

#[test]
fn a_bad_day_costs_time_and_no_card() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("facility");
    let (told, good) = rehearse(&dir, ("60", "rehearsal-gp"), Some(BAD_DAY));
    assert!(good && told.contains("\nbalanced"), "{told}");
    assert!(told.contains("Spoiled:  0"), "{told}");
    assert!(!dir.join("token/faults.json").exists(), "every fault was shown");
    assert!(super::rehearsal::judge(&dir, &told) > 40);
    let refused = std::fs::read_to_string(dir.join("token/logins")).unwrap();
    assert!(refused.lines().all(|code| code != "0x000000a0"), "{refused}");
    // The token's count is the ledger's.
    let (said, balanced) = ask(&dir, &["reconcile"]);
    assert!(balanced && said.contains("in bundles"), "{said}");
}

#[test]
fn wrong_signatures_reach_no_chip_and_stop_their_key_until_two_people_have_looked() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("facility");
    for flaw in ["wrong_signature", "wrong_key", "repeated_nonce"] {
        let dir = dir.join(flaw);
        std::fs::create_dir_all(dir.parent().unwrap()).unwrap();
        let faults = format!(r#"[{{"skip": 60}}, "{flaw}"]"#);
        let (told, _) = rehearse(&dir, ("25", "rehearsal"), Some(&faults));
        let (said, _) = ask(&dir, &["signer", "list"]);
        assert!(said.contains("OUT OF USE"), "{flaw}: {said}\n{told}");
        let label = said.lines().find(|line| line.contains("OUT OF USE")).unwrap();
        let label = label.split_whitespace().next().unwrap();
        let history = ask(&dir, &["audit", "verify"]).0;
        assert!(!history.contains("FLAW"), "{history}");
        two_people(&dir, &["signer", "activate", label]);
        for machine in 1..=8 {
            // Whichever stopped may go on.
            ask(&dir, &["position", "resume", &format!("S{machine:02}")]);
        }
        let (told, good) = rehearse(&dir, ("25", "rehearsal"), None);
        assert!(good && told.contains("\nbalanced"), "{flaw}: {told}");
        assert!(super::rehearsal::judge(&dir, &told) > 15);
        let (said, balanced) = ask(&dir, &["reconcile"]);
        assert!(balanced, "{flaw}: {said}");
        let (said, certain) = ask(&dir, &["clock", "show"]);
        assert!(certain, "{said}");
        two_people(&dir, &["clock", "accept"]);
    }
}
