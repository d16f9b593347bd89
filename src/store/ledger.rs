//! The ledger on SQLite: one writer with group commit, many readers.

mod check;
mod page;
mod second;
mod writer;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::sqlite::{SqlitePool, SqliteRow};
use time::OffsetDateTime;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::audit::Hash;
use crate::base::Place;
use crate::base::ids::{AttemptId, BlankId, BoxId, ChipId, OfficeCode, PackId};
use crate::base::limits::LEDGER_QUEUE;
use crate::base::{Clock, Fault};
use crate::job::lot::Lot;
use crate::job::stock::Stock;
use crate::job::{Attempt, Fact};
use crate::port::{Attempts, BoxState, BundlePart, Entry, Ledger, Part, RawEntry};

use super::fault::{CLOSED, LOCKED, NO_FILE, database, unreadable};
use super::sqlite::{Commits, int, open, open_to_read, uint};
use second::Second;

pub use check::Content;
pub use second::restore;

/// Asked for every card: none may read more than what it asks for. The cross join fixes the order: what is asked for,
/// then its row.
const HISTORY: &str = "SELECT seq, at, body FROM entry WHERE subject = $1 ORDER BY seq";
const WRITTEN_OFF: &str = "SELECT EXISTS (SELECT 1 FROM entry WHERE subject = $1 AND kind = 'written_off')";
const BLANKS: &str =
    "SELECT chip, blank, pack FROM json_each($1) AS these CROSS JOIN blank ON chip = these.value";
const THESE: &str = "SELECT state FROM json_each($1) AS these CROSS JOIN attempt
     ON order_key = these.value ->> 0 AND number = these.value ->> 1 ORDER BY order_key, number";

const MIGRATIONS: &[(&str, &str)] = &[("ledger", include_str!("migrations/ledger-1.sql"))];

/// Who writes.
#[derive(Clone, Debug)]
pub struct Author {
    /// The ledger's name; its first record follows from it.
    pub ledger: String,
    /// The controller's name.
    pub controller: String,
    /// Its fencing token.
    pub fence: u64,
}

impl std::fmt::Display for Author {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}#{}", self.controller, self.fence)
    }
}

/// The ledger of one controller, held under an exclusive lock.
#[derive(Debug)]
pub struct SqliteLedger {
    name: String,
    pool: SqlitePool,
    queue: mpsc::Sender<Append>,
    writer: Option<JoinHandle<()>>,
    commits: Commits,
    /// Why the writer has ended.
    broken: Arc<OnceLock<Fault>>,
    _lock: Option<LedgerLock>,
}

/// The exclusive lock of a ledger, held as long as this lives.
#[derive(Debug)]
pub struct LedgerLock {
    ledger: PathBuf,
    _file: File,
}

impl LedgerLock {
    /// Takes the lock beside the ledger in this file; `create` if it is still to be made.
    ///
    /// # Errors
    /// `STO-002` if another process holds it, `STO-008` if there is no ledger.
    pub fn take(ledger: &Path, create: bool) -> Result<Self, Fault> {
        if !create && !ledger.exists() {
            return Err(Fault::new(&NO_FILE, ledger.display().to_string()));
        }
        Ok(Self {
            ledger: ledger.to_owned(),
            _file: lock(ledger)?,
        })
    }
}

/// One append on its way to the writer.
#[derive(Debug)]
struct Append {
    facts: Vec<Fact>,
    parts: Vec<BundlePart>,
    done: oneshot::Sender<Result<(), Fault>>,
}

impl SqliteLedger {
    /// Takes the lock and opens the ledger; `create` makes a new one.
    ///
    /// # Errors
    /// `STO-002` if another process holds it, `STO-008` if there is none, `STO-011` if a newer program has written it,
    /// `STO-013` if it is damaged, `STO-001` for the database's other troubles.
    pub async fn open(path: &Path, create: bool, author: Author, clock: Clock) -> Result<Self, Fault> {
        Self::open_locked(LedgerLock::take(path, create)?, create, author, clock, None).await
    }

