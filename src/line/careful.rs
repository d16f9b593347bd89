//! The HSM as the line uses it: waited for, and not believed.
//!
//! An HSM that does not answer spoils no card. Whoever needs it waits, at a desk, before a blank is fed, or with a card
//! in the field whose chip nobody talks to meanwhile; what it cost is time. Only what changes nothing in the token is
//! asked again, and only for faults that allow it ([`decide::is_waited_for`]).
//!
//! A signature is looked at before anybody gets it: it must verify under the key that was meant (a card's with a
//! library that is not hsm-sim's), and its first half must be new. A nonce that comes twice with different digests
//! gives the private key away to whoever sees both cards.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::ecdsa::{Signature, VerifyingKey};
use tokio::sync::watch;

use crate::base::limits::{NONCES_REMEMBERED, STOPPING_PATIENCE};
use crate::base::{Clock, Fault, Secret, hex};
use crate::chip::diversify::{Derivation, Master};
use crate::job::{Event, Fact, decide};
use crate::port::{KeyInfo, KeyPurpose, RawEntry, Signer};

use super::fault::{BAD_SIGNATURE, REPEATED_NONCE, unreadable};
use super::timekeeper::Timekeeper;

/// Pause before the HSM is asked again: first, and most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// How long the line has been waiting for the HSM, and the code of the last fault.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Away {
    /// Since when, on the line's clock.
    pub since: Duration,
    /// Why.
    pub code: &'static str,
}

/// The door to the HSM with a careful person before it.
pub struct Careful {
    door: Arc<dyn Signer>,
    clock: Clock,
    /// Whether the time may be trusted: what is signed depends on it.
    pub time: Timekeeper,
    patience: watch::Sender<Patience>,
    state: Mutex<State>,
}

/// Who waits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Patience {
    /// No machine runs: a person waits for the answer to one command.
    None,
    /// The line runs.
    Running,
    /// The line is stopping: whoever waits gives up soon, and the next start asks again.
    Stopping,
}

#[derive(Default)]
struct State {
    away: Option<Away>,
    points: BTreeMap<String, VerifyingKey>,
    nonces: Nonces,
}

impl Careful {
    /// Before this door.
    #[must_use]
    pub fn new(door: Arc<dyn Signer>, clock: Clock) -> Self {
        Self {
            door,
            clock,
            time: Timekeeper::new(clock),
            patience: watch::Sender::new(Patience::None),
            state: Mutex::default(),
        }
    }

    /// The line runs: the HSM is waited for.
    pub(super) fn be_patient(&self) {
        self.patience.send_replace(Patience::Running);
    }

    /// The line is stopping.
    pub(super) fn hurry(&self) {
        let running = |patience: &mut Patience| {
            let was_running = *patience == Patience::Running;
            if was_running {
                *patience = Patience::Stopping;
            }
            was_running
        };
        self.patience.send_if_modified(running);
    }

    /// Is somebody waiting for the HSM?
    #[must_use]
    pub fn away(&self) -> Option<Away> {
        self.state().away
    }

    /// Signs, and has the answer verified by whoever knows what was signed with which key.
    ///
    /// # Errors
    /// The HSM's; `LIN-003` for a signature that does not verify, `LIN-030` for a nonce that was used before. Nobody
    /// gets such a signature.
    pub async fn sign_verified(
        &self,
        key: &str,
        digest: [u8; 32],
        verify: impl FnOnce(&[u8; 64]) -> Result<(), Fault> + Send,
    ) -> Result<[u8; 64], Fault> {
        // A clock that cannot be trusted stops every signature: what is signed says or implies when.
        let ask = || async {
            self.time.check()?;
            self.door.sign(key, digest).await
        };
        let signature = self.patiently(ask).await?;
        let halves = (signature.first_chunk(), digest.first_chunk());
        // A repeated nonce says more than a wrong signature, and is often both.
        if let (Some(nonce), Some(digest)) = halves
            && self.state().nonces.repeats(*nonce, *digest)
        {
            return Err(Fault::new(&REPEATED_NONCE, key));
        }
        verify(&signature)
            .map_err(|fault| Fault::new(&BAD_SIGNATURE, format!("{key}: {}", fault.code.id)))?;
        Ok(signature)
    }

    /// Remembers a signature that was made before this program began; false if its nonce was used twice.
    pub(super) fn recall(&self, nonce: [u8; 8], digest: [u8; 8]) -> bool {
        !self.state().nonces.repeats(nonce, digest)
    }

    /// Asks until there is an answer.
    async fn patiently<T, F>(&self, mut ask: impl FnMut() -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let mut patience = self.patience.subscribe();
        let mut pause = PAUSE.0;
        let mut hurried: Option<Duration> = None;
        loop {
            let fault = match ask().await {
                Err(fault) if decide::is_waited_for(&fault) => fault,
                answer => {
                    self.came_back();
                    return answer;
                }
            };
            match *patience.borrow_and_update() {
                Patience::None => return Err(fault),
                Patience::Running => {}
                Patience::Stopping => {
                    let since = *hurried.get_or_insert_with(|| self.clock.elapsed());
                    if self.clock.elapsed().saturating_sub(since) >= STOPPING_PATIENCE {
                        return Err(fault);
                    }
                }
            }
            self.went_away(&fault);
            // A change of patience is a reason to look at once.
            let _ = self.clock.within(pause, patience.changed()).await;
            pause = (pause * 2).min(PAUSE.1);
        }
    }

    fn went_away(&self, fault: &Fault) {
        let code = fault.code.id;
        let mut state = self.state();
        if state.away.is_none() {
            tracing::error!(code, "the HSM is waited for: {fault}");
            state.away = Some(Away {
                since: self.clock.elapsed(),
                code,
            });
        }
    }

