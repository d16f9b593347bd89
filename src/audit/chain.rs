//! The hash chain over the ledger: every record's hash covers its content and the hash of the record before it.
//!
//! A record cannot be changed, removed, added or moved without every later hash changing; and the latest hash is kept
//! outside, in signed checkpoints. The verifier names the first record at which a ledger stops being what was written.

use sha2::{Digest, Sha256};

use super::{Checkpoint, Frontier, Hash, fault, merkle};
use crate::base::Fault;

/// The first record's number.
pub const FIRST_SEQ: u64 = 1;

/// First byte of what is hashed. 0x00 and 0x01 belong to the Merkle tree (RFC 6962 section 2.1), so no record can be
/// passed off as a leaf or node.
const RECORD: &[u8] = &[0x02];
const GENESIS: &[u8] = &[0x03];

/// What a record says, borrowed from wherever it is kept.
#[derive(Clone, Copy)]
pub struct ChainEntry<'a> {
    /// Its number in the ledger, from [`FIRST_SEQ`] without gaps.
    pub seq: u64,
    /// The controller that wrote it.
    pub controller: &'a str,
    /// When, in nanoseconds since 1970-01-01 UTC.
    pub at_unix_ns: i64,
    /// What kind of record it is.
    pub kind: &'a str,
    /// The record itself, as stored.
    pub body: &'a [u8],
}

/// A record's place in the chain, stored beside it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Link {
    /// Its number in the ledger.
    pub seq: u64,
    /// The hash of the record before it, [`genesis`] for the first.
    pub prev: Hash,
    /// Its own hash.
    pub hash: Hash,
}

/// The value the first record follows. It names the ledger, so records of two ledgers never fit together.
#[must_use]
pub fn genesis(ledger: &str) -> Hash {
    Hash::of(&[GENESIS, ledger.as_bytes()])
}

/// The hash of a record that follows `prev`.
///
/// Hashed are, in this order: 0x02, `prev`, and the fields of the entry; numbers as 8 bytes big-endian, texts and the
/// body after their length as such a number, so that no two entries share an encoding.
#[must_use]
pub fn extend(prev: &Hash, entry: &ChainEntry<'_>) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update(RECORD);
    hasher.update(prev.0);
    hasher.update(entry.seq.to_be_bytes());
    update_text(&mut hasher, entry.controller.as_bytes());
    hasher.update(entry.at_unix_ns.to_be_bytes());
    update_text(&mut hasher, entry.kind.as_bytes());
    update_text(&mut hasher, entry.body);
    Hash(hasher.finalize().into())
}

/// The end of a ledger, to which records are added: the writer's side.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Chain {
    ledger: String,
    head: Hash,
    tree: Frontier,
}

impl Chain {
    /// A ledger without records.
    #[must_use]
    pub fn new(ledger: impl Into<String>) -> Self {
        let ledger = ledger.into();
        Self {
            head: genesis(&ledger),
            ledger,
            tree: Frontier::new(),
        }
    }

    /// A ledger that ends in this head; the frontier is the tree's over its records.
    #[must_use]
    pub fn resume(ledger: impl Into<String>, head: Hash, tree: Frontier) -> Self {
        Self {
            ledger: ledger.into(),
            head,
            tree,
        }
    }

    /// Adds a record and gives it its place.
    pub fn append(&mut self, controller: &str, at_unix_ns: i64, kind: &str, body: &[u8]) -> Link {
        let (seq, prev) = (self.next_seq(), self.head);
        let hash = extend(
            &prev,
            &ChainEntry {
                seq,
                controller,
                at_unix_ns,
                kind,
                body,
            },
        );
        self.push(hash);
        Link { seq, prev, hash }
    }

    /// The ledger's name.
    #[must_use]
    pub fn ledger(&self) -> &str {
        &self.ledger
    }

    /// Records so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// The last record's hash.
    #[must_use]
    pub fn head(&self) -> Hash {
        self.head
    }

    /// The Merkle tree over the records' hashes.
    #[must_use]
    pub fn tree(&self) -> &Frontier {
        &self.tree
    }

    /// What is to be signed, at this time in seconds since 1970-01-01 UTC.
    #[must_use]
    pub fn checkpoint(&self, at_unix_s: i64) -> Checkpoint {
        Checkpoint {
            ledger: self.ledger.clone(),
            size: self.size(),
            root: self.tree.root(),
            chain: self.head,
            at_unix_s,
        }
    }

    fn next_seq(&self) -> u64 {
        self.tree.size().saturating_add(FIRST_SEQ)
    }

