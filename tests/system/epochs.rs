//! The end of a wrapping key with real tokens and real processes: what was copied before it opens for nobody, and a
//! close that is killed at any of its moments is finished by the next start.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not count as tests"
)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use cardwright::base::ids::PersonId;
use cardwright::base::limits::BOOK_LEASE;
use cardwright::base::{Clock, Entropy, Mode};
use cardwright::document::face::Press;
use cardwright::job::fact::RETENTION;
use cardwright::job::{EpochChange, Fact};
use cardwright::line::{Line, Ports};
use cardwright::port::{KeyPurpose, Ledger, Signer};
use cardwright::sim::dossiers::{Plan, generate};
use cardwright::sim::kill::Point;
use cardwright::sim::memory::{MemoryLedger, MemoryPapers, MemoryRegistry, Power};
use cardwright::store::{Holder, SqlOrderBook, SqliteLedger};
use time::macros::date;

use super::control::rules;
use super::hsm::{block_on, fresh_token, in_own_process, on_simulator, open_with, soft_hsm, soft_hsm_config};
use super::processes::{cardwright, told};
use super::retention::in_the_book;

/// A line whose orders are in this file, and whose keys are in the token of this process.
async fn line(signer: Arc<dyn Signer>, orders: &Path) -> Line {
    let clock = Clock::system();
    let power = Power::new(clock);
    let holder = Holder {
        ledger: "Hall 1/K1".to_owned(),
        controller: "K1".to_owned(),
        home: "here".to_owned(),
        lease: BOOK_LEASE,
    };
    let book = SqlOrderBook::in_file(orders, true, &holder).await.unwrap();
    let ports = Ports {
        ledger: Arc::new(MemoryLedger::new(Arc::clone(&power), "Hall 1/K1")),
        book: Arc::new(book),
        registry: Arc::new(MemoryRegistry::new(Arc::clone(&power))),
        signer,
        papers: Arc::new(MemoryPapers::new(power)),
    };
    let press = Press::builtin().unwrap();
    Line::new(ports, rules(Mode::Rehearsal), clock, Entropy::system(), press)
}

/// In a process of its own, with a token of its own.
fn a_copy_from_before_opens_for_nobody() {
    fresh_token();
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let hsm = Arc::new(open_with(2, "12345678").unwrap());
        hsm.generate("lookup", KeyPurpose::Lookup).await.unwrap();
        let here = line(
            Arc::clone(&hsm) as Arc<dyn Signer>,
            &folder.path().join("orders.db"),
        )
        .await;
        let people = generate(Plan {
            seed: 9,
            count: 1,
            issued: date!(2026 - 11 - 22),
            intake: None,
        });
        let (one, other) = (people.truth(0), people.truth(1));
        let (first, second) = (in_the_book(&here, &one).await, in_the_book(&here, &other).await);
        // A backup as it should be made: the database says itself what is in it.
        let backup = folder.path().join("backup.db");
        let online = sqlx::sqlite::SqlitePool::connect(&format!(
            "sqlite:{}",
            folder.path().join("orders.db").display()
        ))
        .await
        .unwrap();
        sqlx::query("VACUUM INTO $1")
            .bind(backup.to_str().unwrap())
            .execute(&online)
            .await
            .unwrap();
        online.close().await;
        let then = line(Arc::clone(&hsm) as Arc<dyn Signer>, &backup).await;
        for (order, dossier) in [(first, &one), (second, &other)] {
            assert!(
                then.dossier(order).await.unwrap() == *dossier,
                "the backup is whole"
            );
        }

        // The first is erased, the second is still needed; then the epoch closes.
        let cancel = cardwright::port::OrderChange::Cancel;
        here.ports.book.change(first, cancel).await.unwrap();
        let two = vec![PersonId::new("an"), PersonId::new("binh")];
        here.erase_order(first, "request of the person", &two)
            .await
            .unwrap();
        assert!(
            then.dossier(first).await.unwrap() == one,
            "until its key is destroyed"
        );
        let label = here.wrapping_key().await.unwrap();
        assert_eq!(here.close_early(&label, two).await.unwrap(), 1);

        let wrap = |label: &str| format!("{label}.2");
        let keys = hsm.keys().await.unwrap();
        let left: Vec<&str> = keys.iter().map(|key| key.label.as_str()).collect();
        assert_eq!(left, ["lookup", &wrap(&label)]);
        assert!(here.dossier(second).await.unwrap() == other);
        assert_eq!(here.dossier(first).await.unwrap_err().code.id, "LIN-040");
        for order in [first, second] {
            let fault = then.dossier(order).await.unwrap_err();
            assert_eq!(fault.code.id, "LIN-042", "{fault}");
            assert!(fault.to_string().contains(&label), "{fault}");
        }
        hsm.stop().await.unwrap();
    });
}

#[test]
fn a_copy_from_before_opens_for_nobody_with_hsm_sim() {
    let name = "epochs::a_copy_from_before_opens_for_nobody_with_hsm_sim";
    on_simulator(name, a_copy_from_before_opens_for_nobody);
}

