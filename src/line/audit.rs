//! Is the ledger what was written, and do the state tables say what it says?
//!
//! Every record is read from the first on: its place in the chain, its transition by the same rules that made it, and
//! at each signed head the Merkle root that was signed. Then the state tables are compared with what the records amount
//! to. The ledger may be in use meanwhile: what differs only because the reading is behind is read again.
//!
//! Three things go on at a time: records are fetched, those before them are read along the chain, and what those before
//! these say is folded.

mod along;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;

use crate::audit::Verifier;
use crate::base::Fault;
use crate::base::ids::{AttemptId, BlankId, ChipId, OrderKey, PackId};
use crate::job::{Attempt, Fact, Phase, apply};
use crate::port::{Attempts, BoxState, Entry, Ledger, RawEntry};

use super::books::{self, Books, Brought};
use super::fault::{STATE_DIFFERS, TOO_BUSY, unreadable};
use along::{Along, Page};

/// Records read at once.
const PAGE: u32 = 2_000;
/// Pages that wait between fetching and reading, and between reading and folding.
const PAGES_AHEAD: usize = 2;
/// Times that the tables are compared while records keep coming.
const COMPARISONS_MAX: u32 = 50;
/// Differences named one by one; after these it is clear enough.
const NAMED_MAX: usize = 20;

/// A signed head kept outside the ledger: where it was found, and its text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Note {
    /// Where it was found.
    pub name: String,
    /// The signed note.
    pub text: String,
}

/// What an audit has found.
#[derive(Debug)]
pub struct Audited {
    /// What the records amount to.
    pub books: Books,
    /// Records covered by the largest signed head that holds.
    pub signed: u64,
    /// Signed heads that hold.
    pub heads: u64,
    /// What became of the signatures.
    pub used: Used,
    /// Everything that is wrong, the first bad record first.
    pub flaws: Vec<Fault>,
}

/// What became of the signatures (law 4): on good cards, on waste, unused, or on cards that are being made.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Used {
    /// Attempts there are.
    pub attempts: u64,
    /// On good cards in boxes.
    pub good: u64,
    /// On cards that are waste or not found.
    pub waste: u64,
    /// On no card: called back, or waiting for a blank.
    pub unused: u64,
    /// On cards that are under way or in quarantine.
    pub under_way: u64,
}

impl Used {
    /// All signatures.
    #[must_use]
    pub fn signatures(&self) -> u64 {
        self.good + self.waste + self.unused + self.under_way
    }

    fn count(&mut self, attempt: &Attempt) {
        self.attempts += 1;
        if attempt.sod.is_none() {
            return;
        }
        *match attempt.phase {
            Phase::Spoiled | Phase::NotFound => &mut self.waste,
            Phase::Withdrawn | Phase::Ready => &mut self.unused,
            _ if attempt.is_good() => &mut self.good,
            _ => &mut self.under_way,
        } += 1;
    }
}

/// Reads the whole ledger. With the public point of the key that signs its heads, those in the ledger and the given
/// ones are checked too.
///
/// # Errors
/// Only when the ledger cannot be read; what is wrong with it is in the answer.
pub async fn audit(ledger: &dyn Ledger, key: Option<&[u8]>, notes: &[Note]) -> Result<Audited, Fault> {
    let mut along = Along::new(ledger.name());
    let flaws = match key {
        Some(key) => along.collect(ledger, key, notes).await?,
        None => Vec::new(),
    };
    let mut reading = Reading {
        along: Arc::new(Mutex::new(along)),
        books: Books::default(),
        flaws,
        signed: 0,
        held: 0,
        used: Used::default(),
    };
    for _ in 0..COMPARISONS_MAX {
        if let Err(flaw) = reading.catch_up(ledger).await? {
            // Behind the first bad record nothing can be told from the state tables.
            reading.flaws.insert(0, flaw);
            return Ok(reading.end());
        }
        let differences = reading.compare(ledger).await?;
        if differences.is_empty() || ledger.size().await? <= reading.books.size() {
            reading.flaws.extend(differences);
            return Ok(reading.end());
        }
    }
    Err(Fault::new(&TOO_BUSY, format!("{} records", reading.books.size())))
}