    /// Opens the ledger whose lock was taken before, so that whoever is refused has touched nothing. With `copy`, a
    /// folder on another disk, a second copy is there before any chip is sealed or card printed.
    ///
    /// # Errors
    /// As [`Self::open`]; `STO-015` if the copy knows more than the ledger, `STO-016` if the other disk fails.
    pub async fn open_locked(
        lock: LedgerLock,
        create: bool,
        author: Author,
        clock: Clock,
        copy: Option<&Path>,
    ) -> Result<Self, Fault> {
        let path = lock.ledger.as_path();
        let pool = open(path, create, 4, MIGRATIONS).await?;
        let second = match copy {
            Some(folder) => Some(Second::take_up(path, folder, &pool, &author).await?),
            None => None,
        };
        let (queue, requests) = mpsc::channel(LEDGER_QUEUE);
        let name = author.ledger.clone();
        let commits = Commits::default();
        let broken = Arc::new(OnceLock::new());
        let writer = writer::Writer::start(&pool, author, clock, commits.clone(), second).await?;
        let connection = pool.acquire().await.map_err(|error| database(&error))?;
        let writer = tokio::spawn(writer.run(connection, requests, Arc::clone(&broken)));
        Ok(Self {
            name,
            pool,
            queue,
            writer: Some(writer),
            commits,
            broken,
            _lock: Some(lock),
        })
    }

    /// Opens a ledger only to read it, whoever holds it: an append is refused as by a ledger that is closed.
    ///
    /// # Errors
    /// `STO-008` if there is none, `STO-001` for the database's own troubles.
    pub async fn read(path: &Path, name: &str) -> Result<Self, Fault> {
        if !path.exists() {
            return Err(Fault::new(&NO_FILE, path.display().to_string()));
        }
        let (queue, _) = mpsc::channel(1);
        Ok(Self {
            name: name.to_owned(),
            pool: open_to_read(path).await?,
            queue,
            writer: None,
            commits: Commits::default(),
            broken: Arc::default(),
            _lock: None,
        })
    }

    /// Commits since it was opened.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.commits.so_far()
    }

    /// Finishes what is queued, folds the write-ahead log into the file, and lets go of the lock.
    pub async fn close(self) {
        drop(self.queue);
        if let Some(writer) = self.writer {
            let _ = writer.await;
            let _ = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
                .execute(&self.pool)
                .await;
        }
        self.pool.close().await;
    }

    /// Number and hash of the last record.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn head(&self) -> Result<Option<(u64, Hash)>, Fault> {
        writer::head(&self.pool).await
    }

    /// Rows of the attempt table, for the audit to compare with its own fold.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn all_attempts(&self) -> Result<Vec<Attempt>, Fault> {
        let rows = sqlx::query("SELECT state FROM attempt ORDER BY order_key, number")
            .fetch_all(&self.pool)
            .await
            .map_err(|error| database(&error))?;
        states(&rows)
    }
}

#[async_trait]
impl Ledger for SqliteLedger {
    async fn append(&self, facts: Vec<Fact>, parts: Vec<BundlePart>) -> Result<(), Fault> {
        let (done, outcome) = oneshot::channel();
        // Whoever comes too late is told why, not only that.
        let closed = || {
            self.broken
                .get()
                .cloned()
                .unwrap_or_else(|| Fault::new(&CLOSED, ""))
        };
        self.queue
            .send(Append { facts, parts, done })
            .await
            .map_err(|_| closed())?;
        outcome.await.map_err(|_| closed())?
    }

    async fn part(&self, attempt: AttemptId, part: Part) -> Result<Option<Vec<u8>>, Fault> {
        sqlx::query_scalar("SELECT sealed FROM bundle WHERE order_key = $1 AND number = $2 AND part = $3")
            .bind(int(attempt.order.0))
            .bind(i64::from(attempt.number))
            .bind(part_name(part))
            .fetch_optional(&self.pool)
            .await
            .map_err(|error| database(&error))
    }

    async fn attempt(&self, attempt: AttemptId) -> Result<Option<Attempt>, Fault> {
        let row = sqlx::query("SELECT state FROM attempt WHERE order_key = $1 AND number = $2")
            .bind(int(attempt.order.0))
            .bind(i64::from(attempt.number))
            .fetch_optional(&self.pool)
            .await
            .map_err(|error| database(&error))?;
        row.as_ref().map(state).transpose()
    }

