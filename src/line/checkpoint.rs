//! Signed heads of the ledger: who has one can prove later that nothing before it was changed, and that nothing was
//! taken away.
//!
//! The controller verifies the whole chain before it signs a head for the first time, so it never puts its name under a
//! ledger it has not read. Each head is a record of the ledger and a file outside it; whoever keeps copies of the files
//! elsewhere need not trust this machine.

use std::time::Duration;

use crate::audit::{Chain, Checkpoint, Verifier};
use crate::base::{Blame, Fault, hex};
use crate::job::{Fact, SignerChange};
use crate::port::KeyPurpose;

use super::Line;
use super::books::link;
use super::careful::NonceReader;
use super::fault::{REPEATED_NONCE, unreadable};

/// Where the files lie among the papers.
pub const FOLDER: &str = "checkpoints";
/// The file that holds the public point of the key, hexadecimal.
pub const KEY_FILE: &str = "public-key.hex";
/// A head is signed after so many records; the newest may be lost unseen only if the disk is bent within these.
const RECORDS: u64 = 10_000;
/// A head is signed after this time if there is any new record; after an act of a person at the next tick.
const PERIOD: Duration = Duration::from_secs(10 * 60);
/// How often the ledger's size is looked at.
const TICK: Duration = Duration::from_secs(5);
/// Pause between two pages while the machines need the processor more.
const BREATH: Duration = Duration::from_millis(20);
/// Records read at once.
const PAGE: u32 = 2_000;

/// What one controller has verified of its own ledger.
#[derive(Debug)]
pub struct Checkpoints {
    verified: Verifier,
    signed: u64,
    nonces: NonceReader,
}

impl Checkpoints {
    /// Nothing is verified yet.
    #[must_use]
    pub fn new(line: &Line) -> Self {
        Self {
            verified: Verifier::new(line.ports.ledger.name()),
            signed: 0,
            nonces: NonceReader::default(),
        }
    }

    /// Signs heads until the line stops. An HSM or a disk that fails is tried again at the next turn.
    ///
    /// # Errors
    /// A record that is not what was written: nothing may be done on top of it.
    pub async fn keep(&mut self, line: &Line) -> Result<(), Fault> {
        // What others have written, or bent since, is read beside the first cards, not at the first head.
        while !line.is_stopping() && self.page(line).await? {
            line.clock.sleep(BREATH).await;
        }
        let mut since = line.clock.elapsed();
        while !line.is_stopping() {
            let _ = line.clock.within(TICK, line.stopped()).await;
            let new = line.ports.ledger.size().await?.saturating_sub(self.signed);
            let waited = line.clock.elapsed().saturating_sub(since);
            // The record of the last head is itself new, and no reason to sign another.
            if new >= RECORDS || (new > 1 && waited >= PERIOD) || (new > 0 && line.is_head_wanted()) {
                match self.sign(line).await {
                    Ok(_) => since = line.clock.elapsed(),
                    Err(fault) if matches!(fault.blame(), Blame::Device | Blame::Key) => {
                        tracing::warn!(code = fault.code.id, "the ledger's head is not signed: {fault}");
                        line.sign_soon();
                    }
                    Err(fault) => return Err(fault),
                }
            }
        }
        Ok(())
    }

    /// Reads what is new, signs the head, and keeps it in the ledger and among the papers.
    ///
    /// # Errors
    /// As [`Self::keep`].
    pub async fn sign(&mut self, line: &Line) -> Result<Checkpoint, Fault> {
        self.catch_up(line).await?;
        let chain: &Chain = self.verified.verified();
        let checkpoint = chain.checkpoint(line.clock.now().unix_timestamp());
        let signature = line
            .ports
            .signer
            .sign(&line.rules.keys.checkpoint, checkpoint.digest())
            .await?;
        let fact = Fact::Checkpoint {
            size: checkpoint.size,
            root: checkpoint.root.to_string(),
            at_unix_s: checkpoint.at_unix_s,
            signature: hex::encode(&signature),
        };
        line.record(vec![fact], Vec::new()).await?;
        let note = checkpoint.note(&signature);
        let name = format!("{:012}.txt", checkpoint.size);
        line.ports.papers.keep(FOLDER, &name, note.as_bytes()).await?;
        if self.signed == 0 {
            keep_key(line).await?;
        }
        self.signed = checkpoint.size;
        Ok(checkpoint)
    }

    async fn catch_up(&mut self, line: &Line) -> Result<(), Fault> {
        while self.page(line).await? {}
        Ok(())
    }

    /// Verifies the next page; false if there is none.
    async fn page(&mut self, line: &Line) -> Result<bool, Fault> {
        let after = self.verified.verified().size();
        let page = line.ports.ledger.entries_after(after, PAGE).await?;
        for entry in &page {
            link(&mut self.verified, entry)?;
            if let Some(signer) = self.nonces.read(&line.hsm, entry)? {
                let change = SignerChange::Stopped;
                line.signer_changes(&signer, change, Some(REPEATED_NONCE.id), Vec::new())
                    .await?;
            }
        }
        Ok(!page.is_empty())
    }
}

/// The public point beside the heads, for who checks them without the token.
async fn keep_key(line: &Line) -> Result<(), Fault> {
    let point = point(line).await?;
    line.ports
        .papers
        .keep(FOLDER, KEY_FILE, hex::encode(&point).as_bytes())
        .await
}

/// The public point of the key that signs heads.
///
/// # Errors
/// The HSM's, or `LIN-001` if it has no such key.
pub async fn point(line: &Line) -> Result<Vec<u8>, Fault> {
    let label = &line.rules.keys.checkpoint;
    line.ports
        .signer
        .keys()
        .await?
        .into_iter()
        .find(|key| key.label == *label && key.purpose == KeyPurpose::Checkpoint)
        .map(|key| key.public)
        .ok_or_else(|| unreadable(format!("key {label}")))
}
