//! The ledger's only writer.
//!
//! It takes all that has queued up, commits once, and answers each append. Every append stands or falls alone: it is
//! first tried in memory with the same pure functions that recovery uses, then written inside a savepoint, so that a
//! refused append leaves no trace and harms no neighbour in the same commit.

use std::collections::BTreeMap;

use serde::Serialize;
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use sqlx::{Connection, Sqlite, Transaction};
use tokio::sync::{mpsc, oneshot};

use crate::audit::Hash;
use crate::audit::chain::{ChainEntry, extend, genesis};
use crate::base::ids::{AttemptId, BoxId, OfficeCode};
use crate::base::limits::LEDGER_GROUP_MAX;
use crate::base::{Clock, Fault, Place};
use crate::job::fault::ILLEGAL;
use crate::job::stock::{Move, Stock, implied};
use crate::job::{Attempt, Event, Fact, apply};
use crate::port::{BoxStanding, BundlePart, Part};

use super::super::fault::{TWICE, database, unreadable};
use super::super::sqlite::{int, uint};
use super::{Append, Author};

/// State the writer keeps in memory: only what is open, so that its size does not grow with the ledger.
pub(super) struct Writer {
    pool: SqlitePool,
    /// Controller and fencing token, as every record names them.
    writer: String,
    clock: Clock,
    seq: u64,
    hash: Hash,
    attempts: BTreeMap<AttemptId, Attempt>,
    stock: Stock,
}

/// What one append changes, tried out beside the real state.
#[derive(Default)]
struct Trial {
    attempts: BTreeMap<AttemptId, Attempt>,
    /// Already made in the stock, and taken back if the append is refused.
    moves: Vec<Move>,
}

type Answer = (oneshot::Sender<Result<(), Fault>>, Result<(), Fault>);

impl Writer {
    pub(super) async fn start(pool: SqlitePool, author: Author, clock: Clock) -> Result<Self, Fault> {
        let (seq, hash) = head(&pool).await?.unwrap_or_else(|| (0, genesis(&author.ledger)));
        let rows: Vec<(String,)> = sqlx::query_as("SELECT state FROM attempt WHERE over = 0")
            .fetch_all(&pool)
            .await
            .map_err(|error| database(&error))?;
        let mut attempts = BTreeMap::new();
        for (text,) in &rows {
            let attempt: Attempt = super::json(text)?;
            attempts.insert(attempt.id, attempt);
        }
        let rows: Vec<(String, String, i64)> = sqlx::query_as("SELECT pack, place, count FROM stock")
            .fetch_all(&pool)
            .await
            .map_err(|error| database(&error))?;
        let mut stock = Vec::new();
        for (pack, place, count) in rows {
            let count = u32::try_from(count).map_err(|_| unreadable("stock count"))?;
            stock.push((crate::base::ids::PackId(pack), super::json(&place)?, count));
        }
        Ok(Self {
            pool,
            writer: author.to_string(),
            clock,
            seq,
            hash,
            attempts,
            stock: Stock::from_rows(stock),
        })
    }

    pub(super) async fn run(mut self, mut requests: mpsc::Receiver<Append>) {
        let mut group = Vec::with_capacity(LEDGER_GROUP_MAX);
        while requests.recv_many(&mut group, LEDGER_GROUP_MAX).await > 0 {
            // A commit that failed may or may not be on disk: nothing can be promised any more. Whoever waited has been
            // told, the writer ends, and the next start finds out what is there.
            if let Err(fault) = self.commit(&mut group).await {
                for append in group.drain(..) {
                    let _ = append.done.send(Err(fault.clone()));
                }
                return;
            }
        }
    }

    /// Commits a group; on an error nobody is left without an answer.
    async fn commit(&mut self, group: &mut Vec<Append>) -> Result<(), Fault> {
        let mut connection = self.pool.acquire().await.map_err(|error| database(&error))?;
        let mut transaction = connection
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(|error| database(&error))?;
        let (seq, hash) = (self.seq, self.hash);
        let mut answers: Vec<Answer> = Vec::with_capacity(group.len());
        for append in group.drain(..) {
            let outcome = self.append(&mut transaction, &append.facts, &append.parts).await;
            answers.push((append.done, outcome));
        }
        match transaction.commit().await {
            Ok(()) => {
                for (done, outcome) in answers {
                    let _ = done.send(outcome);
                }
                Ok(())
            }
            Err(error) => {
                (self.seq, self.hash) = (seq, hash);
                let fault = database(&error);
                for (done, _) in answers {
                    let _ = done.send(Err(fault.clone()));
                }
                Err(fault)
            }
        }
    }

