//! Groups of appends: each stands or falls alone, and the chain stays whole.

use time::macros::datetime;

use super::*;
use crate::audit::chain::{ChainEntry, extend, genesis};
use crate::base::Place;
use crate::base::ids::{LotId, MachineId, OrderKey};
use crate::job::fact::Blank;
use crate::job::fault::ILLEGAL;
use crate::job::stock::Move;
use crate::job::{Event, Evidence, Step};
use crate::store::fault::TWICE;

const LEDGER: &str = "test/K1";

async fn open(dir: &Path, create: bool) -> SqliteLedger {
    let author = Author {
        ledger: LEDGER.to_owned(),
        controller: "K1".to_owned(),
        fence: 1,
    };
    let clock = Clock::starting_at(datetime!(2026-11-22 08:00 UTC));
    SqliteLedger::open(&dir.join("ledger.db"), create, author, clock)
        .await
        .unwrap()
}

fn attempt(order: u64) -> AttemptId {
    AttemptId {
        order: OrderKey(order),
        number: 1,
    }
}

fn machine() -> MachineId {
    MachineId::new("S01")
}

/// A pack of ten blanks in the machine's feeder.
fn stocked() -> Vec<Fact> {
    let pack = PackId::new("P1");
    let blank = |number| Blank {
        blank: BlankId::new(format!("B{number}")),
        chip: ChipId::new(format!("C{number}")),
    };
    let step = |from, to| Fact::Stock {
        step: Move {
            pack: pack.clone(),
            from: Some(from),
            to,
            count: 10,
            by: Vec::new(),
            reason: String::new(),
        },
    };
    vec![
        Fact::PackReceived {
            pack: pack.clone(),
            blank_type: "rehearsal".into(),
            blanks: (0..10).map(blank).collect(),
            by: Vec::new(),
        },
        step(Place::Vault, Place::Issued),
        step(Place::Issued, Place::Feeder(machine())),
    ]
}

fn signed(order: u64) -> Vec<Fact> {
    let event = |event| Fact::attempt(attempt(order), event);
    vec![
        event(Event::Planned {
            lot: LotId(1),
            machine: machine(),
            replaces: None,
        }),
        event(Event::SignIntended {
            signer: "ds".into(),
            digest: format!("d{order}"),
            chip_key: None,
        }),
        event(Event::Signed {
            nonce: None,
            sod: crate::base::ids::SodHash(format!("s{order}")),
        }),
    ]
}

fn bound(order: u64, chip: u64) -> Vec<Fact> {
    let event = |event| Fact::attempt(attempt(order), event);
    vec![
        event(Event::Intended {
            step: Step::Bind,
            machine: machine(),
            aim: None,
        }),
        event(Event::Done {
            evidence: Evidence::Bind {
                chip: ChipId::new(format!("C{chip}")),
                blank: BlankId::new(format!("B{chip}")),
                pack: PackId::new("P1"),
            },
        }),
    ]
}

async fn chain_holds(ledger: &SqliteLedger) -> u64 {
    let mut head = genesis(LEDGER);
    let entries = ledger.entries_after(0, 10_000).await.unwrap();
    for (seq, entry) in (1..).zip(&entries) {
        assert_eq!(entry.seq, seq);
        head = extend(
            &head,
            &ChainEntry {
                seq,
                controller: &entry.controller,
                at_unix_ns: entry.at_unix_ns,
                kind: &entry.kind,
                body: &entry.body,
            },
        );
        assert_eq!(entry.hash, head.0);
    }
    u64::try_from(entries.len()).unwrap()
}

/// The ledger with its second copy in another folder.
async fn open_with_copy(dir: &Path, create: bool) -> Result<SqliteLedger, Fault> {
    let author = Author {
        ledger: "F1/K1".to_owned(),
        controller: "K1".to_owned(),
        fence: 1,
    };
    let path = dir.join("ledger.db");
    let lock = LedgerLock::take(&path, create)?;
    SqliteLedger::open_locked(lock, create, author, Clock::system(), Some(&dir.join("copy"))).await
}

/// Both files of a database as a crash would leave them.
fn files_of(database: &Path) -> [Vec<u8>; 2] {
    [database.to_owned(), super::super::sqlite::log::path(database)]
        .map(|file| std::fs::read(file).unwrap_or_default())
}

