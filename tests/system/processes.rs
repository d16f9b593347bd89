//! What tests of whole processes share: what they said, how they are told to end, what they left on record.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not count as tests"
)]

use std::path::Path;
use std::process::Output;

use cardwright::sim::hall;
use cardwright::store::SqliteLedger;
use rustix::process::{Pid, Signal, kill_process};

/// The name of a rehearsal's ledger.
const LEDGER: &str = "rehearsal/K1";

/// All that a process said.
pub(crate) fn told(output: &Output) -> String {
    let both = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8_lossy(&both).into_owned()
}

/// Sends a signal; false if there is no such process any more.
pub(crate) fn signal(process: u32, signal: Signal) -> bool {
    let process = Pid::from_raw(process.try_into().unwrap()).unwrap();
    kill_process(process, signal).is_ok()
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