    fn came_back(&self) {
        if let Some(away) = self.state().away.take() {
            let time = self.clock.elapsed().saturating_sub(away.since);
            tracing::warn!(seconds = time.as_secs(), "the HSM answers again");
        }
    }

    /// The public half of a key, read once.
    async fn point(&self, key: &str) -> Result<VerifyingKey, Fault> {
        if let Some(point) = self.state().points.get(key) {
            return Ok(*point);
        }
        let keys = self.keys().await?;
        let point = keys
            .iter()
            .find(|known| known.label == key)
            .and_then(|known| VerifyingKey::from_sec1_bytes(&known.public).ok())
            .ok_or_else(|| Fault::new(&BAD_SIGNATURE, format!("{key}: no public key")))?;
        self.state().points.insert(key.to_owned(), point);
        Ok(point)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Careful {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Careful")
            .field("away", &self.away())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Signer for Careful {
    async fn sign(&self, key: &str, digest: [u8; 32]) -> Result<[u8; 64], Fault> {
        let point = self.point(key).await?;
        let verify = |signature: &[u8; 64]| {
            let verified = Signature::from_slice(signature)
                .and_then(|signature| point.verify_prehash(&digest, &signature));
            verified.map_err(|_| Fault::new(&BAD_SIGNATURE, key))
        };
        self.sign_verified(key, digest, verify).await
    }

    async fn generate(&self, key: &str, purpose: KeyPurpose) -> Result<Vec<u8>, Fault> {
        self.door.generate(key, purpose).await
    }

    async fn hmac(&self, key: &str, data: &[u8]) -> Result<[u8; 32], Fault> {
        self.patiently(|| self.door.hmac(key, data)).await
    }

    async fn seal(&self, key: &str, associated: &[u8], plain: &[u8]) -> Result<Vec<u8>, Fault> {
        self.patiently(|| self.door.seal(key, associated, plain)).await
    }

    async fn open(&self, key: &str, associated: &[u8], sealed: &[u8]) -> Result<Secret<Vec<u8>>, Fault> {
        self.patiently(|| self.door.open(key, associated, sealed)).await
    }

    async fn agree(&self, key: &str, peer: &[u8; 65]) -> Result<Secret<[u8; 32]>, Fault> {
        self.patiently(|| self.door.agree(key, peer)).await
    }

    async fn derive(&self, key: &str, wanted: &Derivation) -> Result<Secret<Vec<u8>>, Fault> {
        self.patiently(|| self.door.derive(key, wanted)).await
    }

    async fn take_in(&self, key: &str, master: &Master) -> Result<(), Fault> {
        self.door.take_in(key, master).await
    }

    async fn random(&self, length: usize) -> Result<Vec<u8>, Fault> {
        self.patiently(|| self.door.random(length)).await
    }

    async fn keys(&self) -> Result<Vec<KeyInfo>, Fault> {
        self.patiently(|| self.door.keys()).await
    }

    async fn destroy(&self, key: &str) -> Result<(), Fault> {
        self.door.destroy(key).await
    }
}

/// Reads the nonces of cards out of the ledger, so that one that comes again after a restart is caught: a token whose
/// state was set back repeats what it did before.
#[derive(Debug, Default)]
pub(super) struct NonceReader {
    intended: BTreeMap<String, (String, [u8; 8])>,
}

impl NonceReader {
    /// Reads one record; the signer whose nonce was used before, if it was.
    ///
    /// # Errors
    /// `LIN-001`.
    pub(super) fn read(&mut self, hsm: &Careful, entry: &RawEntry) -> Result<Option<String>, Fault> {
        if !["sign_intended", "signed"].contains(&entry.kind.as_str()) {
            return Ok(None);
        }
        let fact = serde_json::from_slice(&entry.body)
            .map_err(|error| unreadable(format!("record {}: {error}", entry.seq)))?;
        let Fact::Attempt { event, .. } = fact else {
            return Ok(None);
        };
        match event {
            Event::SignIntended { signer, digest, .. } => {
                if let Some(digest) = first(&digest) {
                    self.intended.insert(entry.subject.clone(), (signer, digest));
                }
                Ok(None)
            }
            Event::Signed { nonce, .. } => {
                let intended = self.intended.remove(&entry.subject);
                let (Some((signer, digest)), Some(nonce)) = (intended, nonce.as_deref().and_then(first))
                else {
                    return Ok(None);
                };
                Ok((!hsm.recall(nonce, digest)).then_some(signer))
            }
            _ => Ok(None),
        }
    }
}

fn first(text: &str) -> Option<[u8; 8]> {
    hex::decode(text)?.first_chunk().copied()
}

/// First halves of signatures, each with what was signed. Eight bytes of each are enough to know it again: among a
/// million, two that differ are taken for one once in thirty million times.
#[derive(Default)]
struct Nonces {
    seen: HashMap<[u8; 8], [u8; 8]>,
    order: VecDeque<[u8; 8]>,
}

impl Nonces {
    /// Was this first half seen with another digest? A token that derives nonces from the digest (RFC 6979) gives the
    /// same signature for the same digest, which tells nobody anything.
    fn repeats(&mut self, nonce: [u8; 8], digest: [u8; 8]) -> bool {
        if let Some(before) = self.seen.get(&nonce) {
            return *before != digest;
        }
        if self.order.len() >= NONCES_REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        self.order.push_back(nonce);
        self.seen.insert(nonce, digest);
        false
    }
}

#[cfg(test)]
mod tests;
