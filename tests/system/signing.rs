//! What stops signatures, and what does not, with the real program: a signer that is used up and its successor, a clock
//! that is moved, an HSM that is away when the controller starts.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not count as tests"
)]

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cardwright::base::Clock;
use cardwright::job::{Event, Fact};
use cardwright::port::Ledger;

use super::hsm::block_on;
use super::processes::{cardwright, end_hall, ledger, preloaded, told};
use super::rehearsal::judge;

/// Dossiers of a facility; a few are returned or held.
const CARDS: &str = "40";
/// Cards that a signer with a limit may sign.
const LIMIT: usize = 10;
/// Whatever is waited for happens within this.
const PATIENCE: Duration = Duration::from_secs(90);

/// A facility whose dossiers are admitted. No controller runs.
struct Facility {
    dir: tempfile::TempDir,
}

/// A controller, which a failed test does not leave behind.
struct Controller(Option<Child>);

impl Drop for Controller {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
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
        cardwright(self.dir.path(), words)
    }

    fn controller(&self) -> Command {
        self.command(&["rehearse", "--cards", CARDS])
    }

    fn start(&self) -> Controller {
        started(&mut self.controller())
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

    /// Who was asked for each signature, in their order.
    fn signed(&self) -> Vec<String> {
        let asked = |fact| match fact {
            Fact::Attempt {
                event: Event::SignIntended { signer, .. },
                ..
            } => Some(signer),
            _ => None,
        };
        self.facts().into_iter().filter_map(asked).collect()
    }

    /// Signatures that came back and are on record.
    fn signatures(&self) -> usize {
        let signed = |fact: &&Fact| {
            matches!(
                fact,
                Fact::Attempt {
                    event: Event::Signed { .. },
                    ..
                }
            )
        };
        self.facts().iter().filter(signed).count()
    }

    /// The controller comes to a balanced end, and the HSM has signed what the ledger says.
    fn ends_well(&self, mut controller: Controller) -> String {
        let output = controller.0.take().unwrap().wait_with_output().unwrap();
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

fn started(controller: &mut Command) -> Controller {
    controller.stdout(Stdio::piped()).stderr(Stdio::piped());
    Controller(Some(controller.spawn().unwrap()))
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

/// One signer is known when the line starts. Another, which goes first and may sign ten cards, is staged and brought
/// into use by two people while cards are made; with the very card at which its limit is reached the first takes over
/// again.
#[test]
fn signers_take_over_from_each_other_in_the_middle_of_a_run() {
    let facility = Facility::new();
    let mut second = String::new();
    facility.settings(|text| {
        let (before, rest) = text.split_once("[[signers]]").unwrap();
        let (block, after) = rest.split_once("[[signers]]").unwrap();
        // What the ceremony and the staging test is counted, too: two signatures that go on no card.
        second = format!("[[signers]]{}\nlimit = {}\n", block.trim_end(), LIMIT + 2);
        format!("{before}[[signers]]{after}")
    });
    let label = second
        .split("label = \"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    // Slow enough that people are faster than the machines.
    facility.hsm(r#"[{"per_second": 30}]"#);
    let controller = facility.start();
    until("the line signs", || facility.signatures() > 0);
    facility.settings(|text| format!("{text}\n{second}"));
    let (said, _) = facility.ask(&["signer", "list"]);
    assert!(!said.contains(label), "it is not known yet\n{said}");
    let (said, staged) = facility.ask(&["signer", "stage", label]);
    assert!(staged, "{said}");
    facility.two_people(&["signer", "activate", label]);
    facility.hsm(r#"[{"per_second": 0}]"#);
    facility.ends_well(controller);
    let signed = facility.signed();
    let by_it = signed.iter().filter(|signer| *signer == label).count();
    assert!((LIMIT - 2..=LIMIT).contains(&by_it), "{signed:?}");
    let [first, last] = [signed.first(), signed.last()].map(|signer| signer.map(String::as_str));
    assert!(
        first == last && first.is_some_and(|signer| signer != label),
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
    controller
        .env("LD_PRELOAD", preloaded("clock.c", away.path()))
        .env("CLOCK_OFFSET", &offset);
    let controller = started(&mut controller);
    let mut signed = facility.signatures();
    for (by, word) in [("-7200", "WENT BACK"), ("7200", "JUMPED AHEAD")] {
        until("the line signs", || facility.signatures() > signed + 3);
        std::fs::write(&offset, by).unwrap();
        until("it is noticed", || {
            let (said, certain) = facility.ask(&["clock", "show"]);
            !certain && said.contains(word)
        });
        // What was asked for before is answered, and the answers are on record.
        until("the answers are in", || {
            signed = facility.signatures();
            pause(Duration::from_secs(1));
            facility.signatures() == signed
        });
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
    facility.hsm(r#"[{"token_absent": 12}]"#);
    let said = facility.ends_well(facility.start());
    assert!(said.contains("waiting: HSM-"), "{said}");
    assert!(!facility.path("token/faults.json").exists(), "it was away");
}