fn put(database: &Path, [file, log]: &[Vec<u8>; 2]) {
    std::fs::create_dir_all(database.parent().unwrap()).unwrap();
    std::fs::write(database, file).unwrap();
    std::fs::write(super::super::sqlite::log::path(database), log).unwrap();
}

/// A bit of the log turns over after a crash: the ledger is not opened, and the copy keeps what it knows.
#[tokio::test]
async fn a_damaged_log_is_not_taken_for_its_end_and_harms_no_copy() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = open_with_copy(folder.path(), true).await.unwrap();
    for number in 0..6 {
        ledger.append(vec![told(number)], Vec::new()).await.unwrap();
    }
    let [own, copy] = ["ledger.db", "copy/ledger.db"].map(|name| files_of(&folder.path().join(name)));
    ledger.close().await;
    let at_copy = |dir: &Path| files_of(&dir.join("copy/ledger.db"));
    for (place, what) in [(3, 1), (4, 7)] {
        let crashed = tempfile::tempdir().unwrap();
        let mut bent = own.clone();
        let at = bent[1].len() * place / 6;
        bent[1][at] ^= 1 << what;
        put(&crashed.path().join("ledger.db"), &bent);
        put(&crashed.path().join("copy/ledger.db"), &copy);
        let refused = open_with_copy(crashed.path(), false).await.unwrap_err();
        assert_eq!(refused.code, &super::super::fault::LOG_DAMAGED, "{refused}");
        assert_eq!(at_copy(crashed.path()), copy);
        let read = SqliteLedger::read(&crashed.path().join("ledger.db"), "F1/K1").await;
        assert_eq!(read.unwrap_err().code, &super::super::fault::LOG_DAMAGED);
        // The second copy knows all that was confirmed.
        restore(&crashed.path().join("ledger.db"), &crashed.path().join("copy"))
            .await
            .unwrap();
        let ledger = open_with_copy(crashed.path(), false).await.unwrap();
        assert_eq!(ledger.size().await.unwrap(), 6);
        ledger.close().await;
    }
    // In the last commit nobody can tell a torn end from damage, but the copy was written before it was answered.
    let crashed = tempfile::tempdir().unwrap();
    let mut bent = own.clone();
    let last = bent[1].len() - 100;
    bent[1][last] ^= 1;
    put(&crashed.path().join("ledger.db"), &bent);
    put(&crashed.path().join("copy/ledger.db"), &copy);
    let refused = open_with_copy(crashed.path(), false).await.unwrap_err();
    assert_eq!(refused.code, &super::super::fault::SET_BACK, "{refused}");
    assert_eq!(at_copy(crashed.path()), copy);
}

/// Whoever brings a copy back that was not kept for a while is told, and what was set aside once stays.
#[tokio::test]
async fn a_copy_that_knows_less_is_not_brought_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.db");
    let ledger = open_with_copy(folder.path(), true).await.unwrap();
    ledger.append(vec![told(1)], Vec::new()).await.unwrap();
    ledger.close().await;
    let ledger = open(folder.path(), false).await;
    ledger.append(vec![told(2)], Vec::new()).await.unwrap();
    ledger.close().await;
    let refused = restore(&path, &folder.path().join("copy")).await.unwrap_err();
    assert_eq!(refused.code, &super::super::fault::AHEAD);
    // Moved away by hand, it is replaced; and once more, the first one stays.
    for aside in 1..=2 {
        std::fs::write(&path, [aside]).unwrap();
        restore(&path, &folder.path().join("copy")).await.unwrap();
        assert_eq!(
            std::fs::read(path.with_extension(format!("set-aside-{aside}"))).unwrap(),
            [aside]
        );
    }
}

fn told(number: u64) -> Fact {
    Fact::OrderChanged {
        order: OrderKey(number),
        change: "hold".to_owned(),
        reason: String::new(),
        by: Vec::new(),
    }
}

