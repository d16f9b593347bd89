//! The ledger's only writer.
//!
//! It takes all that has queued up, commits once, and answers each append. Every append stands or falls alone: it is
//! first tried in memory with the same pure functions that recovery uses, and what it changes is written together with
//! its neighbours' changes, a row each for what changed several times. If the database refuses a row, everything is
//! taken back and each append is written by itself inside a savepoint, so that the refused one leaves no trace and
//! harms no neighbour in the same commit.

mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use sqlx::{Connection, Sqlite, Transaction};
use tokio::sync::{mpsc, oneshot};

use crate::audit::Hash;
use crate::audit::chain::{ChainEntry, extend, genesis};
use crate::base::ids::{AttemptId, BlankId};
use crate::base::limits::{LEDGER_COMMIT_PACE, LEDGER_GROUP_MAX};
use crate::base::{Clock, Fault};
use crate::job::fault::ILLEGAL;
use crate::job::stock::{Move, Stock, implied, told};
use crate::job::{Attempt, Event, Evidence, Fact, Step, apply};

use super::super::fault::{TWICE, database, unreadable};
use super::super::sqlite::{Commits, forget, int, uint};
use super::second::Second;
use super::{Append, Author};
use rows::{Change, EntryRow, Rows};

/// State the writer keeps in memory: only what is open or must still be reported, so that its size does not grow with
/// the ledger.
pub(super) struct Writer {
    /// Controller and fencing token, as every record names them.
    writer: String,
    clock: Clock,
    commits: Commits,
    second: Option<Second>,
    seq: u64,
    hash: Hash,
    attempts: BTreeMap<AttemptId, Attempt>,
    stock: Stock,
    /// Blanks that were written off since the start: the last of them need not be on disk yet.
    written_off: BTreeSet<BlankId>,
    /// Something was erased whose pages are still in the write-ahead log.
    must_forget: bool,
}

/// How the memory was before appends were tried.
struct Before {
    seq: u64,
    hash: Hash,
    attempts: Vec<(AttemptId, Option<Attempt>)>,
    moves: Vec<Move>,
    written_off: Vec<BlankId>,
}

type Answer = (oneshot::Sender<Result<(), Fault>>, Result<(), Fault>);

impl Writer {
    pub(super) async fn start(
        pool: &SqlitePool,
        author: Author,
        clock: Clock,
        commits: Commits,
        second: Option<Second>,
    ) -> Result<Self, Fault> {
        let (seq, hash) = head(pool).await?.unwrap_or_else(|| (0, genesis(&author.ledger)));
        let rows: Vec<(String,)> = sqlx::query_as(
            "SELECT state FROM attempt WHERE over = 0
             UNION ALL SELECT state FROM attempt WHERE unreported = 1",
        )
        .fetch_all(pool)
        .await
        .map_err(|error| database(&error))?;
        let mut attempts = BTreeMap::new();
        for (text,) in &rows {
            let attempt: Attempt = super::json(text)?;
            attempts.insert(attempt.id, attempt);
        }
        let rows: Vec<(String, String, i64)> = sqlx::query_as("SELECT pack, place, count FROM stock")
            .fetch_all(pool)
            .await
            .map_err(|error| database(&error))?;
        let mut stock = Vec::new();
        for (pack, place, count) in rows {
            let count = u32::try_from(count).map_err(|_| unreadable("stock count"))?;
            stock.push((crate::base::ids::PackId(pack), super::json(&place)?, count));
        }
        Ok(Self {
            writer: author.to_string(),
            clock,
            commits,
            second,
            seq,
            hash,
            attempts,
            stock: Stock::from_rows(stock),
            written_off: BTreeSet::new(),
            must_forget: false,
        })
    }

