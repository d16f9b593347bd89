//! The second copy of the ledger: the drill in which the first disk is lost while cards are under way, and a backup
//! that is older than what was made since.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not count as tests"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use cardwright::sim::hall;

use super::processes::{cardwright, end_hall, told};
use super::rehearsal::judge;

const CARDS: &str = "24";
/// The controller dies and its disk is lost at these moments: after a chip was sealed, while a card is printed, when a
/// card was delivered, while it is put into its box.
const LOSSES: [&str; 4] = [
    "seal/before-outcome:3",
    "print/mid-act:9",
    "deliver/before-outcome:4",
    "box/before-outcome:2",
];

struct Facility(tempfile::TempDir);

impl Facility {
    /// A facility with a second disk, its dossiers admitted, and a hall that runs.
    fn new() -> Self {
        let facility = Self::with_one_disk();
        let settings = facility.path().join("cardwright.toml");
        let text = std::fs::read_to_string(&settings).unwrap();
        let second = format!("[paths]\nledger_copy = {:?}", facility.second());
        std::fs::write(settings, text.replacen("[paths]", &second, 1)).unwrap();
        facility
    }

    fn with_one_disk() -> Self {
        let facility = Self(tempfile::tempdir().unwrap());
        // The hall that it starts keeps what it inherits: nobody may wait for the end of its output.
        let died = Command::new(env!("CARGO_BIN_EXE_cardwright"))
            .env_remove("HSM_SIM_DIR")
            .env("CARDWRIGHT_KILL_AT", "start/before-outcome")
            .args(["rehearse", "--cards", CARDS, "--facility"])
            .arg(facility.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(!died.success() && hall::running(&facility.hall()).is_some());
        facility
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn hall(&self) -> PathBuf {
        self.path().join("hall")
    }

    fn second(&self) -> PathBuf {
        self.path().join("second-disk")
    }

    fn cardwright(&self, words: &[&str], until: Option<&str>) -> Output {
        let mut command = cardwright(self.path(), words);
        if let Some(point) = until {
            command.env("CARDWRIGHT_KILL_AT", point);
        }
        command.output().unwrap()
    }

    fn rehearse(&self, until: Option<&str>) -> Output {
        self.cardwright(&["rehearse", "--cards", CARDS], until)
    }

    /// Works to the end, which must be a balanced one, with one good card for each order; answers how many.
    fn goes_on(&self) -> usize {
        let end = told(&self.rehearse(None));
        assert!(end.contains("\nbalanced"), "{end}");
        judge(self.path(), &end)
    }

    /// The first disk is lost, and the second copy takes its place.
    fn loses_the_first_disk(&self) {
        for file in self.files() {
            let _ = std::fs::remove_file(file);
        }
        self.audit_is_sound("restore");
    }

    fn audit_is_sound(&self, verb: &str) {
        let output = self.cardwright(&["audit", verb], None);
        assert!(output.status.success(), "{}", told(&output));
    }

    /// The ledger's file and what SQLite keeps beside it.
    fn files(&self) -> [PathBuf; 3] {
        ["ledger.db", "ledger.db-wal", "ledger.db-shm"].map(|name| self.path().join(name))
    }
}

/// A ledger as it is now, in a folder of its own.
struct Backup(tempfile::TempDir);

impl Backup {
    fn of(facility: &Facility) -> Self {
        let backup = Self(tempfile::tempdir().unwrap());
        for file in facility.files().iter().filter(|file| file.exists()) {
            std::fs::copy(file, backup.place(file)).unwrap();
        }
        backup
    }

    fn place(&self, file: &Path) -> PathBuf {
        self.0.path().join(file.file_name().unwrap())
    }

    /// Somebody brings it back.
    fn restore(&self, facility: &Facility) {
        for file in facility.files() {
            let _ = std::fs::remove_file(&file);
            if self.place(&file).exists() {
                std::fs::copy(self.place(&file), &file).unwrap();
            }
        }
    }
}

impl Drop for Facility {
    fn drop(&mut self) {
        end_hall(&self.hall());
    }
}

#[test]
fn the_first_disk_is_lost_and_the_second_goes_on() {
    let facility = Facility::new();
    for loss in LOSSES {
        let died = facility.rehearse(Some(loss));
        assert!(!died.status.success(), "{loss} was not reached\n{}", told(&died));
        facility.loses_the_first_disk();
    }
    assert!(facility.goes_on() > 15);
    facility.audit_is_sound("verify");
}

#[test]
fn a_backup_is_not_taken_for_the_ledger() {
    let facility = Facility::new();
    let died = facility.rehearse(Some("deliver/before-outcome:2"));
    assert!(!died.status.success(), "{}", told(&died));
    // Somebody keeps the ledger of this moment, and brings it back when more was made.
    let backup = Backup::of(&facility);
    let died = facility.rehearse(Some("box/before-outcome:3"));
    assert!(!died.status.success(), "{}", told(&died));
    backup.restore(&facility);
    let refused = facility.rehearse(None);
    assert!(
        !refused.status.success() && told(&refused).contains("STO-015"),
        "{}",
        told(&refused)
    );
    facility.audit_is_sound("restore");
    facility.goes_on();
}

#[test]
fn a_backup_is_not_taken_for_the_ledger_where_only_signed_heads_remember() {
    let facility = Facility::with_one_disk();
    let died = facility.rehearse(Some("deliver/before-outcome:2"));
    assert!(!died.status.success(), "{}", told(&died));
    let early = Backup::of(&facility);
    let end = told(&facility.rehearse(None));
    assert!(end.contains("\nbalanced"), "{end}");
    let late = Backup::of(&facility);

    early.restore(&facility);
    for words in [&["rehearse", "--cards", CARDS][..], &["run", "--drain"]] {
        let refused = told(&facility.cardwright(words, None));
        assert!(refused.contains("AUDIT-005"), "{refused}");
    }
    late.restore(&facility);
    facility.goes_on();
    facility.audit_is_sound("verify");
}

#[test]
fn what_a_signed_head_covers_outlives_the_first_disk() {
    let facility = Facility::new();
    let died = facility.rehearse(Some("box/before-outcome:2"));
    assert!(!died.status.success(), "{}", told(&died));
    facility.audit_is_sound("sign");
    facility.loses_the_first_disk();
    facility.goes_on();
}
