//! It stops when it must, says why, and goes on when the cause is gone: with the real program and the real SQLite.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not count as tests"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use cardwright::base::Clock;
use cardwright::port::Ledger;
use cardwright::sim::hall;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

use super::hsm::block_on;
use super::processes::{cardwright, end_hall, ledger, preloaded, told};
use super::rehearsal::judge;

const CARDS: &str = "24";
/// Records that a controller has made before its disk fails.
const RECORDS: u64 = 40;

/// A facility whose dossiers are admitted, and a hall that runs; no controller.
struct Facility {
    dir: tempfile::TempDir,
}

impl Facility {
    /// The first controller dies as soon as all is ready.
    fn new() -> Self {
        let facility = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        // The hall that it starts keeps what it inherits: nobody may wait for the end of its output.
        let died = facility
            .command(env!("CARGO_BIN_EXE_cardwright").as_ref())
            .env("CARDWRIGHT_KILL_AT", "start/before-outcome")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(!died.success(), "it was to die");
        assert!(hall::running(&facility.hall()).is_some());
        facility
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn hall(&self) -> PathBuf {
        self.path().join("hall")
    }

    /// `rehearse`, started by this program.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_remove("HSM_SIM_DIR")
            .args(["rehearse", "--cards", CARDS, "--facility"])
            .arg(self.path());
        command
    }

    /// The hall ends with the controller that has failed, and takes a moment to put its books on disk.
    fn hall_rests(&self) {
        let clock = block_on(async { Clock::system() });
        while hall::running(&self.hall()).is_some() {
            assert!(clock.elapsed() < Duration::from_secs(20), "the hall does not end");
            block_on(clock.sleep(Duration::from_millis(20)));
        }
    }

    /// Works to the end, which must be a balanced one.
    fn goes_on(&self) {
        let output = self
            .command(env!("CARGO_BIN_EXE_cardwright").as_ref())
            .output()
            .unwrap();
        let told = told(&output);
        assert!(output.status.success() && told.contains("\nbalanced"), "{told}");
        assert!(judge(self.path(), &told) > 15, "{told}");
    }

    fn records(&self) -> u64 {
        block_on(async {
            let ledger = ledger(self.path()).await;
            let size = ledger.size().await.unwrap();
            ledger.close().await;
            size
        })
    }

    /// Did its controller claim a lot?
    fn has_claimed(&self) -> bool {
        let records = block_on(async {
            let ledger = ledger(self.path()).await;
            let records = ledger.entries_after(0, 10_000).await.unwrap();
            ledger.close().await;
            records
        });
        records.iter().any(|record| record.kind == "lot_claimed")
    }

    /// Carries out a statement on the ledger's file.
    fn bend(&self, statement: &'static str) {
        block_on(async {
            let options = SqliteConnectOptions::new().filename(self.path().join("ledger.db"));
            let pool = SqlitePool::connect_with(options).await.unwrap();
            let done = sqlx::query(statement).execute(&pool).await.unwrap();
            assert_eq!(done.rows_affected(), 1);
            pool.close().await;
        });
    }

    /// `run --drain` must stop for this reason, which it names.
    fn refuses(&self, code: &str) {
        let output = cardwright(self.path(), &["run", "--drain"]).output().unwrap();
        let told = told(&output);
        assert!(!output.status.success(), "it did not stop\n{told}");
        assert!(told.contains(code), "{code} is not told\n{told}");
    }
}

impl Drop for Facility {
    fn drop(&mut self) {
        end_hall(&self.hall());
    }
}

/// The disk begins to fail when some cards are under way; the controller stops and says why; nothing that it had
/// confirmed is lost, and with a good disk it goes on.
fn halts_on(trouble: &str, code: &str) {
    let facility = Facility::new();
    let away = tempfile::tempdir().unwrap();
    let switch = away.path().join("trouble");
    let before = facility.records();
    let controller = facility
        .command(env!("CARGO_BIN_EXE_cardwright").as_ref())
        .env("LD_PRELOAD", preloaded("halt/disk.c", away.path()))
        .env("DISK_TROUBLE", &switch)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let clock = block_on(async { Clock::system() });
    let deadline = Duration::from_secs(60);
    while facility.records() < before + RECORDS {
        assert!(clock.elapsed() < deadline, "it makes no cards");
        block_on(clock.sleep(Duration::from_millis(20)));
    }
    std::fs::write(&switch, trouble).unwrap();
    let output = controller.wait_with_output().unwrap();
    let told = told(&output);
    assert!(!output.status.success(), "it did not stop\n{told}");
    assert!(told.contains(code), "{code} is not told\n{told}");
    facility.hall_rests();
    facility.goes_on();
}

#[test]
fn a_full_disk_stops_it_and_space_lets_it_go_on() {
    halts_on("w", "STO-012");
}

#[test]
fn a_disk_that_does_not_confirm_stops_it() {
    halts_on("s", "STO-014");
}

/// No library in between: the kernel itself refuses the ledger another byte.
#[test]
fn a_limit_of_the_system_stops_it() {
    let facility = Facility::new();
    // The largest file any process of this controller may have, in kilobytes: a few commits more than there are.
    let log = std::fs::metadata(facility.path().join("ledger.db-wal")).map_or(0, |file| file.len());
    let most = (log / 1024 + 400).to_string();
    let mut shell = Command::new("bash");
    let words = "trap '' XFSZ; ulimit -f \"$1\"; shift; exec \"$@\"";
    let output = shell
        .args(["-c", words, "bash", &most, env!("CARGO_BIN_EXE_cardwright")])
        .args(["rehearse", "--cards", CARDS, "--facility"])
        .arg(facility.path())
        .env_remove("HSM_SIM_DIR")
        .output()
        .unwrap();
    let told = told(&output);
    assert!(!output.status.success(), "it did not stop\n{told}");
    assert!(told.contains("STO-0"), "{told}");
    facility.hall_rests();
    facility.goes_on();
}