    /// Writes until nobody can append any more. The connection is the writer's alone: its cache stays true, because
    /// only what others commit would spoil it.
    pub(super) async fn run(
        mut self,
        mut connection: PoolConnection<Sqlite>,
        mut requests: mpsc::Receiver<Append>,
        broken: Arc<OnceLock<Fault>>,
    ) {
        let mut group = Vec::with_capacity(LEDGER_GROUP_MAX);
        let mut free_at = Duration::ZERO;
        while requests.recv_many(&mut group, LEDGER_GROUP_MAX).await > 0 {
            // After a pause the first append is committed at once; in a rush, more come together meanwhile.
            let now = self.clock.elapsed();
            if now < free_at {
                self.clock.sleep(free_at - now).await;
                while group.len() < LEDGER_GROUP_MAX
                    && let Ok(append) = requests.try_recv()
                {
                    group.push(append);
                }
            }
            free_at = self.clock.elapsed() + LEDGER_COMMIT_PACE;
            // A commit that failed may or may not be on disk: nothing can be promised any more. Whoever waited has been
            // told, the writer ends, and the next start finds out what is there.
            if let Err(fault) = self.commit(&mut connection, &mut group).await {
                let _ = broken.set(fault.clone());
                for append in group.drain(..) {
                    let _ = append.done.send(Err(fault.clone()));
                }
                return;
            }
        }
    }

    /// Commits a group; on an error nobody is left without an answer.
    async fn commit(
        &mut self,
        connection: &mut SqliteConnection,
        group: &mut Vec<Append>,
    ) -> Result<(), Fault> {
        let mut transaction = begin(connection).await?;
        let before = self.before();
        let (rows, before, outcomes) = self.try_together(&mut transaction, group, before).await;
        let outcomes = match rows.write(&mut transaction).await {
            Ok(()) => outcomes,
            Err(_refused) => {
                self.take_back(before);
                transaction.rollback().await.map_err(|error| database(&error))?;
                transaction = begin(connection).await?;
                let mut outcomes = Vec::with_capacity(group.len());
                for append in group.iter() {
                    outcomes.push(self.write_alone(&mut transaction, append).await);
                }
                outcomes
            }
        };
        let final_steps = group
            .iter()
            .any(|append| append.facts.iter().any(cannot_be_undone));
        self.must_forget |= group.iter().any(|append| {
            append
                .facts
                .iter()
                .any(|fact| matches!(fact, Fact::OrderErased { .. }))
        });
        let answers: Vec<Answer> = group.drain(..).map(|append| append.done).zip(outcomes).collect();
        let mut committed = transaction.commit().await.map_err(|error| database(&error));
        self.commits.count();
        if let (Ok(()), Some(second)) = (&committed, &mut self.second) {
            committed = second.follow(final_steps).await;
        }
        if committed.is_ok() && self.must_forget {
            committed = self.forget(connection).await;
        }
        for (done, outcome) in answers {
            let _ = done.send(committed.clone().and(outcome));
        }
        committed
    }

    /// Cuts the log, and the copy's. Nobody waits long for it: what a reader still holds is forgotten at a later
    /// commit, and opens for nobody meanwhile, because the order's key is gone.
    async fn forget(&mut self, connection: &mut SqliteConnection) -> Result<(), Fault> {
        self.must_forget = match forget_soon(connection).await {
            Ok(forgotten) => !forgotten,
            Err(fault) => {
                tracing::warn!(code = fault.code.id, "the ledger's log is not cut: {fault}");
                true
            }
        };
        match &mut self.second {
            Some(second) if !self.must_forget => second.forget().await,
            _ => Ok(()),
        }
    }

