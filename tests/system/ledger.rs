//! A ledger file that somebody has bent: every way of bending it is found, and the first bad record is named.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not count as tests"
)]

use std::path::{Path, PathBuf};

use cardwright::audit::chain::{ChainEntry, Link, extend};
use cardwright::audit::{Hash, Verifier};
use cardwright::base::ids::{
    AttemptId, BlankId, BoxId, ChipId, LotId, MachineId, OfficeCode, OrderKey, PackId, PersonId, SodHash,
};
use cardwright::base::{Clock, Entropy, Mode, Place, hex};
use cardwright::cli::office::audit::check;
use cardwright::cli::rot::rot;
use cardwright::control::Answer;
use cardwright::job::fact::Blank;
use cardwright::job::lot::Lot;
use cardwright::job::stock::Move;
use cardwright::job::{Event, Evidence, Fact, Output, Step};
use cardwright::line::audit::Note;
use cardwright::port::{Ledger, RawEntry};
use cardwright::store::SqliteLedger;
use cardwright::store::ledger::Author;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

const NAME: &str = "rehearsal/K1";
/// The ledger as it was after its first signed head.
const BACKUP: &str = "backup.db";
/// Cards in the ledger, all but the last two of them boxed.
const CARDS: u64 = 6;

/// A ledger with two signed heads, one of them also outside, and some records after it.
struct Bench {
    dir: tempfile::TempDir,
    key: Vec<u8>,
    notes: Vec<Note>,
}

impl Bench {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let author = Author {
            ledger: NAME.to_owned(),
            controller: "K1".to_owned(),
            fence: 1,
        };
        let ledger = SqliteLedger::open(&dir.path().join("ledger.db"), true, author, Clock::system())
            .await
            .unwrap();
        ledger.append(opening(), Vec::new()).await.unwrap();
        let key = SigningKey::from_slice(&[7; 32]).unwrap();
        for card in 1..=CARDS / 2 {
            ledger.append(life(card), Vec::new()).await.unwrap();
        }
        sign(&ledger, &key).await;
        // Somebody keeps a backup.
        let backup = format!("VACUUM INTO '{}'", dir.path().join(BACKUP).display());
        let source = pool(&dir.path().join("ledger.db")).await;
        sqlx::query(sqlx::AssertSqlSafe(backup))
            .execute(&source)
            .await
            .unwrap();
        source.close().await;
        for card in CARDS / 2 + 1..CARDS {
            ledger.append(life(card), Vec::new()).await.unwrap();
        }
        let note = sign(&ledger, &key).await;
        ledger.append(life(CARDS), Vec::new()).await.unwrap();
        ledger.close().await;
        Self {
            dir,
            key: key.verifying_key().to_sec1_point(false).as_bytes().to_vec(),
            notes: vec![note],
        }
    }

    /// What the audit says of a copy on which these statements were carried out.
    async fn bent(&self, statements: &[&str]) -> Answer {
        let path = self.copy("bent.db");
        let pool = pool(&path).await;
        for statement in statements {
            sqlx::query(sqlx::AssertSqlSafe(*statement))
                .execute(&pool)
                .await
                .unwrap();
        }
        pool.close().await;
        self.audit(&path, &self.notes).await
    }

    async fn audit(&self, path: &Path, notes: &[Note]) -> Answer {
        check(path, NAME, Some(&self.key), notes).await.unwrap()
    }

    fn copy(&self, name: &str) -> PathBuf {
        for old in [name.to_owned(), format!("{name}-wal"), format!("{name}-shm")] {
            let _ = std::fs::remove_file(self.dir.path().join(old));
        }
        let path = self.dir.path().join(name);
        std::fs::copy(self.dir.path().join("ledger.db"), &path).unwrap();
        path
    }
}

async fn pool(path: &Path) -> SqlitePool {
    SqlitePool::connect_with(SqliteConnectOptions::new().filename(path))
        .await
        .unwrap()
}

