//! The ledger in memory, with the same refusals as the one on disk.

mod tables;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use time::OffsetDateTime;

use super::{Power, locked};
use crate::audit::Hash;
use crate::audit::chain::{ChainEntry, extend, genesis};
use crate::base::Fault;
use crate::base::Place;
use crate::base::ids::{AttemptId, BlankId, ChipId, PackId};
use crate::job::lot::Lot;
use crate::job::stock::Stock;
use crate::job::{Attempt, Fact};
use crate::port::{Attempts, BoxState, BundlePart, Entry, Ledger, Part, RawEntry};
use crate::store::fault::unreadable;
use tables::Tables;

/// A commit takes this long.
const COMMIT: Duration = Duration::from_millis(1);

/// Who writes.
const CONTROLLER: &str = "K1#1";

/// What one append brought, and the tables after it.
pub struct Commit<'a> {
    /// The facts.
    pub facts: &'a [Fact],
    /// All attempts.
    pub attempts: &'a BTreeMap<AttemptId, Attempt>,
    /// All counts.
    pub stock: &'a Stock,
}

/// Somebody who looks on.
type Observer = Box<dyn FnMut(&Commit<'_>) + Send>;

/// The ledger of one controller, chained as the one on disk.
pub struct MemoryLedger {
    name: String,
    power: Arc<Power>,
    books: Mutex<Books>,
    observer: Mutex<Option<Observer>>,
}

#[derive(Default)]
struct Books {
    entries: Vec<Entry>,
    raw: Vec<RawEntry>,
    tables: Tables,
}

impl MemoryLedger {
    /// An empty ledger of this name.
    #[must_use]
    pub fn new(power: Arc<Power>, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            power,
            books: Mutex::default(),
            observer: Mutex::default(),
        }
    }

    /// From now on this is called after every commit, and may not use the ledger.
    pub fn observe(&self, observer: impl FnMut(&Commit<'_>) + Send + 'static) {
        *locked(&self.observer) = Some(Box::new(observer));
    }

    /// The hash of the last record, which stands for the whole record; nothing if it is empty.
    #[must_use]
    pub fn head(&self) -> Option<Hash> {
        locked(&self.books)
            .raw
            .last()
            .and_then(|last| Hash::from_slice(&last.hash))
    }

    /// The whole record.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        locked(&self.books).entries.clone()
    }

    /// All attempts.
    #[must_use]
    pub fn all_attempts(&self) -> Vec<Attempt> {
        locked(&self.books).tables.attempts.values().cloned().collect()
    }

    fn write(&self, facts: Vec<Fact>, parts: Vec<BundlePart>) -> Result<(), Fault> {
        let at = self.power.clock().now();
        let mut books = locked(&self.books);
        books.tables.append(&facts, parts)?;
        if let Some(observer) = &mut *locked(&self.observer) {
            observer(&Commit {
                facts: &facts,
                attempts: &books.tables.attempts,
                stock: &books.tables.stock,
            });
        }
        for fact in facts {
            let raw = self.chained(books.raw.last(), at, &fact)?;
            books.entries.push(Entry {
                seq: raw.seq,
                at,
                fact,
            });
            books.raw.push(raw);
        }
        Ok(())
    }

    /// The record of a fact behind another.
    fn chained(&self, last: Option<&RawEntry>, at: OffsetDateTime, fact: &Fact) -> Result<RawEntry, Fault> {
        let before = last.and_then(|last| Hash::from_slice(&last.hash));
        let body = serde_json::to_vec(fact).map_err(|error| unreadable(error.to_string()))?;
        let (seq, at_unix_ns) = (
            last.map_or(0, |last| last.seq) + 1,
            i64::try_from(at.unix_timestamp_nanos()).unwrap_or(i64::MAX),
        );
        let entry = ChainEntry {
            seq,
            controller: CONTROLLER,
            at_unix_ns,
            kind: fact.kind(),
            body: &body,
        };
        let hash = extend(&before.unwrap_or_else(|| genesis(&self.name)), &entry);
        Ok(RawEntry {
            seq,
            at_unix_ns,
            controller: CONTROLLER.to_owned(),
            kind: fact.kind().to_owned(),
            subject: fact.subject(),
            hash: hash.as_bytes().to_vec(),
            body,
        })
    }

    /// Asks the books.
    async fn ask<T>(&self, question: impl FnOnce(&Books) -> T) -> Result<T, Fault> {
        self.power.alive().await;
        Ok(question(&locked(&self.books)))
    }
}