/// The books as they were at this moment, in nanoseconds since 1970-01-01 UTC. Attempts that were over and told by
/// then are not among their attempts.
///
/// # Errors
/// The ledger's, or its first bad record.
pub async fn books_at(ledger: &dyn Ledger, at_unix_ns: i64) -> Result<Books, Fault> {
    let (mut chain, mut books) = (Verifier::new(ledger.name()), Books::default());
    loop {
        let page = ledger.entries_after(books.size(), PAGE).await?;
        for entry in &page {
            if entry.at_unix_ns >= at_unix_ns {
                return Ok(books);
            }
            let told = books::read(&mut chain, entry)?;
            if let Some(missing) = books.misses(&told.fact)
                && let Some(attempt) = before(ledger, missing, told.seq).await?
            {
                books.recall(attempt);
            }
            if let Brought::End(attempt) = books.take(told)? {
                books.set_aside(attempt);
            }
        }
        if page.is_empty() {
            return Ok(books);
        }
    }
}

/// Fetches the records after this one, as long as somebody wants them. A number that lies is the first bad record: what
/// is fetched after it is not looked at.
async fn fetch(
    ledger: &dyn Ledger,
    mut after: u64,
    wanted: mpsc::Sender<Vec<RawEntry>>,
) -> Result<(), Fault> {
    loop {
        let page = ledger.entries_after(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.seq;
        if wanted.send(page).await.is_err() {
            return Ok(());
        }
    }
}

fn lock(along: &Mutex<Along>) -> MutexGuard<'_, Along> {
    along.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Reading {
    along: Arc<Mutex<Along>>,
    books: Books,
    flaws: Vec<Fault>,
    signed: u64,
    held: u64,
    used: Used,
}

impl Reading {
    fn end(mut self) -> Audited {
        self.flaws.extend(lock(&self.along).cut());
        Audited {
            books: self.books,
            signed: self.signed,
            heads: self.held,
            used: self.used,
            flaws: self.flaws,
        }
    }

    /// Reads to the end; the inner error is the first bad record. Behind it nothing is fetched or read any more.
    async fn catch_up(&mut self, ledger: &dyn Ledger) -> Result<Result<(), Fault>, Fault> {
        let (to_read, mut fetched) = mpsc::channel::<Vec<RawEntry>>(PAGES_AHEAD);
        let (to_fold, read) = mpsc::channel(PAGES_AHEAD);
        let along = Arc::clone(&self.along);
        let reading = tokio::spawn(async move {
            while let Some(entries) = fetched.recv().await {
                let page = lock(&along).read(&entries);
                if to_fold.send(page).await.is_err() {
                    return;
                }
            }
        });
        let fetching = fetch(ledger, self.books.size(), to_read);
        let (folded, reading, fetched) = tokio::join!(self.fold_all(ledger, read), reading, fetching);
        if let Err(flaw) = folded? {
            return Ok(Err(flaw));
        }
        reading.map_err(|error| unreadable(error.to_string()))?;
        fetched.map(Ok)
    }

    async fn fold_all(
        &mut self,
        ledger: &dyn Ledger,
        mut read: mpsc::Receiver<Page>,
    ) -> Result<Result<(), Fault>, Fault> {
        while let Some(page) = read.recv().await {
            if let Err(flaw) = self.fold(ledger, page).await? {
                return Ok(Err(flaw));
            }
        }
        Ok(Ok(()))
    }

    /// Folds what was read.
    async fn fold(&mut self, ledger: &dyn Ledger, page: Page) -> Result<Result<(), Fault>, Fault> {
        let mut ended = Vec::new();
        let mut heads = page.heads.into_iter().peekable();
        for told in page.told {
            let seq = told.seq;
            if let Some(missing) = self.books.misses(&told.fact)
                && let Some(attempt) = before(ledger, missing, seq).await?
            {
                self.books.recall(attempt);
            }
            match self.books.take(told) {
                Ok(Brought::Nothing) => {}
                Ok(Brought::End(attempt)) => ended.push(attempt),
                Ok(Brought::Blanks(blanks)) => self.listed(ledger, blanks).await?,
                Err(flaw) => return Ok(Err(flaw)),
            }
            while let Some((_, holds)) = heads.next_if(|(reached, _)| *reached == seq) {
                match holds {
                    Ok(()) => (self.signed, self.held) = (seq, self.held + 1),
                    Err(fault) => self.flaws.push(fault),
                }
            }
        }
        if let Some(flaw) = page.flaw {
            return Ok(Err(flaw));
        }
        self.settle(ledger, ended).await?;
        Ok(Ok(()))
    }

    /// Attempts that are over and equal to their rows need no place in memory. All of a page at once: a question for
    /// each would take longer than everything else.
    async fn settle(&mut self, ledger: &dyn Ledger, ended: Vec<AttemptId>) -> Result<(), Fault> {
        if ended.is_empty() {
            return Ok(());
        }
        for row in ledger.attempts(Attempts::These(ended)).await? {
            if self.books.attempts.get(&row.id) == Some(&row) {
                self.books.set_aside(row.id);
            }
        }
        Ok(())
    }

    async fn listed(
        &mut self,
        ledger: &dyn Ledger,
        blanks: Vec<(ChipId, BlankId, PackId)>,
    ) -> Result<(), Fault> {
        let chips: Vec<ChipId> = blanks.iter().map(|(chip, ..)| chip.clone()).collect();
        let known = ledger.blanks(&chips).await?;
        for (chip, blank, pack) in blanks {
            if known.get(&chip) != Some(&(blank.clone(), pack)) {
                self.flaws.push(differs(format!("blank {blank}")));
            }
        }
        Ok(())
    }

    /// Every state table against the books.
    async fn compare(&mut self, ledger: &dyn Ledger) -> Result<Vec<Fault>, Fault> {
        let mut found = Vec::new();
        for (id, attempt) in &self.books.attempts {
            if ledger.attempt(*id).await?.as_ref() != Some(attempt) {
                found.push(differs(format!("attempt {id}")));
            }
        }
        self.used = used(ledger).await?;
        let (rows, planned) = (self.used.attempts, self.books.planned);
        if rows != planned {
            found.push(differs(format!("{rows} attempts, {planned} planned")));
        }
        let (rows, got) = (self.used.signatures(), self.books.signatures.got);
        if rows != got {
            found.push(differs(format!("{rows} signatures in attempts, {got} came back")));
        }
        if !ledger.stock().await?.rows().eq(self.books.stock.rows()) {
            found.push(differs("stock"));
        }
        let received = ledger.received().await?;
        let packs = self
            .books
            .packs
            .iter()
            .map(|(pack, came)| (pack.clone(), came.blanks));
        if !received.into_iter().eq(packs) {
            found.push(differs("suppliers' lists"));
        }
        let boxes = ledger.boxes(true).await?;
        let known: Vec<BoxState> = self.books.boxes.values().cloned().collect();
        for state in boxes.iter().filter(|state| !known.contains(state)) {
            found.push(differs(format!("box {}", state.label)));
        }
        if known.len() != boxes.len() {
            found.push(differs(format!("{} boxes, {} opened", boxes.len(), known.len())));
        }
        if !ledger.open_lots().await?.iter().eq(self.books.lots.values()) {
            found.push(differs("open lots"));
        }
        found.truncate(NAMED_MAX);
        Ok(found)
    }
}

/// What the state table says of all attempts.
async fn used(ledger: &dyn Ledger) -> Result<Used, Fault> {
    let mut last = AttemptId {
        order: OrderKey(0),
        number: 0,
    };
    let mut used = Used::default();
    loop {
        let page = ledger.attempts(Attempts::After(last, PAGE)).await?;
        page.iter().for_each(|attempt| used.count(attempt));
        match page.last() {
            Some(end) if end.id > last => last = end.id,
            // Nothing more; or a row that says it is another, behind which nothing can be found. The count will tell.
            _ => return Ok(used),
        }
    }
}

/// An attempt as it was before the record of this number, from its own history.
async fn before(ledger: &dyn Ledger, id: AttemptId, record: u64) -> Result<Option<Attempt>, Fault> {
    let mut state = None;
    for Entry { seq, fact, .. } in ledger.history(&id.to_string()).await? {
        if seq >= record {
            break;
        }
        if let Fact::Attempt { attempt, event } = fact {
            state = Some(
                apply(state.as_ref(), attempt, &event).map_err(|illegal| unreadable(illegal.to_string()))?,
            );
        }
    }
    Ok(state)
}

fn differs(what: impl Into<String>) -> Fault {
    Fault::new(&STATE_DIFFERS, what)
}
