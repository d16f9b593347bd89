//! The proof that a box's manifest belongs to the ledger, for somebody who has neither: the manifest's record, the
//! record's path to a signed head (RFC 9162, section 2.1.3), and the facility's public key are enough.
//!
//! The ledger holds no personal data and no plain hash of any (a manifest names people, and names are guessed), so the
//! record of a sealed box holds a commitment: the hash of the manifest together with its keyed hash under an HSM key.
//! The keyed hash is told with the proof and to nobody else.

use serde::{Deserialize, Serialize};

use super::chain::{ChainEntry, extend};
use super::{Checkpoint, Hash, fault, merkle};
use crate::base::{Fault, hex};

/// First byte of what a commitment hashes; 0x00 to 0x03 belong to the tree and the chain.
const COMMITMENT: &[u8] = &[0x04];
/// The version of the form.
const VERSION: u32 = 1;
/// The kind of record that seals a box.
const SEALED: &str = "box_sealed";

/// What the ledger records of a manifest: it can be checked by whoever is given the manifest and its keyed hash, and
/// guessed by nobody else.
#[must_use]
pub fn commitment(keyed: &[u8; 32], manifest: &[u8]) -> Hash {
    Hash::of(&[COMMITMENT, keyed, manifest])
}

/// A record, its way to a signed head, and what opens the commitment in it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// Version of this form: 1.
    pub v: u32,
    /// The record that seals the box.
    pub record: Record,
    /// Hashes from the record's leaf to the root, nearest sibling first.
    pub path: Vec<Hash>,
    /// The signed head, as a note.
    pub head: String,
    /// The manifest's keyed hash.
    pub keyed: Hash,
}

/// A record of the ledger with its place in the chain.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Its number, from 1.
    pub seq: u64,
    /// The hash of the record before it.
    pub prev: Hash,
    /// Controller and fencing token.
    pub controller: String,
    /// Nanoseconds since 1970-01-01 UTC.
    pub at_unix_ns: i64,
    /// Its kind.
    pub kind: String,
    /// The fact in JSON, letter by letter as it was recorded.
    pub body: String,
}

/// What a proof shows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Proven {
    /// The head that was signed.
    pub head: Checkpoint,
    /// The record's number in it.
    pub seq: u64,
    /// The box.
    pub label: String,
    /// Cards in it.
    pub cards: u64,
}

/// The fact that seals a box, as the record has it.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Fact {
    BoxSealed {
        #[serde(rename = "box")]
        label: String,
        cards: u64,
        manifest: String,
    },
}

impl Proof {
    /// Puts a proof together.
    #[must_use]
    pub fn new(record: Record, path: Vec<Hash>, head: String, keyed: Hash) -> Self {
        Self {
            v: VERSION,
            record,
            path,
            head,
            keyed,
        }
    }

    /// Reads a proof.
    ///
    /// # Errors
    /// `AUDIT-016` if it is none.
    pub fn parse(json: &[u8]) -> Result<Self, Fault> {
        let unreadable = |what: String| Fault::new(&fault::PROOF_UNREADABLE, what);
        let proof: Self = serde_json::from_slice(json).map_err(|error| {
            // The error's own text may quote the document.
            unreadable(format!("line {} column {}", error.line(), error.column()))
        })?;
        if proof.v != VERSION {
            return Err(unreadable(format!("version {}", proof.v)));
        }
        Ok(proof)
    }

