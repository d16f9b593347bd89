//! Is the ledger what was written, and do the state tables say what it says?
//!
//! Every record is read from the first on: its place in the chain, its transition by the same rules that made it, and
//! at each signed head the Merkle root that was signed. Then the state tables are compared with what the records amount
//! to. The ledger may be in use meanwhile: what differs only because the reading is behind is read again.

use std::collections::BTreeMap;

use crate::audit::Checkpoint;
use crate::base::ids::{AttemptId, BlankId, ChipId, OrderKey, PackId};
use crate::base::{Fault, hex};
use crate::job::{Attempt, Fact, Phase, apply};
use crate::port::{Attempts, BoxState, Entry, Ledger, RawEntry};

use super::books::{Books, Brought};
use super::fault::{STATE_DIFFERS, TOO_BUSY, unreadable};

/// Records read at once.
const PAGE: u32 = 2_000;
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
    let mut reading = Reading {
        books: Books::new(ledger.name()),
        heads: BTreeMap::new(),
        flaws: Vec::new(),
        signed: 0,
        held: 0,
        used: Used::default(),
    };
    if let Some(key) = key {
        reading.collect(ledger, key, notes).await?;
    }
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
    let mut books = Books::new(ledger.name());
    loop {
        let page = ledger.entries_after(books.size(), PAGE).await?;
        for entry in &page {
            if entry.at_unix_ns >= at_unix_ns {
                return Ok(books);
            }
            if let Some(missing) = books.misses(entry)
                && let Some(attempt) = before(ledger, missing, entry).await?
            {
                books.recall(attempt);
            }
            if let Brought::End(attempt) = books.take(entry)? {
                books.set_aside(attempt);
            }
        }
        if page.is_empty() {
            return Ok(books);
        }
    }
}

struct Reading {
    books: Books,
    /// Signed heads that are not reached yet, by the number of records they cover.
    heads: BTreeMap<u64, Vec<Head>>,
    flaws: Vec<Fault>,
    signed: u64,
    held: u64,
    used: Used,
}

struct Head {
    name: String,
    content: Content,
}

enum Content {
    /// A note: the whole checkpoint, its signature checked.
    Note(Box<Checkpoint>),
    /// A record: the chain's head, which is signed too, must be put in first.
    Record {
        root: String,
        at_unix_s: i64,
        signature: String,
        key: Vec<u8>,
    },
}

impl Reading {
    fn end(mut self) -> Audited {
        let size = self.books.size();
        for (signed, heads) in std::mem::take(&mut self.heads) {
            for head in heads {
                let cut = crate::audit::BadRecord {
                    seq: size,
                    flaw: crate::audit::Flaw::Cut { signed },
                };
                self.flaws.push(Fault::from(cut).at(head.name));
            }
        }
        Audited {
            books: self.books,
            signed: self.signed,
            heads: self.held,
            used: self.used,
            flaws: self.flaws,
        }
    }

    /// All signed heads, inside the ledger and outside.
    async fn collect(&mut self, ledger: &dyn Ledger, key: &[u8], notes: &[Note]) -> Result<(), Fault> {
        for Entry { seq, fact, .. } in ledger.history("checkpoint").await? {
            let Fact::Checkpoint {
                size,
                root,
                at_unix_s,
                signature,
            } = fact
            else {
                continue;
            };
            let content = Content::Record {
                root,
                at_unix_s,
                signature,
                key: key.to_vec(),
            };
            let name = format!("record {seq}");
            self.heads.entry(size).or_default().push(Head { name, content });
        }
        for note in notes {
            match Checkpoint::open_note(&note.text, key) {
                Ok(checkpoint) => self.heads.entry(checkpoint.size).or_default().push(Head {
                    name: note.name.clone(),
                    content: Content::Note(Box::new(checkpoint)),
                }),
                Err(fault) => self.flaws.push(fault.at(&note.name)),
            }
        }
        Ok(())
    }

    /// Reads to the end; the inner error is the first bad record. One page is fetched while the one before is read.
    async fn catch_up(&mut self, ledger: &dyn Ledger) -> Result<Result<(), Fault>, Fault> {
        let mut page = ledger.entries_after(self.books.size(), PAGE).await?;
        while let Some(last) = page.last() {
            // A number that lies is the first bad record: what is fetched after it is not looked at.
            let next = ledger.entries_after(last.seq, PAGE);
            let (next, read) = tokio::join!(next, self.read(ledger, &page));
            if let Err(flaw) = read? {
                return Ok(Err(flaw));
            }
            page = next?;
        }
        Ok(Ok(()))
    }

    /// Reads these records.
    async fn read(&mut self, ledger: &dyn Ledger, page: &[RawEntry]) -> Result<Result<(), Fault>, Fault> {
        let mut ended = Vec::new();
        for entry in page {
            if let Some(missing) = self.books.misses(entry)
                && let Some(attempt) = before(ledger, missing, entry).await?
            {
                self.books.recall(attempt);
            }
            match self.books.take(entry) {
                Ok(Brought::Nothing) => {}
                Ok(Brought::End(attempt)) => ended.push(attempt),
                Ok(Brought::Blanks(blanks)) => self.listed(ledger, blanks).await?,
                Err(flaw) => return Ok(Err(flaw)),
            }
            self.reach(entry.seq);
        }
        self.settle(ledger, ended).await?;
        Ok(Ok(()))
    }

    /// Compares with the heads that were signed over exactly the records read so far.
    fn reach(&mut self, seq: u64) {
        for head in self.heads.remove(&seq).unwrap_or_default() {
            match self.holds(&head.content) {
                Ok(()) => (self.signed, self.held) = (seq, self.held + 1),
                Err(fault) => self.flaws.push(fault.at(head.name)),
            }
        }
    }

    fn holds(&self, content: &Content) -> Result<(), Fault> {
        let chain = self.books.chain();
        match content {
            Content::Note(checkpoint) => chain.agrees(checkpoint).map_err(Fault::from),
            Content::Record {
                root,
                at_unix_s,
                signature,
                key,
            } => {
                let checkpoint = chain.verified().checkpoint(*at_unix_s);
                if checkpoint.root.to_string() != *root {
                    let flaw = crate::audit::Flaw::Rewritten;
                    return Err(crate::audit::BadRecord {
                        seq: checkpoint.size,
                        flaw,
                    }
                    .into());
                }
                let signature = hex::decode(signature).unwrap_or_default();
                crate::audit::seal::verify(key, checkpoint.text().as_bytes(), &signature)
            }
        }
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

/// An attempt as it was before this record, from its own history.
async fn before(ledger: &dyn Ledger, id: AttemptId, entry: &RawEntry) -> Result<Option<Attempt>, Fault> {
    let mut state = None;
    for Entry { seq, fact, .. } in ledger.history(&id.to_string()).await? {
        if seq >= entry.seq {
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
