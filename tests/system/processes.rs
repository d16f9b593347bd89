//! What tests of whole processes share: what they said, how they are told to end, what they left on record.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests, which clippy does not count as tests"
)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use cardwright::base::clock::{Stopwatch, pause};
use cardwright::job::Standstill;
use cardwright::port::Ledger;
use cardwright::sim::hall;
use cardwright::store::SqliteLedger;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use serde_json::Value;
use time::OffsetDateTime;

/// The name of a rehearsal's ledger.
const LEDGER: &str = "rehearsal/K1";
/// A run that is disturbed ends within so many starts.
const STARTS_MAX: usize = 6;
/// A hall is open within this time, its readers included.
const OPENS: Duration = Duration::from_secs(60);

/// All that a process said.
pub(crate) fn told(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&both).into_owned()
}

/// A library that stands between a program and the system (`LD_PRELOAD`), built from this file of `tests/system`.
pub(crate) fn preloaded(source: &str, into: &Path) -> PathBuf {
    let library = into.join("preloaded.so");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .arg(
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("tests/system")
                .join(source),
        )
        .status()
        .unwrap();
    assert!(built.success());
    library
}

/// Our program with these words, on the facility in this folder.
pub(crate) fn cardwright(dir: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cardwright"));
    command
        .env_remove("HSM_SIM_DIR")
        .args(words)
        .arg("--facility")
        .arg(dir);
    command
}

/// Sends a signal; false if there is no such process any more.
pub(crate) fn signal(process: u32, signal: Signal) -> bool {
    let process = Pid::from_raw(process.try_into().unwrap()).unwrap();
    kill_process(process, signal).is_ok()
}

/// Stops our child, and returns when all of its threads stand; false if it is gone.
pub(crate) fn freeze(process: u32) -> bool {
    let child = Pid::from_raw(process.try_into().unwrap()).unwrap();
    signal(process, Signal::STOP) && waitid(WaitId::Pid(child), WaitIdOptions::STOPPED).is_ok()
}

/// A process that is told to end, and waited for, when its test ends.
pub(crate) struct Ending(pub(crate) Child);

impl Ending {
    /// Ends it, which must go well.
    pub(crate) fn ends_well(mut self) {
        assert!(signal(self.0.id(), Signal::TERM));
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            signal(self.0.id(), Signal::TERM);
            let _ = self.0.wait();
        }
    }
}

/// The hall in this folder, once it is open.
pub(crate) fn open_hall(dir: &Path) -> Ending {
    let hall = Command::new(env!("CARGO_BIN_EXE_cardwright"))
        .args(["sim", "hall"])
        .arg(dir)
        .stdin(Stdio::null())
        .spawn();
    let hall = Ending(hall.unwrap());
    let watch = Stopwatch::start();
    while hall::running(dir) != Some(hall.0.id()) {
        assert!(watch.elapsed() < OPENS, "the hall does not open");
        pause(Duration::from_millis(20));
    }
    hall
}

/// Ends the hall in this folder, which a failed test would leave behind.
pub(crate) fn end_hall(dir: &Path) {
    if let Some(process) = hall::running(dir) {
        signal(process, Signal::TERM);
    }
}

/// The ledger of the rehearsal in this folder, to be read.
pub(crate) async fn ledger(dir: &Path) -> SqliteLedger {
    SqliteLedger::read(&dir.join("ledger.db"), LEDGER).await.unwrap()
}

/// Tells for how long no card of this facility moved at most: what the outage of a test cost.
pub(crate) fn tell_standstill(dir: &Path) {
    let standstill = super::hsm::block_on(async {
        let ledger = ledger(dir).await;
        let (mut standstill, mut seq) = (Standstill::default(), 0);
        loop {
            let page = ledger.entries_after(seq, 500).await.unwrap();
            let Some(last) = page.last() else { break };
            seq = last.seq;
            for entry in &page {
                let at = OffsetDateTime::from_unix_timestamp_nanos(entry.at_unix_ns.into()).unwrap();
                standstill.see(at, &serde_json::from_slice(&entry.body).unwrap());
            }
        }
        ledger.close().await;
        standstill.longest()
    });
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    println!(
        "{test}: no card moved for {:.2} s at most",
        standstill.as_secs_f64()
    );
}

/// Starts again until every order has its card. What lies in quarantine meanwhile is settled by people.
pub(crate) fn finish(rehearse: impl Fn() -> Command, dir: &Path) -> String {
    for _ in 0..STARTS_MAX {
        let text = told(&rehearse().output().unwrap());
        assert!(text.contains("\nbalanced") && !text.contains("NOT "), "{text}");
        let orders = text.lines().find(|line| line.starts_with("Orders:")).unwrap();
        if !orders.contains("waiting") && !orders.contains("inlot") {
            return text;
        }
        settle_quarantined(dir);
    }
    panic!("not at its end after {STARTS_MAX} starts");
}

/// A card whose state is unknown is taken for waste; where nobody knows which blank it was, two people say so.
pub(crate) fn settle_quarantined(dir: &Path) {
    for card in quarantined(dir) {
        let id = card["attempt"].as_str().unwrap();
        if card["chip"].is_string() {
            let spoil = ["spoil", id, "--code", "damaged", "--reason", "lay in quarantine"];
            let output = cardwright(dir, &spoil).output().unwrap();
            assert!(output.status.success(), "{}", told(&output));
        } else {
            for person in ["an", "binh"] {
                cardwright(dir, &["found", id, "--not-found", "--as", person])
                    .output()
                    .unwrap();
            }
        }
    }
    assert_eq!(quarantined(dir).len(), 0);
}

fn quarantined(dir: &Path) -> Vec<Value> {
    let output = cardwright(dir, &["card", "list", "--json"]).output().unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let cards = told["cards"].as_array().unwrap().clone();
    assert_eq!(output.status.code(), Some(i32::from(!cards.is_empty())));
    cards
}