    /// One append: tried in memory, then written inside a savepoint.
    async fn append(
        &mut self,
        transaction: &mut Transaction<'_, Sqlite>,
        facts: &[Fact],
        parts: &[BundlePart],
    ) -> Result<(), Fault> {
        let mut savepoint = transaction.begin().await.map_err(|error| database(&error))?;
        let (seq, hash) = (self.seq, self.hash);
        let mut trial = Trial::default();
        let outcome = match self.write(&mut savepoint, &mut trial, facts, parts).await {
            Ok(()) => savepoint.commit().await.map_err(|error| database(&error)),
            Err(fault) => match savepoint.rollback().await {
                Ok(()) => Err(fault),
                Err(error) => Err(database(&error)),
            },
        };
        if outcome.is_ok() {
            for (id, attempt) in trial.attempts {
                if attempt.is_over() {
                    self.attempts.remove(&id);
                } else {
                    self.attempts.insert(id, attempt);
                }
            }
        } else {
            (self.seq, self.hash) = (seq, hash);
            for step in trial.moves.iter().rev() {
                self.stock.take_back(step);
            }
        }
        outcome
    }

    async fn write(
        &mut self,
        connection: &mut SqliteConnection,
        trial: &mut Trial,
        facts: &[Fact],
        parts: &[BundlePart],
    ) -> Result<(), Fault> {
        for fact in facts {
            self.record(connection, fact).await?;
            match fact {
                Fact::Attempt { attempt, event } => {
                    let before = self.current(connection, trial, *attempt).await?;
                    let after = apply(before.as_ref(), *attempt, event)
                        .map_err(|illegal| Fault::new(&ILLEGAL, illegal.to_string()))?;
                    if let Some(step) = implied(before.as_ref(), &after) {
                        self.shift(connection, trial, &step).await?;
                    }
                    if matches!(event, Event::KeysErased) {
                        erase_keys(connection, *attempt).await?;
                    }
                    put_attempt(connection, &after).await?;
                    if let (Some((label, slot)), None) =
                        (&after.boxed, before.and_then(|before| before.boxed))
                    {
                        put_in_box(connection, label, *slot).await?;
                    }
                    trial.attempts.insert(*attempt, after);
                }
                Fact::PackReceived { pack, blanks, by, .. } => {
                    for blank in blanks {
                        sqlx::query("INSERT INTO blank (chip, blank, pack) VALUES ($1, $2, $3)")
                            .bind(blank.chip.as_str())
                            .bind(blank.blank.as_str())
                            .bind(pack.as_str())
                            .execute(&mut *connection)
                            .await
                            .map_err(|error| database(&error))?;
                    }
                    let count = u32::try_from(blanks.len()).map_err(|_| unreadable("pack size"))?;
                    let step = Move {
                        pack: pack.clone(),
                        from: None,
                        to: Place::Vault,
                        count,
                        by: by.clone(),
                        reason: String::new(),
                    };
                    self.shift(connection, trial, &step).await?;
                }
                Fact::Stock { step } => self.shift(connection, trial, step).await?,
                Fact::LotClaimed { lot } => {
                    sqlx::query("INSERT INTO lot (id, closed, body) VALUES ($1, 0, $2)")
                        .bind(int(lot.id.0))
                        .bind(text(lot)?)
                        .execute(&mut *connection)
                        .await
                        .map_err(|error| database(&error))?;
                }
                Fact::LotClosed { lot } => {
                    sqlx::query("UPDATE lot SET closed = 1 WHERE id = $1")
                        .bind(int(lot.0))
                        .execute(&mut *connection)
                        .await
                        .map_err(|error| database(&error))?;
                }
                Fact::BoxOpened { label, office } => open_box(connection, label, office).await?,
                Fact::BoxSealed { label, .. } => {
                    move_box(connection, label, BoxStanding::Open, BoxStanding::Sealed).await?;
                }
                Fact::BoxDispatched { label, .. } => {
                    move_box(connection, label, BoxStanding::Sealed, BoxStanding::Dispatched).await?;
                }
                Fact::BoxLost { label, .. } => {
                    move_box(connection, label, BoxStanding::Dispatched, BoxStanding::Lost).await?;
                }
                Fact::Opened { .. }
                | Fact::Started { .. }
                | Fact::Stopped
                | Fact::Counted { .. }
                | Fact::Counters { .. }
                | Fact::Stranger { .. }
                | Fact::PositionStopped { .. }
                | Fact::PositionResumed { .. }
                | Fact::OrderChanged { .. }
                | Fact::Key { .. }
                | Fact::SignatureCount { .. }
                | Fact::Checkpoint { .. } => {}
            }
        }
        for part in parts {
            sqlx::query("INSERT INTO bundle (order_key, number, part, sealed) VALUES ($1, $2, $3, $4)")
                .bind(int(part.attempt.order.0))
                .bind(i64::from(part.attempt.number))
                .bind(super::part_name(part.part))
                .bind(part.sealed.as_slice())
                .execute(&mut *connection)
                .await
                .map_err(|error| database(&error))?;
        }
        Ok(())
    }

