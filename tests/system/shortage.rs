//! Memory and handles that run out: the line does less, or ends; it loses nothing, and goes on when there is enough.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not count as tests"
)]

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use cardwright::base::clock::{Stopwatch, pause};
use rustix::process::Signal;

use super::processes::{cardwright, finish, open_hall, signal, told};
use super::rehearsal::judge;

/// With 50 cards on two machines.
const CARDS: &str = "50";
/// A controller that has too little may stand still instead of ending; then somebody ends it.
const PATIENCE: Duration = Duration::from_secs(8);
/// Its machines finish what they have begun.
const ENDS: Duration = Duration::from_secs(20);
/// Handles: some are enough to start, and none of these for everything.
const HANDLES: [&str; 3] = ["-n 36", "-n 40", "-n 44"];
/// Address space, in KiB: too little to start, to take work on, for all its work at once; nearly enough.
const MEMORY: [&str; 4] = ["-v 80000", "-v 120000", "-v 150000", "-v 175000"];

/// A controller under this limit, to its end; true if it ended well.
fn works_under(dir: &Path, limit: &str) -> bool {
    let program = env!("CARGO_BIN_EXE_cardwright");
    let mut controller = Command::new("sh")
        .env_remove("HSM_SIM_DIR")
        .arg("-c")
        .arg(format!(
            "ulimit {limit}; exec {program} run --drain --facility \"$0\""
        ))
        .arg(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let watch = Stopwatch::start();
    let mut asked = false;
    loop {
        if let Some(status) = controller.try_wait().unwrap() {
            return status.success();
        }
        if watch.elapsed() > PATIENCE && !asked {
            asked = signal(controller.id(), Signal::TERM);
        }
        assert!(watch.elapsed() < PATIENCE + ENDS, "{limit}: it does not end");
        pause(Duration::from_millis(50));
    }
}

/// Works under each limit in turn on one facility, then with enough of everything.
fn survives(limits: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let small = [
        "rehearse",
        "--cards",
        CARDS,
        "--stations",
        "2",
        "--desks",
        "1",
        "--prepare",
    ];
    let prepared = cardwright(dir, &small).output().unwrap();
    assert!(prepared.status.success(), "{}", told(&prepared));
    // The hall has all it wants.
    let hall = open_hall(&dir.join("hall"));
    let ended_well = limits.iter().filter(|limit| works_under(dir, limit)).count();
    assert!(ended_well < limits.len(), "nothing ran out");
    drop(hall);
    let text = finish(|| cardwright(dir, &["rehearse"]), dir);
    assert!(judge(dir, &text) > 40, "{text}");
}

#[test]
fn without_handles_it_makes_less_and_loses_nothing() {
    survives(&HANDLES);
}

#[test]
fn without_memory_it_ends_and_loses_nothing() {
    survives(&MEMORY);
}
