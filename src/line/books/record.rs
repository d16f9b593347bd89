//! Records as they are stored become facts: each follows the record before it, and says what its columns say.

use crate::audit::chain::{ChainEntry, Link};
use crate::audit::{Hash, Verifier};
use crate::base::Fault;
use crate::job::Fact;
use crate::port::RawEntry;

use crate::line::fault::{RECORD_MISLABELLED, unreadable};

/// What a record says that is what was written.
#[derive(Debug)]
pub struct Told {
    /// The record's number.
    pub seq: u64,
    /// The fact.
    pub fact: Fact,
}

/// Reads the next record.
///
/// # Errors
/// `AUDIT-001` to `AUDIT-004` if it is not what was written; `LIN-011` if its columns contradict its content;
/// `LIN-001` if it cannot be read. Nothing after it can be, then.
pub fn read(chain: &mut Verifier, entry: &RawEntry) -> Result<Told, Fault> {
    link(chain, entry)?;
    let fact: Fact = serde_json::from_slice(&entry.body)
        .map_err(|error| unreadable(format!("record {}: {error}", entry.seq)))?;
    if fact.kind() != entry.kind || fact.subject() != entry.subject {
        return Err(Fault::new(&RECORD_MISLABELLED, format!("record {}", entry.seq)));
    }
    Ok(Told { seq: entry.seq, fact })
}

/// Holds a record against the chain before it: the first flaw is an error.
///
/// # Errors
/// `AUDIT-…` for the flaw, `LIN-001` for a hash that is none.
pub fn link(chain: &mut Verifier, entry: &RawEntry) -> Result<(), Fault> {
    let hash =
        Hash::from_slice(&entry.hash).ok_or_else(|| unreadable(format!("hash of record {}", entry.seq)))?;
    let link = Link {
        seq: entry.seq,
        prev: chain.verified().head(),
        hash,
    };
    let content = ChainEntry {
        seq: entry.seq,
        controller: &entry.controller,
        at_unix_ns: entry.at_unix_ns,
        kind: &entry.kind,
        body: &entry.body,
    };
    chain.feed(&content, &link).map_err(Fault::from)
}