#[test]
fn a_copy_from_before_opens_for_nobody_with_softhsm2() {
    let folder = tempfile::tempdir().unwrap();
    let config = soft_hsm_config(folder.path());
    in_own_process(
        "epochs::a_copy_from_before_opens_for_nobody_with_softhsm2",
        &soft_hsm(),
        &[("SOFTHSM2_CONF", &config)],
        a_copy_from_before_opens_for_nobody,
    );
}

/// A process that does not outlive the test, however that ends.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A facility without machines.
struct Facility {
    folder: tempfile::TempDir,
}

impl Facility {
    fn new() -> Self {
        let facility = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let made = facility.ask(&[
            "init",
            "--name",
            "rehearsal",
            "--mode",
            "rehearsal",
            "--stations",
            "0",
            "--desks",
            "0",
        ]);
        assert!(made.status.success(), "{}", told(&made));
        facility
    }

    fn dir(&self) -> PathBuf {
        self.folder.path().join("facility")
    }

    fn command(&self, words: &[&str]) -> Command {
        cardwright(&self.dir(), words)
    }

    fn ask(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    /// A daemon that answers, and dies at this point.
    fn run(&self, until: Option<&str>) -> Daemon {
        // Whoever asks while nobody answers there would open the facility itself, and shut the daemon out.
        let socket = self.dir().join("control.sock");
        let _ = std::fs::remove_file(&socket);
        let mut command = self.command(&["run"]);
        if let Some(point) = until {
            command.env("CARDWRIGHT_KILL_AT", point);
        }
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let daemon = Daemon(command.spawn().unwrap());
        for _ in 0..300 {
            if socket.exists() && self.ask(&["privacy", "show"]).status.success() {
                return daemon;
            }
            cardwright::base::clock::pause(Duration::from_millis(50));
        }
        panic!("the daemon does not answer");
    }

    /// Label of the oldest open epoch's key; the daemon makes the first a moment after its start.
    fn oldest(&self) -> String {
        for _ in 0..300 {
            let shown = self.ask(&["privacy", "show", "--json"]);
            let shown: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
            if let Some(label) = shown["epochs"][0]["label"].as_str() {
                return label.to_owned();
            }
            cardwright::base::clock::pause(Duration::from_millis(50));
        }
        panic!("no epoch is open");
    }

    fn close(&self, label: &str) -> Output {
        self.ask(&["privacy", "close", label, "--as", "an"]);
        self.ask(&["privacy", "close", label, "--as", "binh"])
    }

    /// Labels of the wrapping keys that the token has.
    fn keys(&self) -> Vec<String> {
        let listed = told(&self.ask(&["key", "list"]));
        let lines = listed.lines().filter(|line| line.contains("Wrap"));
        lines
            .filter_map(|line| Some(line.split_whitespace().next()?.to_owned()))
            .collect()
    }

    /// What the ledger says of this epoch.
    fn said(&self, label: &str) -> Vec<EpochChange> {
        block_on(async {
            let ledger = SqliteLedger::read(&self.dir().join("ledger.db"), "rehearsal/K1")
                .await
                .unwrap();
            let history = ledger.history(RETENTION).await.unwrap();
            ledger.close().await;
            let said = history.into_iter().filter_map(|entry| match entry.fact {
                Fact::Epoch {
                    label: of, change, ..
                } if of == label => Some(change),
                _ => None,
            });
            said.collect()
        })
    }
}

#[test]
fn a_close_that_is_killed_at_any_moment_is_finished_by_the_next_start() {
    let facility = Facility::new();
    let points: Vec<String> = Point::seldom().map(|point| point.to_string()).collect();
    assert_eq!(points.len(), 5);
    for point in &points {
        let mut daemon = facility.run(Some(point));
        let label = facility.oldest();
        let closed = facility.close(&label);
        assert!(
            !closed.status.success(),
            "{point} was not reached\n{}",
            told(&closed)
        );
        assert_eq!(
            daemon.0.wait().unwrap().code(),
            None,
            "{point}: it was to be killed"
        );
        let intended = facility.said(&label).contains(&EpochChange::Closing);
        assert_eq!(intended, !point.ends_with("before-intent"), "{point}");

        let mut daemon = facility.run(None);
        let shown = told(&facility.ask(&["privacy", "show"]));
        let pid = rustix::process::Pid::from_raw(daemon.0.id().try_into().unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert!(daemon.0.wait().unwrap().success());
        assert_eq!(
            shown.contains(&format!("{label}  ")),
            !intended,
            "{point}: {shown}"
        );
        assert_eq!(facility.keys().contains(&label), !intended, "{point}");
        if intended {
            let (opened, closing, closed) = (EpochChange::Opened, EpochChange::Closing, EpochChange::Closed);
            assert_eq!(facility.said(&label), [opened, closing, closed], "{point}");
        }
    }
    let verified = facility.ask(&["audit", "verify"]);
    assert!(verified.status.success(), "{}", told(&verified));
}
