//! What stops signatures, and what does not, with the real program: a signer that is used up and its successor, a clock
//! that is moved, an HSM that is away when the controller starts.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not count as tests"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cardwright::base::Clock;
use cardwright::job::{Event, Fact};
use cardwright::port::Ledger;

use super::hsm::block_on;
use super::processes::{end_hall, ledger, told};
use super::rehearsal::judge;

/// Dossiers of a facility; a few are returned or held.
const CARDS: &str = "40";
/// Cards that the first signer may sign, in all.
const LIMIT: usize = 20;
/// Whatever is waited for happens within this.
const PATIENCE: Duration = Duration::from_secs(90);

/// A facility whose dossiers are admitted. No controller runs.
struct Facility {
    dir: tempfile::TempDir,
}

impl Facility {
    /// The first controller dies as soon as all is ready.
    fn new() -> Self {
        let facility = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        let died = facility
            .controller()
            .env("CARDWRIGHT_KILL_AT", "start/before-outcome")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(!died.success(), "it was to die");
        facility
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cardwright"));
        command
            .env_remove("HSM_SIM_DIR")
            .args(words)
            .arg("--dir")
            .arg(self.dir.path());
        command
    }

    fn controller(&self) -> Command {
        self.command(&["rehearse", "--cards", CARDS])
    }

    fn start(&self) -> Child {
        let mut controller = self.controller();
        controller.stdout(Stdio::piped()).stderr(Stdio::piped());
        controller.spawn().unwrap()
    }

    /// What a verb said, and whether it was good.
    fn ask(&self, words: &[&str]) -> (String, bool) {
        let output = self.command(words).output().unwrap();
        (told(&output), output.status.success())
    }

    /// One person alone changes nothing, twice or not; a second does.
    fn two_people(&self, words: &[&str]) {
        for again in [false, true] {
            let (said, done) = self.ask(&[words, &["--as", "an"]].concat());
            assert!(!done, "one person is enough? again: {again}\n{said}");
        }
        let (said, done) = self.ask(&[words, &["--as", "binh"]].concat());
        assert!(done, "{said}");
    }

    fn facts(&self) -> Vec<Fact> {
        block_on(async {
            let ledger = ledger(self.dir.path()).await;
            let mut facts = Vec::new();
            loop {
                let after = u64::try_from(facts.len()).unwrap();
                let page = ledger.entries_after(after, 1_000).await.unwrap();
                if page.is_empty() {
                    break;
                }
                facts.extend(
                    page.iter()
                        .map(|entry| serde_json::from_slice(&entry.body).unwrap()),
                );
            }
            ledger.close().await;
            facts
        })
    }

    /// Signatures on cards, by signer.
    fn signed(&self) -> BTreeMap<String, usize> {
        let mut signed = BTreeMap::new();
        for fact in self.facts() {
            if let Fact::Attempt {
                event: Event::SignIntended { signer, .. },
                ..
            } = fact
            {
                *signed.entry(signer).or_default() += 1;
            }
        }
        signed
    }

    fn signatures(&self) -> usize {
        self.signed().values().sum()
    }

    /// The controller comes to a balanced end, and the HSM has signed what the ledger says.
    fn ends_well(&self, controller: Child) -> String {
        let output = controller.wait_with_output().unwrap();
        let said = told(&output);
        assert!(output.status.success() && said.contains("\nbalanced"), "{said}");
        assert!(judge(self.dir.path(), &said) > 25, "{said}");
        let (books, agree) = self.ask(&["reconcile"]);
        assert!(agree, "{books}");
        said
    }