fn opening() -> Vec<Fact> {
    let blanks = (1..=20).map(|number| Blank {
        blank: BlankId(format!("B{number:03}")),
        chip: ChipId(format!("C{number:03}")),
    });
    let pack = PackId::new("P1");
    let step = |from, to| Fact::Stock {
        step: Move {
            pack: pack.clone(),
            from: Some(from),
            to,
            count: 20,
            by: vec![PersonId::new("an"), PersonId::new("binh")],
            reason: String::new(),
        },
    };
    vec![
        Fact::Opened {
            facility: "rehearsal".to_owned(),
            mode: Mode::Rehearsal,
        },
        Fact::PackReceived {
            pack: pack.clone(),
            blank_type: "rehearsal".to_owned(),
            blanks: blanks.collect(),
            by: Vec::new(),
        },
        step(Place::Vault, Place::Issued),
        step(Place::Issued, Place::Feeder(MachineId::new("S01"))),
        Fact::LotClaimed {
            lot: Lot {
                id: LotId(1),
                office: OfficeCode::new("X"),
                profile: "cc-2024".to_owned(),
                machine: MachineId::new("S01"),
                orders: (1..=CARDS).map(OrderKey).collect(),
            },
        },
        Fact::BoxOpened {
            label: BoxId::new("X-001"),
            office: OfficeCode::new("X"),
        },
    ]
}

/// One card from its plan to its box and the registry; the last two stop in the hopper.
fn life(card: u64) -> Vec<Fact> {
    let id = AttemptId {
        order: OrderKey(card),
        number: 1,
    };
    let mut events = vec![
        Event::Planned {
            lot: LotId(1),
            machine: MachineId::new("S01"),
            replaces: None,
        },
        Event::SignIntended {
            signer: "ds-1".to_owned(),
            digest: format!("D{card}"),
            chip_key: Some(format!("K{card}")),
        },
        Event::Signed {
            nonce: None,
            sod: SodHash(format!("S{card}")),
        },
    ];
    let panels = u32::try_from(card).unwrap() * 2;
    let evidence = [
        Evidence::Bind {
            chip: ChipId(format!("C{card:03}")),
            blank: BlankId(format!("B{card:03}")),
            pack: PackId::new("P1"),
        },
        Evidence::Encode {
            commands: 1,
            bytes: 1,
        },
        Evidence::Seal,
        Evidence::Verify { commands: 1 },
        Evidence::Print {
            panels_before: panels - 2,
            panels_after: panels,
        },
        Evidence::Deliver { output: Output::Good },
        Evidence::Prove {
            desk: MachineId::new("D1"),
        },
        Evidence::Box {
            label: BoxId::new("X-001"),
            slot: u16::try_from(card).unwrap(),
        },
    ];
    for evidence in evidence {
        let step = evidence.step();
        if step == Step::Prove && card > CARDS - 2 {
            break;
        }
        events.push(Event::Intended {
            step,
            machine: MachineId::new("S01"),
            aim: None,
        });
        events.push(Event::Done { evidence });
    }
    if card <= CARDS - 2 {
        events.extend([Event::KeysErased, Event::Reported]);
    }
    events.into_iter().map(|event| Fact::attempt(id, event)).collect()
}

/// Signs the head, in the ledger and outside.
async fn sign(ledger: &SqliteLedger, key: &SigningKey) -> Note {
    let mut verifier = Verifier::new(NAME);
    for entry in ledger.entries_after(0, 10_000).await.unwrap() {
        let link = Link {
            seq: entry.seq,
            prev: verifier.verified().head(),
            hash: Hash::from_slice(&entry.hash).unwrap(),
        };
        verifier.feed(&content(&entry), &link).unwrap();
    }
    let checkpoint = verifier.verified().checkpoint(1_795_316_400);
    let signature: Signature = key.sign(checkpoint.text().as_bytes());
    let signature: [u8; 64] = signature.to_bytes().into();
    let fact = Fact::Checkpoint {
        size: checkpoint.size,
        root: checkpoint.root.to_string(),
        at_unix_s: checkpoint.at_unix_s,
        signature: hex::encode(&signature),
    };
    ledger.append(vec![fact], Vec::new()).await.unwrap();
    Note {
        name: format!("{}.txt", checkpoint.size),
        text: checkpoint.note(&signature),
    }
}

fn content(entry: &RawEntry) -> ChainEntry<'_> {
    ChainEntry {
        seq: entry.seq,
        controller: &entry.controller,
        at_unix_ns: entry.at_unix_ns,
        kind: &entry.kind,
        body: &entry.body,
    }
}