    /// Adds the row and extends the chain.
    async fn record(&mut self, connection: &mut SqliteConnection, fact: &Fact) -> Result<(), Fault> {
        let body = serde_json::to_vec(fact).map_err(|error| unreadable(error.to_string()))?;
        let at_unix_ns = i64::try_from(self.clock.now().unix_timestamp_nanos()).unwrap_or(i64::MAX);
        let seq = self.seq + 1;
        let hash = extend(
            &self.hash,
            &ChainEntry {
                seq,
                controller: &self.writer,
                at_unix_ns,
                kind: fact.kind(),
                body: &body,
            },
        );
        sqlx::query(
            "INSERT INTO entry (seq, at, controller, kind, subject, body, hash) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(int(seq))
        .bind(at_unix_ns)
        .bind(self.writer.as_str())
        .bind(fact.kind())
        .bind(fact.subject())
        .bind(body)
        .bind(hash.0.as_slice())
        .execute(connection)
        .await
        .map_err(|error| database(&error))?;
        (self.seq, self.hash) = (seq, hash);
        Ok(())
    }

    /// The attempt as this append sees it: tried, open in memory, or over and on disk.
    async fn current(
        &self,
        connection: &mut SqliteConnection,
        trial: &Trial,
        id: AttemptId,
    ) -> Result<Option<Attempt>, Fault> {
        if let Some(attempt) = trial.attempts.get(&id).or_else(|| self.attempts.get(&id)) {
            return Ok(Some(attempt.clone()));
        }
        let row: Option<(String,)> =
            sqlx::query_as("SELECT state FROM attempt WHERE order_key = $1 AND number = $2")
                .bind(int(id.order.0))
                .bind(i64::from(id.number))
                .fetch_optional(connection)
                .await
                .map_err(|error| database(&error))?;
        row.map(|(text,)| super::json(&text)).transpose()
    }

    async fn shift(
        &mut self,
        connection: &mut SqliteConnection,
        trial: &mut Trial,
        step: &Move,
    ) -> Result<(), Fault> {
        self.stock.apply(step)?;
        trial.moves.push(step.clone());
        for place in step.from.iter().chain([&step.to]) {
            sqlx::query(
                "INSERT INTO stock (pack, place, count) VALUES ($1, $2, $3)
                 ON CONFLICT (pack, place) DO UPDATE SET count = excluded.count",
            )
            .bind(step.pack.as_str())
            .bind(text(place)?)
            .bind(i64::from(self.stock.count(&step.pack, place)))
            .execute(&mut *connection)
            .await
            .map_err(|error| database(&error))?;
        }
        Ok(())
    }
}

/// Number and hash of the last record.
pub(super) async fn head(pool: &SqlitePool) -> Result<Option<(u64, Hash)>, Fault> {
    let row: Option<(i64, Vec<u8>)> = sqlx::query_as("SELECT seq, hash FROM entry ORDER BY seq DESC LIMIT 1")
        .fetch_optional(pool)
        .await
        .map_err(|error| database(&error))?;
    row.map(|(seq, hash)| {
        Ok((
            uint(seq),
            Hash::from_slice(&hash).ok_or_else(|| unreadable("hash of the last record"))?,
        ))
    })
    .transpose()
}

async fn put_attempt(connection: &mut SqliteConnection, attempt: &Attempt) -> Result<(), Fault> {
    let (label, slot) = attempt
        .boxed
        .as_ref()
        .map_or((None, None), |(label, slot)| (Some(label.as_str()), Some(*slot)));
    sqlx::query(
        "INSERT INTO attempt (order_key, number, lot, live, over, unreported, chip, blank, sod, chip_key, box,
            slot, state)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
         ON CONFLICT (order_key, number) DO UPDATE SET live = excluded.live, over = excluded.over,
             unreported = excluded.unreported, chip = excluded.chip, blank = excluded.blank, sod = excluded.sod,
             chip_key = excluded.chip_key, box = excluded.box, slot = excluded.slot, state = excluded.state",
    )
    .bind(int(attempt.id.order.0))
    .bind(i64::from(attempt.id.number))
    .bind(int(attempt.lot.0))
    .bind(attempt.is_live())
    .bind(attempt.is_over())
    .bind(attempt.must_be_reported())
    .bind(attempt.chip.as_ref().map(|chip| chip.as_str()))
    .bind(attempt.blank.as_ref().map(|blank| blank.as_str()))
    .bind(attempt.sod.as_ref().map(|sod| sod.as_str()))
    .bind(attempt.chip_key.as_deref())
    .bind(label)
    .bind(slot)
    .bind(text(attempt)?)
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(|error| database(&error).at(attempt.id))
}

