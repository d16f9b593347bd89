//! Proving to somebody outside that a box's manifest belongs to the ledger (see [`crate::audit::proof`]).

use crate::audit::merkle::{PathBuilder, leaf};
use crate::audit::proof::{Proof, Record, commitment};
use crate::audit::{Checkpoint, Hash, fault::MANIFEST_OTHER};
use crate::base::ids::BoxId;
use crate::base::{Fault, hex};
use crate::job::Fact;
use crate::port::Entry;

use super::Line;
use super::checkpoint::Checkpoints;
use super::fault::unreadable;

/// Records read at once.
const PAGE: u32 = 2_000;

/// A head that was signed, as the ledger records it.
struct Signed {
    size: u64,
    root: String,
    at_unix_s: i64,
    signature: [u8; 64],
}

/// The proof that this is the manifest with which the box was sealed, or nothing if the box was never sealed. The
/// ledger's head is signed now if none that was signed covers the record.
///
/// # Errors
/// `AUDIT-018` if the ledger has sealed another manifest; the HSM's or the ledger's.
pub async fn prove(line: &Line, label: &BoxId, manifest: &[u8]) -> Result<Option<Proof>, Fault> {
    let ledger = &line.ports.ledger;
    let sealed = ledger.history(label.as_str()).await?;
    let sealed = sealed.into_iter().find_map(|Entry { seq, fact, .. }| match fact {
        Fact::BoxSealed { manifest, .. } => Some((seq, manifest)),
        _ => None,
    });
    let Some((seq, recorded)) = sealed else {
        return Ok(None);
    };
    let keyed = line.ports.signer.hmac(&line.rules.keys.lookup, manifest).await?;
    if recorded != hex::encode(&commitment(&keyed, manifest).0) {
        return Err(Fault::new(&MANIFEST_OTHER, label.to_string()));
    }
    let head = match head_over(line, seq).await? {
        Some(head) => head,
        None => {
            Checkpoints::new(line).sign(line).await?;
            head_over(line, seq)
                .await?
                .ok_or_else(|| unreadable("the head just signed"))?
        }
    };
    let (record, path, checkpoint) = walk(line, seq, &head).await?;
    let note = checkpoint.note(&head.signature);
    Ok(Some(Proof::new(record, path, note, Hash(keyed))))
}

/// The smallest signed head that covers this record.
async fn head_over(line: &Line, seq: u64) -> Result<Option<Signed>, Fault> {
    let history = line.ports.ledger.history("checkpoint").await?;
    let heads = history.into_iter().filter_map(|entry| match entry.fact {
        Fact::Checkpoint {
            size,
            root,
            at_unix_s,
            signature,
        } if size >= seq => {
            let signature = hex::decode(&signature)?.try_into().ok()?;
            Some(Signed {
                size,
                root,
                at_unix_s,
                signature,
            })
        }
        _ => None,
    });
    Ok(heads.min_by_key(|head| head.size))
}

/// Reads the ledger up to the head: the record, its path, and the head with what the records give.
async fn walk(line: &Line, seq: u64, head: &Signed) -> Result<(Record, Vec<Hash>, Checkpoint), Fault> {
    let ledger = &line.ports.ledger;
    let mut path =
        PathBuilder::new(seq.saturating_sub(1), head.size).ok_or_else(|| unreadable("record 0"))?;
    let (mut record, mut last, mut read) = (None, crate::audit::chain::genesis(ledger.name()), 0);
    while read < head.size {
        let page = ledger.entries_after(read, PAGE).await?;
        if page.is_empty() {
            return Err(unreadable(format!("the ledger ends at {read}")));
        }
        for entry in page.into_iter().take_while(|entry| entry.seq <= head.size) {
            read = entry.seq;
            let hash =
                Hash::from_slice(&entry.hash).ok_or_else(|| unreadable(format!("hash of record {read}")))?;
            path.push(leaf(&hash.0));
            if entry.seq == seq {
                record = Some(Record {
                    seq,
                    prev: last,
                    controller: entry.controller,
                    at_unix_ns: entry.at_unix_ns,
                    kind: entry.kind,
                    body: String::from_utf8(entry.body).map_err(|_| unreadable(format!("record {seq}")))?,
                });
            }
            last = hash;
        }
    }
    let missing = || unreadable(format!("record {seq}"));
    let checkpoint = Checkpoint {
        ledger: ledger.name().to_owned(),
        size: head.size,
        root: head.root.parse().map_err(|()| unreadable("the root of a head"))?,
        chain: last,
        at_unix_s: head.at_unix_s,
    };
    Ok((
        record.ok_or_else(missing)?,
        path.finish().ok_or_else(missing)?,
        checkpoint,
    ))
}