/// Must be refused, with this among what is told.
fn found(answer: &Answer, what: &str) {
    assert!(!answer.good, "not found: {what}\n{}", answer.text);
    assert!(
        answer.text.contains(what),
        "{what} is not told in:\n{}",
        answer.text
    );
}

/// Who took the key away would have taken all signed heads away.
#[tokio::test]
async fn signed_heads_that_nobody_can_check_are_not_passed_over() {
    let bench = Bench::new().await;
    let copy = bench.copy("without-a-key.db");
    assert!(check(&copy, NAME, None, &[]).await.unwrap().good);
    let blind = check(&copy, NAME, None, &bench.notes).await.unwrap();
    found(&blind, "cannot be checked");
}

#[test]
fn an_honest_ledger_is_sound() {
    super::hsm::block_on(async {
        let bench = Bench::new().await;
        let answer = bench.bent(&[]).await;
        assert!(answer.good, "{}", answer.text);
        assert_eq!(answer.data["signed_heads"], 3);
        assert_eq!(
            answer.data["records"].as_u64().unwrap() - answer.data["signed_up_to"].as_u64().unwrap(),
            16
        );
    });
}

#[test]
fn every_bent_record_is_named() {
    super::hsm::block_on(async {
        let bench = Bench::new().await;
        found(
            &bench.bent(&["DELETE FROM entry WHERE seq = 17"]).await,
            "AUDIT-001",
        );
        found(
            &bench.bent(&["DELETE FROM entry WHERE seq = 17"]).await,
            "record 18 stands where 17 should",
        );
        let body =
            "UPDATE entry SET body = CAST(replace(CAST(body AS TEXT), 'S01', 'S02') AS BLOB) WHERE seq = 10";
        found(
            &bench.bent(&[body]).await,
            "AUDIT-002 a ledger record was changed after it was written (record 10)",
        );
        found(
            &bench.bent(&["UPDATE entry SET at = at + 1 WHERE seq = 12"]).await,
            "(record 12)",
        );
        found(
            &bench
                .bent(&["UPDATE entry SET controller = 'K2#1' WHERE seq = 12"])
                .await,
            "(record 12)",
        );
        let swap = [
            "UPDATE entry SET seq = -1 WHERE seq = 20",
            "UPDATE entry SET seq = 20 WHERE seq = 21",
            "UPDATE entry SET seq = 21 WHERE seq = -1",
        ];
        found(&bench.bent(&swap).await, "(record 20)");
        // The column by which a history is found is not hashed, but it is compared.
        found(
            &bench
                .bent(&["UPDATE entry SET subject = 'O0000009.1' WHERE seq = 20"])
                .await,
            "LIN-011",
        );
    });
}

#[test]
fn what_was_signed_cannot_be_cut_off_or_written_anew() {
    super::hsm::block_on(async {
        let bench = Bench::new().await;
        let cut = ["DELETE FROM entry WHERE seq > 60"];
        found(&bench.bent(&cut).await, "AUDIT-005");
        // Everything from one record on written anew with hashes that fit: only the signed head knows.
        let path = bench.copy("anew.db");
        rewrite(&path, 12).await;
        let answer = bench.audit(&path, &bench.notes).await;
        found(&answer, "AUDIT-006");
        // Somebody else's head, and one that is bent, are no witnesses.
        let mut strange = bench.notes[0].clone();
        strange.text = strange.text.replace("rehearsal/K1", "rehearsal/K2");
        let sound = bench.copy("sound.db");
        found(&bench.audit(&sound, &[strange]).await, "AUDIT-009");
        // Within the records that are not signed yet the state tables are the witness.
        let unsigned = ["DELETE FROM entry WHERE seq > (SELECT max(seq) - 5 FROM entry)"];
        found(&bench.bent(&unsigned).await, "LIN-012");
    });
}