/// Deleted content is overwritten (`secure_delete`); the write-ahead log forgets it at the next checkpoint.
async fn erase_keys(connection: &mut SqliteConnection, attempt: AttemptId) -> Result<(), Fault> {
    sqlx::query("DELETE FROM bundle WHERE order_key = $1 AND number = $2 AND part = $3")
        .bind(int(attempt.order.0))
        .bind(i64::from(attempt.number))
        .bind(super::part_name(Part::Keys))
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(|error| database(&error))
}

async fn open_box(
    connection: &mut SqliteConnection,
    label: &BoxId,
    office: &OfficeCode,
) -> Result<(), Fault> {
    sqlx::query("INSERT INTO box (label, office, cards, standing) VALUES ($1, $2, 0, $3)")
        .bind(label.as_str())
        .bind(office.as_str())
        .bind(text(&BoxStanding::Open)?)
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(|error| database(&error).at(label))
}

/// Boxes are filled in order: the next card's slot is the count plus one.
async fn put_in_box(connection: &mut SqliteConnection, label: &BoxId, slot: u16) -> Result<(), Fault> {
    let changed =
        sqlx::query("UPDATE box SET cards = $2 WHERE label = $1 AND cards = $2 - 1 AND standing = $3")
            .bind(label.as_str())
            .bind(i64::from(slot))
            .bind(text(&BoxStanding::Open)?)
            .execute(connection)
            .await
            .map_err(|error| database(&error))?
            .rows_affected();
    if changed == 1 {
        Ok(())
    } else {
        Err(Fault::new(&TWICE, format!("box {label}, slot {slot}")))
    }
}

async fn move_box(
    connection: &mut SqliteConnection,
    label: &BoxId,
    from: BoxStanding,
    to: BoxStanding,
) -> Result<(), Fault> {
    let changed = sqlx::query("UPDATE box SET standing = $3 WHERE label = $1 AND standing = $2")
        .bind(label.as_str())
        .bind(text(&from)?)
        .bind(text(&to)?)
        .execute(connection)
        .await
        .map_err(|error| database(&error))?
        .rows_affected();
    let refused = || {
        Fault::new(
            &super::super::fault::TOO_LATE,
            format!("box {label} is not {from:?}"),
        )
    };
    if changed == 1 { Ok(()) } else { Err(refused()) }
}

fn text<T: Serialize>(value: &T) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|error| unreadable(error.to_string()))
}