    fn push(&mut self, hash: Hash) {
        self.head = hash;
        self.tree.push(merkle::leaf(&hash.0));
    }
}

/// Reads a ledger from its first record and stops at the first that is not what was written.
#[derive(Clone, Debug)]
pub struct Verifier(Chain);

impl Verifier {
    /// Begins at the first record.
    #[must_use]
    pub fn new(ledger: impl Into<String>) -> Self {
        Self(Chain::new(ledger))
    }

    /// Begins behind records that were verified before.
    #[must_use]
    pub fn resume(verified: Chain) -> Self {
        Self(verified)
    }

    /// The next record and the link stored with it.
    ///
    /// # Errors
    /// The record and what is wrong with it. The verifier stays where it was.
    pub fn feed(&mut self, entry: &ChainEntry<'_>, link: &Link) -> Result<(), BadRecord> {
        let expected = self.0.next_seq();
        let bad = |flaw| BadRecord { seq: link.seq, flaw };
        if link.seq > expected {
            return Err(bad(Flaw::Gap { expected }));
        }
        if link.seq < expected {
            return Err(bad(Flaw::Fork));
        }
        if link.prev != self.0.head {
            return Err(bad(Flaw::Detached));
        }
        if entry.seq != link.seq || extend(&link.prev, entry) != link.hash {
            return Err(bad(Flaw::Edited));
        }
        self.0.push(link.hash);
        Ok(())
    }

    /// Compares with a checkpoint of exactly as many records as were fed.
    ///
    /// # Errors
    /// The ledger is not the one that was signed, or another number of records was fed.
    pub fn agrees(&self, signed: &Checkpoint) -> Result<(), BadRecord> {
        let size = self.0.size();
        let flaw = if signed.ledger != self.0.ledger {
            Flaw::Foreign
        } else if size < signed.size {
            Flaw::Cut { signed: signed.size }
        } else if size > signed.size || signed.chain != self.0.head || signed.root != self.0.tree.root() {
            Flaw::Rewritten
        } else {
            return Ok(());
        };
        Err(BadRecord { seq: size, flaw })
    }

    /// What has been verified so far.
    #[must_use]
    pub fn verified(&self) -> &Chain {
        &self.0
    }
}

/// The first record that is not what was written, and how that shows.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BadRecord {
    /// Its number; for [`Flaw::Cut`] and [`Flaw::Rewritten`] the last that is there.
    pub seq: u64,
    /// What is wrong.
    pub flaw: Flaw,
}

/// What can be wrong with a ledger.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flaw {
    /// The ledger ends before the end that was signed.
    Cut {
        /// Records the checkpoint covers.
        signed: u64,
    },
    /// It follows another record than the one that stands before it: that one was replaced, hash and all.
    Detached,
    /// Its content does not have its hash.
    Edited,
    /// The checkpoint is another ledger's.
    Foreign,
    /// Its number was taken before.
    Fork,
    /// Records before it are missing.
    Gap {
        /// The number that should have come.
        expected: u64,
    },
    /// Every record fits the next, but the end is not the one that was signed.
    Rewritten,
}

impl From<BadRecord> for Fault {
    fn from(bad: BadRecord) -> Self {
        let seq = bad.seq;
        match bad.flaw {
            Flaw::Cut { signed } => Self::new(
                &fault::LEDGER_CUT,
                format!("ends at {seq}, signed up to {signed}"),
            ),
            Flaw::Detached => Self::new(&fault::LEDGER_DETACHED, format!("record {seq}")),
            Flaw::Edited => Self::new(&fault::LEDGER_EDITED, format!("record {seq}")),
            Flaw::Foreign => Self::new(&fault::CHECKPOINT_FOREIGN, ""),
            Flaw::Fork => Self::new(&fault::LEDGER_FORKED, format!("record {seq}")),
            Flaw::Gap { expected } => Self::new(
                &fault::LEDGER_GAP,
                format!("record {seq} stands where {expected} should"),
            ),
            Flaw::Rewritten => Self::new(&fault::LEDGER_REWRITTEN, format!("up to record {seq}")),
        }
    }
}

// The body may name cards and people's acts; a log line gets the place, not the content.
impl std::fmt::Debug for ChainEntry<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "ChainEntry({} {}, {} bytes)",
            self.seq,
            self.kind,
            self.body.len()
        )
    }
}

fn update_text(hasher: &mut Sha256, text: &[u8]) {
    hasher.update((text.len() as u64).to_be_bytes());
    hasher.update(text);
}

#[cfg(test)]
mod tests;