#[tokio::test]
async fn a_refused_append_leaves_no_trace_and_harms_no_neighbour() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path(), true).await;
    ledger.append(stocked(), Vec::new()).await.unwrap();
    for order in 1..=4 {
        ledger.append(signed(order), Vec::new()).await.unwrap();
    }
    let before = chain_holds(&ledger).await;
    // All in one group: a chip used twice (refused by the database), an order that was never planned (refused by the
    // rules), and two that are right.
    let (one, twice, unplanned, two) = tokio::join!(
        ledger.append(bound(1, 1), Vec::new()),
        ledger.append(bound(2, 1), Vec::new()),
        ledger.append(bound(9, 3), Vec::new()),
        ledger.append(bound(4, 4), Vec::new()),
    );
    assert_eq!((one, two), (Ok(()), Ok(())));
    assert_eq!(twice.unwrap_err().code, &TWICE);
    assert_eq!(unplanned.unwrap_err().code, &ILLEGAL);
    assert_eq!(chain_holds(&ledger).await, before + 4);
    let count = |stock: &Stock, place| stock.count(&PackId::new("P1"), &place);
    let stock = ledger.stock().await.unwrap();
    assert_eq!(count(&stock, Place::Feeder(machine())), 8);
    assert_eq!(count(&stock, Place::Machine(machine())), 2);
    // The refused one goes on where it stood.
    ledger.append(bound(2, 2), Vec::new()).await.unwrap();
    let stock = ledger.stock().await.unwrap();
    assert_eq!(count(&stock, Place::Feeder(machine())), 7);
    ledger.close().await;
    // What another process finds is the same.
    let ledger = open(dir.path(), false).await;
    ledger.append(bound(3, 3), Vec::new()).await.unwrap();
    assert_eq!(chain_holds(&ledger).await, before + 8);
    ledger.close().await;
}

/// The rest of a life: written, thrown away, reported.
fn spoiled(order: u64) -> Vec<Fact> {
    let event = |event| Fact::attempt(attempt(order), event);
    let intended = Event::Intended {
        step: Step::Encode,
        machine: machine(),
        aim: None,
    };
    let failed = Event::Failed {
        step: Step::Encode,
        code: "CHIP-001".to_owned(),
        detail: String::new(),
    };
    let spoiled = Event::Spoiled {
        code: "CHIP-001".to_owned(),
        by: Vec::new(),
    };
    [intended, failed, spoiled, Event::Reported]
        .into_iter()
        .map(event)
        .collect()
}

/// Only what an attempt is found by is written into its columns, and only when it changes.
#[tokio::test]
async fn an_attempt_is_found_by_what_it_says_of_itself_at_every_step() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path(), true).await;
    ledger.append(stocked(), Vec::new()).await.unwrap();
    let life = |order, chip| [signed(order), bound(order, chip), spoiled(order)].concat();
    for fact in life(1, 1) {
        ledger.append(vec![fact], Vec::new()).await.unwrap();
        assert_eq!(ledger.damage().await.unwrap(), [""; 0]);
    }
    // In one commit, moved and unmoved in turn.
    ledger.append(life(2, 2), Vec::new()).await.unwrap();
    assert_eq!(ledger.damage().await.unwrap(), [""; 0]);
    let found = ledger
        .attempts(Attempts::OfChip(ChipId::new("C2")))
        .await
        .unwrap();
    assert_eq!(found.len(), 1);
    assert!(ledger.attempts(Attempts::Open).await.unwrap().is_empty());
    assert!(ledger.attempts(Attempts::Unreported(9)).await.unwrap().is_empty());
    ledger.close().await;
}

/// A question about one subject that reads all others costs more with every card that was ever made.
#[tokio::test]
async fn what_is_asked_for_every_card_is_looked_up_and_not_searched_for() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path(), true).await;
    for (question, asked, found_by) in [
        (HISTORY, "B1", "(subject=?)"),
        (WRITTEN_OFF, "B1", "(subject=?)"),
        (BLANKS, r#"["C1"]"#, "(chip=?)"),
        (THESE, "[[1, 1]]", "(order_key=? AND number=?)"),
    ] {
        let plan = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {question}"));
        let steps = sqlx::query(plan)
            .bind(asked)
            .fetch_all(&ledger.pool)
            .await
            .unwrap();
        let steps: Vec<String> = steps.iter().map(|step| step.get("detail")).collect();
        // What is asked for may be a table itself, of which every row is looked up.
        let others: Vec<&String> = steps
            .iter()
            .filter(|step| !step.starts_with("SCAN these "))
            .collect();
        assert!(
            others
                .iter()
                .any(|step| step.starts_with("SEARCH") && step.contains(found_by)),
            "{question}: {steps:?}"
        );
        assert!(
            !others
                .iter()
                .any(|step| step.starts_with("SCAN ") && !step.contains("CONSTANT")),
            "{question}: {steps:?}"
        );
    }
    ledger.close().await;
}