    /// Checks everything with the manifest's bytes and the public point (65 bytes) of the key that signs heads.
    ///
    /// # Errors
    /// `AUDIT-008` or `AUDIT-009` for the head, `AUDIT-017` if the record is not under it or seals no box, `AUDIT-018`
    /// if it seals another manifest.
    pub fn verify(&self, manifest: &[u8], point: &[u8]) -> Result<Proven, Fault> {
        let head = Checkpoint::open_note(&self.head, point)?;
        let outside = |what: &str| Fault::new(&fault::PROOF_WRONG, what);
        let record = &self.record;
        let entry = ChainEntry {
            seq: record.seq,
            controller: &record.controller,
            at_unix_ns: record.at_unix_ns,
            kind: &record.kind,
            body: record.body.as_bytes(),
        };
        let leaf = merkle::leaf(&extend(&record.prev, &entry).0);
        let index = record.seq.checked_sub(1).ok_or_else(|| outside("record 0"))?;
        if !merkle::included(&leaf, index, head.size, &self.path, &head.root) {
            return Err(outside("the record is not under the signed head"));
        }
        if record.kind != SEALED {
            return Err(outside("the record seals no box"));
        }
        let Fact::BoxSealed {
            label,
            cards,
            manifest: committed,
        } = serde_json::from_str(&record.body).map_err(|_| outside("the record seals no box"))?;
        if committed != hex::encode(&commitment(&self.keyed.0, manifest).0) {
            return Err(Fault::new(&fault::MANIFEST_OTHER, label));
        }
        Ok(Proven {
            head,
            seq: record.seq,
            label,
            cards,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::seal::tests::TestKey;
    use super::super::{Chain, merkle::prove_inclusion};
    use super::*;

    const MANIFEST: &[u8] = b"{\"box\":\"X-001\"}";
    const KEYED: Hash = Hash([9; 32]);

    /// A ledger of seven records; the fifth seals a box.
    fn sample(key: &TestKey) -> Proof {
        let body = format!(
            "{{\"box_sealed\":{{\"box\":\"X-001\",\"cards\":2,\"manifest\":\"{}\"}}}}",
            commitment(&KEYED.0, MANIFEST)
        );
        let mut chain = Chain::new("L");
        let mut leaves = Vec::new();
        let mut record = None;
        for number in 1..=7u8 {
            let (kind, text) = if number == 5 {
                (SEALED, body.as_str())
            } else {
                ("started", "{}")
            };
            let link = chain.append("K1#1", i64::from(number), kind, text.as_bytes());
            leaves.push(merkle::leaf(&link.hash.0));
            if number == 5 {
                record = Some(Record {
                    seq: link.seq,
                    prev: link.prev,
                    controller: "K1#1".to_owned(),
                    at_unix_ns: 5,
                    kind: kind.to_owned(),
                    body: text.to_owned(),
                });
            }
        }
        let head = chain.checkpoint(1_795_316_400);
        let note = head.note(&key.sign(head.text().as_bytes()));
        Proof::new(record.unwrap(), prove_inclusion(&leaves, 4).unwrap(), note, KEYED)
    }

    #[test]
    fn the_manifest_is_proven_with_the_public_key_alone() {
        let key = TestKey::new(3);
        let proof = sample(&key);
        let read = Proof::parse(&serde_json::to_vec(&proof).unwrap()).unwrap();
        assert_eq!(read, proof);
        let proven = read.verify(MANIFEST, &key.point()).unwrap();
        assert_eq!(
            (proven.label.as_str(), proven.cards, proven.seq, proven.head.size),
            ("X-001", 2, 5, 7)
        );
    }

    #[test]
    fn nothing_else_is_proven_by_it() {
        let key = TestKey::new(3);
        let proof = sample(&key);
        let refused = |bend: fn(&mut Proof), manifest: &[u8], point: &[u8]| {
            let mut bent = proof.clone();
            bend(&mut bent);
            bent.verify(manifest, point).unwrap_err().code.id
        };
        let point = key.point();
        assert_eq!(refused(|_| {}, b"{\"box\":\"X-002\"}", &point), "AUDIT-018");
        assert_eq!(refused(|_| {}, MANIFEST, &TestKey::new(4).point()), "AUDIT-009");
        assert_eq!(
            refused(|proof| proof.keyed = Hash([8; 32]), MANIFEST, &point),
            "AUDIT-018"
        );
        assert_eq!(
            refused(|proof| proof.record.seq = 0, MANIFEST, &point),
            "AUDIT-017"
        );
        assert_eq!(
            refused(|proof| proof.record.seq = 6, MANIFEST, &point),
            "AUDIT-017"
        );
        assert_eq!(
            refused(|proof| proof.record.at_unix_ns += 1, MANIFEST, &point),
            "AUDIT-017"
        );
        assert_eq!(
            refused(|proof| proof.record.body.push(' '), MANIFEST, &point),
            "AUDIT-017"
        );
        assert_eq!(
            refused(
                |proof| {
                    proof.path.pop();
                },
                MANIFEST,
                &point,
            ),
            "AUDIT-017"
        );
        assert_eq!(
            refused(|proof| proof.head.push('x'), MANIFEST, &point),
            "AUDIT-008"
        );
        assert_eq!(Proof::parse(b"{}").unwrap_err().code.id, "AUDIT-016");
        let other = serde_json::to_string(&proof)
            .unwrap()
            .replacen("\"v\":1", "\"v\":2", 1);
        assert_eq!(Proof::parse(other.as_bytes()).unwrap_err().code.id, "AUDIT-016");
    }
}