#[async_trait]
impl Ledger for MemoryLedger {
    async fn append(&self, facts: Vec<Fact>, parts: Vec<BundlePart>) -> Result<(), Fault> {
        self.power.act(COMMIT, || self.write(facts, parts)).await
    }

    async fn part(&self, attempt: AttemptId, part: Part) -> Result<Option<Vec<u8>>, Fault> {
        self.ask(|books| books.tables.parts.get(&(attempt, part)).cloned())
            .await
    }

    async fn attempt(&self, attempt: AttemptId) -> Result<Option<Attempt>, Fault> {
        self.ask(|books| books.tables.attempts.get(&attempt).cloned())
            .await
    }

    async fn attempts(&self, which: Attempts) -> Result<Vec<Attempt>, Fault> {
        self.ask(|books| books.tables.find(&which)).await
    }

    async fn blanks(&self, chips: &[ChipId]) -> Result<BTreeMap<ChipId, (BlankId, PackId)>, Fault> {
        self.ask(|books| {
            let known = |chip: &ChipId| Some((chip.clone(), books.tables.blanks.get(chip)?.clone()));
            chips.iter().filter_map(known).collect()
        })
        .await
    }

    async fn pack_of(&self, blank: &BlankId) -> Result<Option<PackId>, Fault> {
        self.ask(|books| books.tables.pack_of(blank)).await
    }

    async fn stock(&self) -> Result<Stock, Fault> {
        self.ask(|books| books.tables.stock.clone()).await
    }

    async fn stock_of(&self, pack: &PackId) -> Result<Stock, Fault> {
        let rows = |stock: &Stock| {
            let of_pack = stock.rows().filter(|(of, _, _)| *of == pack);
            Stock::from_rows(of_pack.map(|(pack, place, count)| (pack.clone(), place.clone(), count)))
        };
        self.ask(|books| rows(&books.tables.stock)).await
    }

    async fn stock_in(&self, place: &Place, limit: u32) -> Result<Stock, Fault> {
        let rows = |stock: &Stock| {
            let there = stock.rows().filter(|(_, there, _)| *there == place);
            let there = there.map(|(pack, place, count)| (pack.clone(), place.clone(), count));
            Stock::from_rows(there.take(usize::try_from(limit).unwrap_or(usize::MAX)))
        };
        self.ask(|books| rows(&books.tables.stock)).await
    }

    async fn boxes(&self, all: bool) -> Result<Vec<BoxState>, Fault> {
        self.ask(|books| books.tables.boxes(all)).await
    }

    async fn open_lots(&self) -> Result<Vec<Lot>, Fault> {
        self.ask(|books| books.tables.open_lots()).await
    }

    async fn history(&self, subject: &str) -> Result<Vec<Entry>, Fault> {
        let about = |entry: &&Entry| entry.fact.subject() == subject;
        self.ask(|books| books.entries.iter().filter(about).cloned().collect())
            .await
    }

    async fn size(&self) -> Result<u64, Fault> {
        self.ask(|books| u64::try_from(books.entries.len()).unwrap_or(u64::MAX))
            .await
    }

    fn name(&self) -> &str {
        &self.name
    }

    async fn entries_after(&self, seq: u64, limit: u32) -> Result<Vec<RawEntry>, Fault> {
        let (from, limit) = (usize::try_from(seq), usize::try_from(limit));
        let (from, limit) = (from.unwrap_or(usize::MAX), limit.unwrap_or(usize::MAX));
        self.ask(|books| books.raw.iter().skip(from).take(limit).cloned().collect())
            .await
    }

    async fn received(&self) -> Result<Vec<(PackId, u64)>, Fault> {
        self.ask(|books| {
            let mut packs = BTreeMap::new();
            for (_, pack) in books.tables.blanks.values() {
                *packs.entry(pack.clone()).or_default() += 1;
            }
            packs.into_iter().collect()
        })
        .await
    }
}

impl std::fmt::Debug for Commit<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Commit({:?})", self.facts)
    }
}

impl std::fmt::Debug for MemoryLedger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MemoryLedger({} records)", locked(&self.books).entries.len())
    }
}