#[test]
fn a_restored_backup_is_found_whether_or_not_work_went_on() {
    super::hsm::block_on(async {
        let bench = Bench::new().await;
        let path = bench.dir.path().join(BACKUP);
        // Sound in itself, it is shorter than what was signed since.
        let alone = bench.audit(&path, &[]).await;
        assert!(alone.good, "{}", alone.text);
        found(&bench.audit(&path, &bench.notes).await, "AUDIT-005");
        // Work goes on upon it: the ledger has forked. It is longer than the signed head, and is not the one signed.
        let author = Author {
            ledger: NAME.to_owned(),
            controller: "K1".to_owned(),
            fence: 2,
        };
        let ledger = SqliteLedger::open(&path, false, author, Clock::system())
            .await
            .unwrap();
        for card in CARDS / 2 + 1..=CARDS {
            ledger.append(life(card), Vec::new()).await.unwrap();
        }
        ledger.close().await;
        let forked = bench.audit(&path, &[]).await;
        assert!(forked.good, "{}", forked.text);
        found(&bench.audit(&path, &bench.notes).await, "AUDIT-006");
    });
}

#[test]
fn state_tables_that_say_something_else_are_named() {
    super::hsm::block_on(async {
        let bench = Bench::new().await;
        let feeder = r#"place = '{"feeder":"S01"}'"#;
        let fewer = format!("UPDATE stock SET count = count - 1 WHERE {feeder}");
        found(&bench.bent(&[&fewer]).await, "LIN-012");
        found(&bench.bent(&[&fewer]).await, "(stock)");
        let good = "UPDATE attempt SET state = replace(state, '\"reported\":false', '\"reported\":true')
                    WHERE order_key = 6";
        found(&bench.bent(&[good]).await, "(attempt O0000006.1)");
        found(
            &bench.bent(&["DELETE FROM attempt WHERE order_key = 2"]).await,
            "(attempt O0000002.1)",
        );
        let twin = "INSERT INTO attempt (order_key, number, lot, live, over, unreported, state)
                    SELECT 99, 1, lot, live, over, unreported, state FROM attempt WHERE order_key = 1";
        found(&bench.bent(&[twin]).await, "attempts, 6 planned");
        // A chip that the index does not find could be bound again.
        found(
            &bench
                .bent(&["UPDATE attempt SET chip = NULL WHERE order_key = 3"])
                .await,
            "attempt O0000003.1",
        );
        found(
            &bench
                .bent(&["UPDATE blank SET blank = 'B999' WHERE chip = 'C015'"])
                .await,
            "(blank B015)",
        );
        found(
            &bench.bent(&["DELETE FROM blank WHERE chip = 'C015'"]).await,
            "(suppliers' lists)",
        );
        found(&bench.bent(&["UPDATE box SET cards = 3"]).await, "(box X-001)");
        found(&bench.bent(&["DELETE FROM lot"]).await, "(open lots)");
        // Nothing is said otherwise yet, but nothing would hold an order's second card back.
        found(
            &bench.bent(&["DROP INDEX attempt_live"]).await,
            "its tables are not those of this program",
        );
    });
}

/// A sample of what `sim rot` does by the thousand.
#[test]
fn a_bit_that_turns_over_is_found_or_lay_where_nothing_is_kept() {
    super::hsm::block_on(async {
        let bench = Bench::new().await;
        let ledger = bench.dir.path().join("ledger.db");
        let rot = rot(&ledger, NAME, 150, &Entropy::seeded(5)).await.unwrap();
        assert!(rot.missed.is_empty(), "{rot:?}");
        assert!(rot.found > 0 && rot.harmless > 0, "{rot:?}");
    });
}

/// Changes one record's time and gives it and all after it hashes that fit.
async fn rewrite(path: &Path, from: u64) {
    let ledger = SqliteLedger::read(path, NAME).await.unwrap();
    let entries = ledger.entries_after(0, 10_000).await.unwrap();
    ledger.close().await;
    let pool = pool(path).await;
    let mut prev = cardwright::audit::chain::genesis(NAME);
    for mut entry in entries {
        if entry.seq == from {
            entry.at_unix_ns += 1;
        }
        prev = extend(&prev, &content(&entry));
        sqlx::query("UPDATE entry SET at = $2, hash = $3 WHERE seq = $1")
            .bind(i64::try_from(entry.seq).unwrap())
            .bind(entry.at_unix_ns)
            .bind(prev.as_bytes().to_vec())
            .execute(&pool)
            .await
            .unwrap();
    }
    pool.close().await;
}