    async fn attempts(&self, which: Attempts) -> Result<Vec<Attempt>, Fault> {
        let query = match which {
            Attempts::Open => {
                sqlx::query("SELECT state FROM attempt WHERE over = 0 ORDER BY lot, order_key, number")
            }
            Attempts::Of(order) => {
                sqlx::query("SELECT state FROM attempt WHERE order_key = $1 ORDER BY number")
                    .bind(int(order.0))
            }
            Attempts::InLot(lot) => {
                sqlx::query("SELECT state FROM attempt WHERE lot = $1 ORDER BY order_key, number")
                    .bind(int(lot.0))
            }
            Attempts::Boxing => sqlx::query(
                "SELECT state FROM attempt WHERE over = 0 AND state ->> '$.phase.doing' IS 'box'
                 ORDER BY lot, order_key, number",
            ),
            Attempts::OfChip(chip) => sqlx::query("SELECT state FROM attempt WHERE chip = $1").bind(chip.0),
            Attempts::OfSod(sod) => sqlx::query("SELECT state FROM attempt WHERE sod = $1").bind(sod.0),
            Attempts::OfBlank(blank) => {
                sqlx::query("SELECT state FROM attempt WHERE blank = $1").bind(blank.0)
            }
            Attempts::Unreported(limit) => sqlx::query(
                "SELECT state FROM attempt WHERE unreported = 1 ORDER BY order_key, number LIMIT $1",
            )
            .bind(i64::from(limit)),
            Attempts::After(id, limit) => sqlx::query(
                "SELECT state FROM attempt WHERE (order_key, number) > ($1, $2) ORDER BY order_key, number LIMIT $3",
            )
            .bind(int(id.order.0))
            .bind(i64::from(id.number))
            .bind(i64::from(limit)),
            Attempts::These(ids) => {
                let ids: Vec<_> = ids.iter().map(|id| (id.order.0, id.number)).collect();
                sqlx::query(THESE).bind(to_json(&ids)?)
            }
            Attempts::InBox(label) => {
                sqlx::query("SELECT state FROM attempt WHERE box = $1 ORDER BY slot").bind(label.0)
            }
        };
        let rows = query
            .fetch_all(&self.pool)
            .await
            .map_err(|error| database(&error))?;
        states(&rows)
    }

    async fn blanks(&self, chips: &[ChipId]) -> Result<BTreeMap<ChipId, (BlankId, PackId)>, Fault> {
        let rows: Vec<(String, String, String)> = sqlx::query_as(BLANKS)
            .bind(to_json(chips)?)
            .fetch_all(&self.pool)
            .await
            .map_err(|error| database(&error))?;
        let known = |(chip, blank, pack)| (ChipId(chip), (BlankId(blank), PackId(pack)));
        Ok(rows.into_iter().map(known).collect())
    }

    async fn pack_of(&self, blank: &BlankId) -> Result<Option<PackId>, Fault> {
        let pack: Option<String> = sqlx::query_scalar("SELECT pack FROM blank WHERE blank = $1")
            .bind(blank.as_str())
            .fetch_optional(&self.pool)
            .await
            .map_err(|error| database(&error))?;
        Ok(pack.map(PackId))
    }

    async fn stock(&self) -> Result<Stock, Fault> {
        sqlx::query_as("SELECT pack, place, count FROM stock ORDER BY pack, place")
            .fetch_all(&self.pool)
            .await
            .map_err(|error| database(&error))
            .and_then(counts)
    }

    async fn stock_of(&self, pack: &PackId) -> Result<Stock, Fault> {
        sqlx::query_as("SELECT pack, place, count FROM stock WHERE pack = $1 ORDER BY place")
            .bind(pack.as_str())
            .fetch_all(&self.pool)
            .await
            .map_err(|error| database(&error))
            .and_then(counts)
    }

    async fn stock_in(&self, place: &Place, limit: u32) -> Result<Stock, Fault> {
        sqlx::query_as(
            "SELECT pack, place, count FROM stock WHERE place = $1 AND count > 0 ORDER BY pack LIMIT $2",
        )
        .bind(to_json(place)?)
        .bind(limit)
        .fetch_all(&self.pool)
        .await
        .map_err(|error| database(&error))
        .and_then(counts)
    }

    async fn boxes(&self, all: bool) -> Result<Vec<BoxState>, Fault> {
        let rows = sqlx::query_as(
            "SELECT label, office, cards, standing FROM box
             WHERE $1 OR standing IN ('\"open\"', '\"sealed\"') ORDER BY label",
        )
        .bind(all)
        .fetch_all(&self.pool)
        .await
        .map_err(|error| database(&error))?;
        rows.into_iter().map(box_state).collect()
    }