#[test]
fn a_ledger_that_is_not_what_it_was_stops_it() {
    let facility = Facility::new();
    // A newer program has been here.
    facility.bend(
        "INSERT INTO _sqlx_migrations (version, description, installed_on, success, checksum, execution_time)
         VALUES (99, 'later', '2030-01-01', 1, x'00', 0)",
    );
    facility.refuses("STO-011");
    facility.bend("DELETE FROM _sqlx_migrations WHERE version = 99");
    // A record was changed: it is named, before anything is built upon it.
    facility.bend("UPDATE entry SET at = at + 1 WHERE seq = 3");
    facility.refuses("AUDIT-002");
    facility.bend("UPDATE entry SET at = at - 1 WHERE seq = 3");
    // The file is damaged.
    let path = facility.path().join("ledger.db");
    let whole = std::fs::read(&path).unwrap();
    let mut broken = whole.clone();
    broken[..100].fill(0);
    std::fs::write(&path, &broken).unwrap();
    facility.refuses("STO-013");
    std::fs::write(&path, &whole).unwrap();
    facility.goes_on();
}

/// What `status` says is short.
fn short(facility: &Facility) -> Option<String> {
    let output = cardwright(facility.path(), &["status", "--json"])
        .output()
        .unwrap();
    let status: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    Some(status.get("short")?.as_str()?.to_owned())
}

/// A controller that runs short from its start claims nothing and says why; once there is room it goes on by itself.
fn waits_for_room(facility: &Facility, mut command: Command, code: &str, make_room: impl FnOnce(u32)) {
    let clock = block_on(async { Clock::system() });
    let log = facility.path().join("controller.log");
    let until = |what: &str, done: &dyn Fn() -> bool| {
        let from = clock.elapsed();
        while !done() {
            let waited = clock.elapsed().saturating_sub(from);
            let said = || std::fs::read_to_string(&log).unwrap();
            assert!(waited < Duration::from_secs(60), "{what}\n{}", said());
            block_on(clock.sleep(Duration::from_millis(50)));
        }
    };
    let mut controller = command
        .args(["run", "--facility"])
        .arg(facility.path())
        .env_remove("HSM_SIM_DIR")
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    // Not by `status`: as long as there is no controller, that holds the ledger itself.
    until("it is not short", &|| {
        std::fs::read_to_string(&log).unwrap().contains(code)
    });
    assert_eq!(short(facility).as_deref(), Some(code));
    assert!(!facility.has_claimed());
    make_room(controller.id());
    until("it does not go on", &|| facility.has_claimed());
    assert_eq!(short(facility), None);
    let process = rustix::process::Pid::from_child(&controller);
    rustix::process::kill_process(process, rustix::process::Signal::TERM).unwrap();
    controller.wait().unwrap();
    facility.goes_on();
}

#[test]
fn few_handles_left_claim_nothing_until_there_are_more() {
    let facility = Facility::new();
    let mut command = Command::new("prlimit");
    // Enough to start with, and to be asked.
    command.args(["--nofile=100:1024", env!("CARGO_BIN_EXE_cardwright")]);
    waits_for_room(&facility, command, "LIN-052", |controller| {
        let raised = Command::new("prlimit")
            .args(["--pid", &controller.to_string(), "--nofile=1024:1024"])
            .status();
        assert!(raised.unwrap().success());
    });
}

#[test]
fn a_nearly_full_disk_claims_nothing_until_there_is_room() {
    const BALLAST: u64 = 2 << 30;
    let facility = Facility::new();
    let ballast = facility.path().join("ballast");
    let file = std::fs::File::create(&ballast).unwrap();
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, BALLAST).unwrap();
    drop(file);
    let found = rustix::fs::statvfs(facility.path()).unwrap();
    // Half of it is missing now; others who write to the same disk meanwhile do not matter.
    let keep_free = (found.f_bavail * found.f_frsize + BALLAST / 2) >> 20;
    let path = facility.path().join("cardwright.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let bent = text.replace("# keep_free_mib = 256", &format!("keep_free_mib = {keep_free}"));
    assert_ne!(text, bent);
    std::fs::write(&path, bent).unwrap();
    let command = Command::new(env!("CARGO_BIN_EXE_cardwright"));
    waits_for_room(&facility, command, "LIN-050", |_| {
        std::fs::remove_file(&ballast).unwrap();
    });
}

/// A cable that is not there is its position's matter: the others make the cards, and once it is plugged in a person
/// lets the position go on.
#[test]
fn a_missing_cable_stops_one_position_and_no_other() {
    let facility = Facility::new();
    let cables = ["stations/S01/printer", "desks/D1/scanner"].map(|cable| facility.hall().join(cable));
    for cable in &cables {
        std::fs::rename(cable, cable.with_extension("away")).unwrap();
    }
    let output = cardwright(facility.path(), &["run", "--drain"]).output().unwrap();
    let told = told(&output);
    assert!(told.contains("SER-001") && told.contains("S01"), "{told}");
    assert!(told.contains("\nbalanced"), "{told}");
    for cable in &cables {
        std::fs::rename(cable.with_extension("away"), cable).unwrap();
    }
    facility.goes_on();
}