    /// Tries all appends in memory; those that the rules refuse change nothing.
    async fn try_together<'a>(
        &mut self,
        connection: &mut SqliteConnection,
        group: &'a [Append],
        mut before: Before,
    ) -> (Rows<'a>, Before, Vec<Result<(), Fault>>) {
        let mut rows = Rows::default();
        let mut outcomes = Vec::with_capacity(group.len());
        for append in group {
            let outcome = match self.change(connection, append).await {
                Ok((changes, undo)) => {
                    before.attempts.extend(undo.attempts);
                    before.moves.extend(undo.moves);
                    rows.add(changes, append);
                    Ok(())
                }
                Err(fault) => Err(fault),
            };
            outcomes.push(outcome);
        }
        (rows, before, outcomes)
    }

    /// One append by itself: tried in memory, then written inside a savepoint.
    async fn write_alone(
        &mut self,
        transaction: &mut Transaction<'_, Sqlite>,
        append: &Append,
    ) -> Result<(), Fault> {
        let (changes, before) = self.change(transaction, append).await?;
        let mut rows = Rows::default();
        rows.add(changes, append);
        let mut savepoint = transaction.begin().await.map_err(|error| database(&error))?;
        let outcome = match rows.write(&mut savepoint).await {
            Ok(()) => savepoint.commit().await.map_err(|error| database(&error)),
            Err(fault) => match savepoint.rollback().await {
                Ok(()) => Err(fault),
                Err(error) => Err(database(&error)),
            },
        };
        if outcome.is_err() {
            self.take_back(before);
        }
        outcome
    }

    /// Makes an append's changes in memory; if the rules refuse one, none is made.
    async fn change(
        &mut self,
        connection: &mut SqliteConnection,
        append: &Append,
    ) -> Result<(Vec<Change>, Before), Fault> {
        let mut before = self.before();
        let mut changes = Vec::with_capacity(append.facts.len() * 2);
        for fact in &append.facts {
            if let Err(fault) = self.apply(connection, fact, &mut changes, &mut before).await {
                self.take_back(before);
                return Err(fault);
            }
        }
        Ok((changes, before))
    }

    async fn apply(
        &mut self,
        connection: &mut SqliteConnection,
        fact: &Fact,
        changes: &mut Vec<Change>,
        before: &mut Before,
    ) -> Result<(), Fault> {
        changes.push(Change::Entry(self.record(fact)?));
        match fact {
            Fact::Attempt { attempt: id, event } => {
                if let Event::Done {
                    evidence: Evidence::Bind { blank, .. },
                } = event
                    && self.is_written_off(connection, blank).await?
                {
                    return Err(Fault::new(&TWICE, format!("{id}: blank {blank} was written off")));
                }
                let known = self.current(connection, *id).await?;
                let after = apply(known.as_ref(), *id, event)
                    .map_err(|illegal| Fault::new(&ILLEGAL, illegal.to_string()))?;
                if let Some(step) = implied(known.as_ref(), &after) {
                    self.shift(&step, changes, before)?;
                }
                if matches!(event, Event::KeysErased) {
                    changes.push(Change::KeysErased(*id));
                }
                let was_boxed = known.as_ref().is_some_and(|known| known.boxed.is_some());
                if let (Some((label, slot)), false) = (&after.boxed, was_boxed) {
                    changes.push(Change::Boxed(label.clone(), *slot));
                }
                changes.push(Change::attempt(known.as_ref(), after.clone()));
                before.attempts.push((*id, known));
                if after.is_over() && !after.must_be_reported() {
                    self.attempts.remove(id);
                } else {
                    self.attempts.insert(*id, after);
                }
            }
            Fact::WrittenOff { blank, .. } => {
                self.may_write_off(connection, blank).await?;
                before.written_off.push(blank.clone());
                self.written_off.insert(blank.clone());
            }
            Fact::OrderErased { order, .. } => {
                // Only what is open, or not reported yet, is held here.
                let number = |number| AttemptId {
                    order: *order,
                    number,
                };
                let open = self.attempts.range(number(0)..=number(u16::MAX)).next();
                if let Some((open, _)) = open {
                    return Err(Fault::new(
                        &ILLEGAL,
                        format!("{open} needs the data of its order"),
                    ));
                }
                changes.push(Change::Fact(fact.clone()));
            }
            Fact::PackReceived { .. }
            | Fact::LotClaimed { .. }
            | Fact::LotClosed { .. }
            | Fact::BoxOpened { .. }
            | Fact::BoxSealed { .. }
            | Fact::BoxDispatched { .. }
            | Fact::BoxLost { .. } => changes.push(Change::Fact(fact.clone())),
            Fact::Stock { .. }
            | Fact::Opened { .. }
            | Fact::Started { .. }
            | Fact::Stopped
            | Fact::Counted { .. }
            | Fact::Counters { .. }
            | Fact::Stranger { .. }
            | Fact::PositionStopped { .. }
            | Fact::PositionResumed { .. }
            | Fact::OrderChanged { .. }
            | Fact::ControllerLost { .. }
            | Fact::Epoch { .. }
            | Fact::Key { .. }
            | Fact::Signer { .. }
            | Fact::Clock { .. }
            | Fact::SignatureCount { .. }
            | Fact::Checkpoint { .. } => {}
        }
        told(fact).map_or(Ok(()), |step| self.shift(&step, changes, before))
    }

    /// The row of a fact, which extends the chain.
    fn record(&mut self, fact: &Fact) -> Result<EntryRow, Fault> {
        let body = serde_json::to_vec(fact).map_err(|error| unreadable(error.to_string()))?;
        let at_unix_ns = i64::try_from(self.clock.now().unix_timestamp_nanos()).unwrap_or(i64::MAX);
        self.seq += 1;
        self.hash = extend(
            &self.hash,
            &ChainEntry {
                seq: self.seq,
                controller: &self.writer,
                at_unix_ns,
                kind: fact.kind(),
                body: &body,
            },
        );
        Ok(EntryRow {
            seq: self.seq,
            at_unix_ns,
            controller: self.writer.clone(),
            kind: fact.kind(),
            subject: fact.subject(),
            body,
            hash: self.hash,
        })
    }

    /// The attempt as it stands: in memory, or over and on disk.
    async fn current(
        &self,
        connection: &mut SqliteConnection,
        id: AttemptId,
    ) -> Result<Option<Attempt>, Fault> {
        if let Some(attempt) = self.attempts.get(&id) {
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

    /// Was this blank written off, since this writer started or before?
    async fn is_written_off(
        &self,
        connection: &mut SqliteConnection,
        blank: &BlankId,
    ) -> Result<bool, Fault> {
        if self.written_off.contains(blank) {
            return Ok(true);
        }
        sqlx::query_scalar(super::WRITTEN_OFF)
            .bind(blank.as_str())
            .fetch_one(connection)
            .await
            .map_err(|error| database(&error))
    }

    /// Law 3, the other way round: what was used or written off is not written off again.
    async fn may_write_off(&self, connection: &mut SqliteConnection, blank: &BlankId) -> Result<(), Fault> {
        let bound = |attempt: &Attempt| attempt.blank.as_ref() == Some(blank);
        let used: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM attempt WHERE blank = $1)")
            .bind(blank.as_str())
            .fetch_one(&mut *connection)
            .await
            .map_err(|error| database(&error))?;
        if used || self.attempts.values().any(bound) || self.is_written_off(connection, blank).await? {
            return Err(Fault::new(&TWICE, format!("blank {blank} is written off")));
        }
        Ok(())
    }

    fn shift(&mut self, step: &Move, changes: &mut Vec<Change>, before: &mut Before) -> Result<(), Fault> {
        self.stock.apply(step)?;
        before.moves.push(step.clone());
        for place in step.from.iter().chain([&step.to]) {
            let count = self.stock.count(&step.pack, place);
            changes.push(Change::Stock(step.pack.clone(), place.clone(), count));
        }
        Ok(())
    }

    fn before(&self) -> Before {
        Before {
            seq: self.seq,
            hash: self.hash,
            attempts: Vec::new(),
            moves: Vec::new(),
            written_off: Vec::new(),
        }
    }

    fn take_back(&mut self, before: Before) {
        (self.seq, self.hash) = (before.seq, before.hash);
        for (id, attempt) in before.attempts.into_iter().rev() {
            match attempt {
                Some(attempt) => self.attempts.insert(id, attempt),
                None => self.attempts.remove(&id),
            };
        }
        for step in before.moves.iter().rev() {
            self.stock.take_back(step);
        }
        for blank in &before.written_off {
            self.written_off.remove(blank);
        }
    }
}

/// What is sealed or printed stays so: the intent must outlive the first disk. So must what a signed head covers: a
/// ledger that does not reach it is taken for a backup.
fn cannot_be_undone(fact: &Fact) -> bool {
    match fact {
        Fact::Attempt {
            event: Event::Intended { step, .. },
            ..
        } => matches!(step, Step::Seal | Step::Print),
        Fact::Checkpoint { .. } => true,
        _ => false,
    }
}

/// [`forget`], but whoever reads is not waited for.
async fn forget_soon(connection: &mut SqliteConnection) -> Result<bool, Fault> {
    let patience = async |connection: &mut SqliteConnection, sql: &'static str| {
        let set = sqlx::query(sql).execute(connection).await;
        set.map(|_| ()).map_err(|error| database(&error))
    };
    patience(connection, "PRAGMA busy_timeout = 50").await?;
    let forgotten = forget(connection).await;
    patience(connection, "PRAGMA busy_timeout = 10000").await?;
    forgotten
}

async fn begin(connection: &mut SqliteConnection) -> Result<Transaction<'_, Sqlite>, Fault> {
    connection
        .begin_with("BEGIN IMMEDIATE")
        .await
        .map_err(|error| database(&error))
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