    async fn boxes_of(&self, office: &OfficeCode) -> Result<Vec<BoxState>, Fault> {
        let rows =
            sqlx::query_as("SELECT label, office, cards, standing FROM box WHERE office = $1 ORDER BY label")
                .bind(office.as_str())
                .fetch_all(&self.pool)
                .await
                .map_err(|error| database(&error))?;
        rows.into_iter().map(box_state).collect()
    }

    async fn open_lots(&self) -> Result<Vec<Lot>, Fault> {
        let rows: Vec<(String,)> = sqlx::query_as("SELECT body FROM lot ORDER BY id")
            .fetch_all(&self.pool)
            .await
            .map_err(|error| database(&error))?;
        rows.iter().map(|(body,)| json(body)).collect()
    }

    async fn history(&self, subject: &str) -> Result<Vec<Entry>, Fault> {
        let rows: Vec<(i64, i64, Vec<u8>)> = sqlx::query_as(HISTORY)
            .bind(subject)
            .fetch_all(&self.pool)
            .await
            .map_err(|error| database(&error))?;
        rows.into_iter()
            .map(|(seq, at, body)| {
                Ok(Entry {
                    seq: uint(seq),
                    at: OffsetDateTime::from_unix_timestamp_nanos(i128::from(at))
                        .map_err(|_| unreadable("time of a record"))?,
                    fact: serde_json::from_slice(&body).map_err(|error| unreadable(error.to_string()))?,
                })
            })
            .collect()
    }

    async fn size(&self) -> Result<u64, Fault> {
        Ok(self.head().await?.map_or(0, |(seq, _)| seq))
    }

    fn name(&self) -> &str {
        &self.name
    }

    async fn entries_after(&self, seq: u64, limit: u32) -> Result<Vec<RawEntry>, Fault> {
        let page: Option<Vec<u8>> = sqlx::query_scalar(page::QUESTION)
            .bind(int(seq))
            .bind(i64::from(limit))
            .fetch_one(&self.pool)
            .await
            .map_err(|error| database(&error))?;
        page::entries(&page.unwrap_or_default())
    }

    async fn received(&self) -> Result<Vec<(PackId, u64)>, Fault> {
        let rows: Vec<(String, i64)> =
            sqlx::query_as("SELECT pack, count(*) FROM blank GROUP BY pack ORDER BY pack")
                .fetch_all(&self.pool)
                .await
                .map_err(|error| database(&error))?;
        Ok(rows
            .into_iter()
            .map(|(pack, count)| (PackId(pack), uint(count)))
            .collect())
    }
}

/// How a part is named in the table.
fn part_name(part: Part) -> &'static str {
    match part {
        Part::Content => "content",
        Part::Keys => "keys",
        Part::Signed => "signed",
    }
}

/// An exclusive lock beside the ledger, held as long as the file is open.
fn lock(path: &Path) -> Result<File, Fault> {
    let mut beside: PathBuf = path.to_owned();
    beside.set_extension("lock");
    let file = File::create(&beside)
        .map_err(|error| Fault::new(&super::fault::DATABASE, format!("{}: {error}", beside.display())))?;
    file.try_lock()
        .map_err(|_| Fault::new(&LOCKED, beside.display().to_string()))?;
    Ok(file)
}

fn box_state(columns: (String, String, i64, String)) -> Result<BoxState, Fault> {
    let (label, office, cards, standing) = columns;
    Ok(BoxState {
        label: BoxId(label),
        office: OfficeCode(office),
        cards: u32::try_from(cards).map_err(|_| unreadable("box count"))?,
        standing: json(&standing)?,
    })
}

fn json<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))
}

fn to_json<T: Serialize + ?Sized>(value: &T) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|error| unreadable(error.to_string()))
}

fn state(row: &SqliteRow) -> Result<Attempt, Fault> {
    json(row.try_get(0).map_err(|error| database(&error))?)
}

/// Rows of the stock table: pack, place in JSON, count.
fn counts(rows: Vec<(String, String, i64)>) -> Result<Stock, Fault> {
    let rows: Vec<_> = rows
        .into_iter()
        .map(|(pack, place, count)| {
            let count = u32::try_from(count).map_err(|_| unreadable("stock count"))?;
            Ok((PackId(pack), json(&place)?, count))
        })
        .collect::<Result<_, Fault>>()?;
    Ok(Stock::from_rows(rows))
}

fn states(rows: &[SqliteRow]) -> Result<Vec<Attempt>, Fault> {
    rows.iter().map(state).collect()
}

#[cfg(test)]
mod tests;
