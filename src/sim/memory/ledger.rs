//! The ledger in memory, with the same refusals as the one on disk.

mod tables;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;

use super::{Power, locked};
use crate::base::Fault;
use crate::base::ids::{AttemptId, BlankId, ChipId, PackId};
use crate::job::lot::Lot;
use crate::job::stock::Stock;
use crate::job::{Attempt, Fact};
use crate::port::{Attempts, BoxState, BundlePart, Entry, Ledger, Part};
use tables::Tables;

/// A commit takes this long.
const COMMIT: Duration = Duration::from_millis(1);

/// The ledger of one controller. Its record is kept, without a chain: nobody can reach it to bend it.
pub struct MemoryLedger {
    power: Arc<Power>,
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    entries: Vec<Entry>,
    tables: Tables,
}

impl MemoryLedger {
    /// An empty ledger.
    #[must_use]
    pub fn new(power: Arc<Power>) -> Self {
        Self {
            power,
            books: Mutex::default(),
        }
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

    /// Blanks received, by pack: what the suppliers' lists say, not what the counts say.
    #[must_use]
    pub fn received(&self) -> Vec<(PackId, u64)> {
        let mut packs = std::collections::BTreeMap::new();
        for (_, pack) in locked(&self.books).tables.blanks.values() {
            *packs.entry(pack.clone()).or_default() += 1;
        }
        packs.into_iter().collect()
    }

    fn write(&self, facts: Vec<Fact>, parts: Vec<BundlePart>) -> Result<(), Fault> {
        let at = self.power.clock().now();
        let mut books = locked(&self.books);
        books.tables.append(&facts, parts)?;
        for fact in facts {
            let seq = u64::try_from(books.entries.len()).unwrap_or(u64::MAX) + 1;
            books.entries.push(Entry { seq, at, fact });
        }
        Ok(())
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
        self.ask(|books| books.tables.attempts.get(&attempt).cloned()).await
    }

    async fn attempts(&self, which: Attempts) -> Result<Vec<Attempt>, Fault> {
        self.ask(|books| books.tables.find(&which)).await
    }

    async fn blank(&self, chip: &ChipId) -> Result<Option<(BlankId, PackId)>, Fault> {
        self.ask(|books| books.tables.blanks.get(chip).cloned()).await
    }

    async fn stock(&self) -> Result<Stock, Fault> {
        self.ask(|books| books.tables.stock.clone()).await
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
}

impl std::fmt::Debug for MemoryLedger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MemoryLedger({} records)", locked(&self.books).entries.len())
    }
}