    /// As the facility's settings say, with this change.
    fn settings(&self, change: impl FnOnce(&str) -> String) {
        let path = self.path("cardwright.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, change(&text)).unwrap();
    }

    fn hsm(&self, faults: &str) {
        std::fs::write(self.path("token/faults.json"), faults).unwrap();
    }
}

impl Drop for Facility {
    fn drop(&mut self) {
        end_hall(&self.path("hall"));
    }
}

fn pause(time: Duration) {
    block_on(async { Clock::system().sleep(time).await });
}

/// Waits until this is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let clock = block_on(async { Clock::system() });
    while !is_so() {
        assert!(clock.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        pause(Duration::from_millis(50));
    }
}

/// The library that moves the clock, built for this test.
fn moved_clock(into: &Path) -> PathBuf {
    let library = into.join("clock.so");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/system/clock.c"))
        .status()
        .unwrap();
    assert!(built.success());
    library
}

/// The first signer may sign twenty cards. Its successor is not known when the line starts; it is staged and brought
/// into use by two people while cards are made, and takes over with the very card at which the limit is reached.
#[test]
fn a_signer_that_is_used_up_is_followed_by_the_next_without_a_stop() {
    let facility = Facility::new();
    let mut second = String::new();
    let signed_before = facility.signatures();
    facility.settings(|text| {
        let (rest, signers) = text.split_once("[[signers]]").unwrap();
        let (first, other) = signers.split_once("[[signers]]").unwrap();
        second = format!("[[signers]]{other}");
        // The token counts test signatures of starts, too; those are not cards.
        format!(
            "{rest}[[signers]]{}\nlimit = {}\n",
            first.trim_end(),
            signed_before + LIMIT + 4
        )
    });
    // Slow enough that people are faster than the limit.
    facility.hsm(r#"[{"per_second": 30}]"#);
    let controller = facility.start();
    until("the line signs", || facility.signatures() > signed_before);
    facility.settings(|text| format!("{text}\n{second}"));
    let label = second
        .split("label = \"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let (said, _) = facility.ask(&["signer", "list"]);
    assert!(!said.contains(label), "it is not known yet\n{said}");
    let (said, staged) = facility.ask(&["signer", "stage", label]);
    assert!(staged, "{said}");
    facility.two_people(&["signer", "activate", label]);
    facility.hsm(r#"[{"per_second": 0}]"#);
    facility.ends_well(controller);
    let signed = facility.signed();
    assert_eq!(signed.len(), 2, "{signed:?}");
    assert!(
        signed[label] > 5 && signed.values().sum::<usize>() > LIMIT,
        "{signed:?}"
    );
    let stopped = facility
        .facts()
        .into_iter()
        .any(|fact| matches!(fact, Fact::PositionStopped { .. }));
    assert!(!stopped, "no machine noticed");
}

/// The wall clock of a running controller is set back: nothing is signed. Set right again, it goes on. Set ahead,
/// nothing is signed until two people accept it.
#[test]
fn a_clock_that_is_moved_under_a_running_line_stops_its_signatures() {
    let facility = Facility::new();
    let away = tempfile::tempdir().unwrap();
    let offset = away.path().join("offset");
    std::fs::write(&offset, "0").unwrap();
    facility.hsm(r#"[{"per_second": 25}]"#);
    let mut controller = facility.controller();
    let controller = controller
        .env("LD_PRELOAD", moved_clock(away.path()))
        .env("CLOCK_OFFSET", &offset)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut signed = facility.signatures();
    for (by, word) in [("-7200", "WENT BACK"), ("7200", "JUMPED AHEAD")] {
        until("the line signs", || facility.signatures() > signed + 3);
        std::fs::write(&offset, by).unwrap();
        until("it is noticed", || {
            let (said, certain) = facility.ask(&["clock", "show"]);
            !certain && said.contains(word)
        });
        // What was asked for before is answered by now.
        pause(Duration::from_millis(500));
        signed = facility.signatures();
        pause(Duration::from_secs(2));
        assert_eq!(facility.signatures(), signed, "{word}, and it signs");
        if by == "-7200" {
            std::fs::write(&offset, "0").unwrap();
        }
    }
    facility.two_people(&["clock", "accept"]);
    let (said, certain) = facility.ask(&["clock", "show"]);
    assert!(certain, "{said}");
    facility.hsm(r#"[{"per_second": 0}]"#);
    facility.ends_well(controller);
    assert!(facility.signatures() > signed + 3);
}

/// After a power cut the HSM is the last to come back: the controller says that it waits, and then works.
#[test]
fn a_controller_that_starts_before_its_hsm_waits_and_says_so() {
    let facility = Facility::new();
    facility.hsm(r#"[{"token_absent": 2}]"#);
    let said = facility.ends_well(facility.start());
    assert!(said.contains("waiting for the HSM"), "{said}");
    assert!(!facility.path("token/faults.json").exists(), "it was away");
}
