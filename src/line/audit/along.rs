//! What records and signed heads say of each other: read along the chain, beside the folding of what they amount to.

use std::collections::BTreeMap;

use crate::audit::{BadRecord, Checkpoint, Flaw, Verifier};
use crate::base::{Fault, hex};
use crate::job::Fact;
use crate::line::books::{self, Told};
use crate::port::{Entry, Ledger, RawEntry};

use super::Note;

/// A ledger as far as it was read, and the signed heads that were not reached yet.
#[derive(Debug)]
pub(super) struct Along {
    chain: Verifier,
    /// By the number of records they cover.
    heads: BTreeMap<u64, Vec<Head>>,
}

/// Records that were read at once.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// What they say, up to the first that is not what was written.
    pub(super) told: Vec<Told>,
    /// Signed heads over the records up to one of these, and whether they hold.
    pub(super) heads: Vec<(u64, Result<(), Fault>)>,
    /// What is wrong with the record after these.
    pub(super) flaw: Option<Fault>,
}

#[derive(Debug)]
struct Head {
    name: String,
    content: Content,
}

#[derive(Debug)]
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

impl Along {
    /// Before the first record of the ledger of this name.
    pub(super) fn new(ledger: &str) -> Self {
        Self {
            chain: Verifier::new(ledger),
            heads: BTreeMap::new(),
        }
    }

    /// Takes all signed heads, inside the ledger and outside; what is wrong with those outside is returned.
    pub(super) async fn collect(
        &mut self,
        ledger: &dyn Ledger,
        key: &[u8],
        notes: &[Note],
    ) -> Result<Vec<Fault>, Fault> {
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
        let mut flaws = Vec::new();
        for note in notes {
            match Checkpoint::open_note(&note.text, key) {
                Ok(checkpoint) => self.heads.entry(checkpoint.size).or_default().push(Head {
                    name: note.name.clone(),
                    content: Content::Note(Box::new(checkpoint)),
                }),
                Err(fault) => flaws.push(fault.at(&note.name)),
            }
        }
        Ok(flaws)
    }

    /// Reads the next records.
    pub(super) fn read(&mut self, entries: &[RawEntry]) -> Page {
        let mut page = Page::default();
        page.told.reserve(entries.len());
        for entry in entries {
            match books::read(&mut self.chain, entry) {
                Ok(told) => page.told.push(told),
                Err(flaw) => {
                    page.flaw = Some(flaw);
                    break;
                }
            }
            for head in self.heads.remove(&entry.seq).unwrap_or_default() {
                let holds = self.holds(&head.content).map_err(|fault| fault.at(head.name));
                page.heads.push((entry.seq, holds));
            }
        }
        page
    }

    fn holds(&self, content: &Content) -> Result<(), Fault> {
        match content {
            Content::Note(checkpoint) => self.chain.agrees(checkpoint).map_err(Fault::from),
            Content::Record {
                root,
                at_unix_s,
                signature,
                key,
            } => {
                let checkpoint = self.chain.verified().checkpoint(*at_unix_s);
                if checkpoint.root.to_string() != *root {
                    let flaw = Flaw::Rewritten;
                    return Err(BadRecord {
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

    /// Heads over more records than there are.
    pub(super) fn cut(&mut self) -> Vec<Fault> {
        let seq = self.chain.verified().size();
        let mut cut = Vec::new();
        for (signed, heads) in std::mem::take(&mut self.heads) {
            for head in heads {
                let flaw = Flaw::Cut { signed };
                cut.push(Fault::from(BadRecord { seq, flaw }).at(head.name));
            }
        }
        cut
    }
}
