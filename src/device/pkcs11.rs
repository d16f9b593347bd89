//! The HSM through PKCS#11: any module, chosen by its path.
//!
//! N named threads own one session each and take work from one bounded queue; callers wait with a deadline. A thread
//! that has nothing to do looks after its session now and then. A failed session is recovered by a ladder of three
//! rungs ([`worker`]); a PIN that was refused is never tried again ([`pin`]). Keys are found by label, and what they
//! are for is written into their `CKA_ID` ([`identity`]).

pub mod fault;
mod identity;
mod initialize;
mod library;
mod operation;
mod pin;
mod queue;
mod worker;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use async_trait::async_trait;
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::ecdsa::{Signature, VerifyingKey};
use tokio::sync::oneshot;

pub use initialize::initialize_token;
pub use pin::PinSource;

use crate::base::{Clock, Fault, Secret, limits};
use crate::chip::diversify::{Derivation, Master};
use crate::port::{KeyInfo, KeyPurpose, Signer};
use library::{Library, Trouble};
use queue::Queue;
use worker::{Connection, Job, Worker};

/// Sessions an HSM is asked for at most; network HSMs sell them by the dozen.
const SESSIONS_MAX: usize = 64;
/// What hsm-sim tells as its manufacturer.
const SIMULATOR: &str = "cardwright rehearsal";

/// Which HSM, which token, how many sessions. The PIN is not part of any configuration.
#[derive(Clone, Debug)]
pub struct HsmConfig {
    /// The PKCS#11 library.
    pub module: PathBuf,
    /// The token's label.
    pub token: String,
    /// Threads, each with a session; at least one, at most 64.
    pub sessions: usize,
    /// A session that was not used for so long is looked after.
    pub keep_alive: Duration,
    /// Where the PIN comes from at each login: it is kept nowhere else.
    pub pin: PinSource,
}

/// Who made the token, as it tells itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Maker {
    /// Manufacturer.
    pub manufacturer: String,
    /// Model.
    pub model: String,
}

/// An open HSM.
pub struct Hsm {
    queue: Arc<Queue>,
    ended: Mutex<Vec<oneshot::Receiver<()>>>,
    maker: Maker,
    clock: Clock,
}

/// What an interrupted wait means.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Effect {
    /// The HSM is as it was: ask again.
    None,
    /// A key may have been made or destroyed.
    Change,
}

impl Hsm {
    /// Loads the module, logs in and starts the threads. Blocks while the HSM answers: for start-up only.
    ///
    /// # Errors
    /// HSM-001 the library does not start, HSM-002 no such token, HSM-003, HSM-004 or HSM-016 the PIN, HSM-007 no
    /// answer within the deadline, HSM-008 sessions cannot be opened, HSM-015 a number of sessions out of bounds.
    pub fn open(config: &HsmConfig) -> Result<Self, Fault> {
        if !(1..=SESSIONS_MAX).contains(&config.sessions) {
            return Err(Fault::new(
                &fault::REQUEST,
                format!("{} HSM sessions", config.sessions),
            ));
        }
        // A library that never comes back from its first call must not take the whole program with it.
        let (tell, told) = mpsc::channel();
        let settings = config.clone();
        std::thread::Builder::new()
            .name("hsm-open".to_owned())
            .spawn(move || {
                // Nobody listens any more if it took too long; then the sessions are closed again.
                let _ = tell.send(connect(&settings));
            })
            .map_err(|error| Fault::new(&fault::MODULE, error.to_string()))?;
        let (maker, workers) = told
            .recv_timeout(limits::HSM_DEADLINE)
            .map_err(|_| Fault::new(&fault::TIMEOUT, "opening"))??;

        let queue = Arc::new(Queue::new());
        let ended = workers
            .into_iter()
            .enumerate()
            .map(|(number, worker)| spawn(number, worker, Arc::clone(&queue), config.keep_alive))
            .collect::<Result<Vec<_>, _>>()
            .inspect_err(|_| queue.close())?;
        Ok(Self {
            queue,
            ended: Mutex::new(ended),
            maker,
            clock: Clock::system(),
        })
    }

    /// Who made the token.
    pub fn maker(&self) -> &Maker {
        &self.maker
    }

    /// The token is hsm-sim, which production refuses.
    pub fn is_simulator(&self) -> bool {
        self.maker.manufacturer == SIMULATOR
    }

    /// Signs a known digest and verifies it with another implementation, and makes sure that the key never leaves.
    ///
    /// # Errors
    /// HSM-010 if either fails, and what [`Signer::sign`] can return.
    pub async fn self_test(&self, key: &str) -> Result<(), Fault> {
        /// SHA-256 of "abc" (FIPS 180-4 example).
        const DIGEST: [u8; 32] = [
            0xBA, 0x78, 0x16, 0xBF, 0x8F, 0x01, 0xCF, 0xEA, 0x41, 0x41, 0x40, 0xDE, 0x5D, 0xAE, 0x22, 0x23,
            0xB0, 0x03, 0x61, 0xA3, 0x96, 0x17, 0x7A, 0x9C, 0xB4, 0x10, 0xFF, 0x61, 0xF2, 0x00, 0x15, 0xAD,
        ];
        let failed = |what: &str| Fault::new(&fault::SELF_TEST, format!("{key}: {what}"));
        let label = key.to_owned();
        let (point, protection) = self
            .ask(Effect::None, move |connection| {
                let protection = operation::protection(connection, &label)?;
                Ok((operation::public_point(connection, &label)?, protection))
            })
            .await?;
        if !protection.sensitive || !protection.never_extractable {
            return Err(failed("the private key could leave the token"));
        }
        let signature = self.sign(key, DIGEST).await?;
        let signature = Signature::from_slice(&signature).map_err(|_| failed("not a signature"))?;
        VerifyingKey::from_sec1_bytes(&point)
            .map_err(|_| failed("not a public key"))?
            .verify_prehash(&DIGEST, &signature)
            .map_err(|_| failed("the signature does not verify"))
    }

    /// Takes no more work, finishes what has been taken, closes the sessions and finalizes the library. May be called
    /// twice.
    ///
    /// # Errors
    /// HSM-007 if a thread does not come back within the deadline; it is left behind.
    pub async fn stop(&self) -> Result<(), Fault> {
        self.queue.close();
        let ended = std::mem::take(&mut *self.ended.lock().unwrap_or_else(PoisonError::into_inner));
        let all = async {
            for one in ended {
                // An error means that the thread is gone without a word, which is as good.
                let _ = one.await;
            }
        };
        self.clock
            .within(limits::HSM_DEADLINE, all)
            .await
            .ok_or_else(|| Fault::new(&fault::TIMEOUT, "stopping"))
    }

    /// Puts work into the queue and waits for its answer, both within one deadline.
    async fn ask<T: Send + 'static>(
        &self,
        effect: Effect,
        work: impl FnMut(&mut Connection) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, Fault> {
        let stopped = || Fault::new(&fault::STOPPED, "");
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |worker| {
            // Nobody waits any more: the deadline passed in the queue.
            if !reply.is_closed() {
                let _ = reply.send(worker.perform(work));
            }
        });
        let waiting = async {
            if !self.queue.put(job).await {
                return Err(stopped());
            }
            answer
                .await
                .unwrap_or_else(|_| Err(Fault::new(&fault::REQUEST, "the operation panicked")))
        };
        match self.clock.within(limits::HSM_DEADLINE, waiting).await {
            Some(outcome) => outcome,
            None if effect == Effect::None => Err(Fault::new(&fault::TIMEOUT, "")),
            None => Err(Fault::new(&fault::INTERRUPTED, "no answer in time")),
        }
    }
}

impl std::fmt::Debug for Hsm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hsm")
            .field("maker", &self.maker)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Signer for Hsm {
    async fn sign(&self, key: &str, digest: [u8; 32]) -> Result<[u8; 64], Fault> {
        let key = key.to_owned();
        self.ask(Effect::None, move |hsm| operation::sign(hsm, &key, &digest))
            .await
    }

    async fn generate(&self, key: &str, purpose: KeyPurpose) -> Result<Vec<u8>, Fault> {
        if purpose == KeyPurpose::ChipMasterTripleDes {
            return Err(Fault::new(
                &fault::REQUEST,
                "a supplier's master is taken in, not made",
            ));
        }
        let key = key.to_owned();
        self.ask(Effect::Change, move |hsm| operation::generate(hsm, &key, purpose))
            .await
    }

    async fn hmac(&self, key: &str, data: &[u8]) -> Result<[u8; 32], Fault> {
        let (key, data) = (key.to_owned(), Secret::new(data.to_vec()));
        self.ask(Effect::None, move |hsm| operation::hmac(hsm, &key, data.expose()))
            .await
    }

    async fn seal(&self, key: &str, associated: &[u8], plain: &[u8]) -> Result<Vec<u8>, Fault> {
        let (key, associated, plain) = (key.to_owned(), associated.to_vec(), Secret::new(plain.to_vec()));
        self.ask(Effect::None, move |hsm| {
            operation::seal(hsm, &key, &associated, plain.expose())
        })
        .await
    }

    async fn open(&self, key: &str, associated: &[u8], sealed: &[u8]) -> Result<Secret<Vec<u8>>, Fault> {
        let (key, associated, sealed) = (key.to_owned(), associated.to_vec(), sealed.to_vec());
        self.ask(Effect::None, move |hsm| {
            operation::open(hsm, &key, &associated, &sealed)
        })
        .await
    }

    async fn agree(&self, key: &str, peer: &[u8; 65]) -> Result<Secret<[u8; 32]>, Fault> {
        // The token would refuse a point off the curve too, but libraries differ in how, and some did not always.
        if p256::PublicKey::from_sec1_bytes(peer).is_err() {
            return Err(Fault::new(&fault::REFUSED, "not a point of P-256"));
        }
        let (key, peer) = (key.to_owned(), *peer);
        self.ask(Effect::None, move |hsm| operation::agree(hsm, &key, &peer))
            .await
    }

    async fn derive(&self, key: &str, wanted: &Derivation) -> Result<Secret<Vec<u8>>, Fault> {
        let bits = wanted.bits;
        let blocks = wanted
            .blocks()
            .ok_or_else(|| Fault::new(&fault::REQUEST, format!("a chip key of {bits} bits")))?;
        let (key, scheme) = (key.to_owned(), wanted.scheme);
        self.ask(Effect::None, move |hsm| {
            operation::derive(hsm, &key, scheme, &blocks, bits)
        })
        .await
    }

    async fn take_in(&self, key: &str, master: &Master) -> Result<(), Fault> {
        let key = key.to_owned();
        let (purpose, value) = match master {
            Master::Aes(value) => (KeyPurpose::ChipMaster, value.expose().to_vec()),
            Master::TripleDes(value) => (KeyPurpose::ChipMasterTripleDes, value.expose().to_vec()),
        };
        let value = Secret::new(value);
        self.ask(Effect::Change, move |hsm| {
            operation::take_in(hsm, &key, purpose, value.expose())
        })
        .await
    }

    async fn random(&self, length: usize) -> Result<Vec<u8>, Fault> {
        self.ask(Effect::None, move |hsm| operation::random(hsm, length))
            .await
    }

    async fn keys(&self) -> Result<Vec<KeyInfo>, Fault> {
        self.ask(Effect::None, |hsm| operation::keys(hsm)).await
    }

    async fn destroy(&self, key: &str) -> Result<(), Fault> {
        let key = key.to_owned();
        self.ask(Effect::Change, move |hsm| operation::destroy(hsm, &key))
            .await
    }
}

/// An HSM that nobody asks any more lets its threads go.
impl Drop for Hsm {
    fn drop(&mut self) {
        self.queue.close();
    }
}

fn connect(config: &HsmConfig) -> Result<(Maker, Vec<Worker>), Fault> {
    let library = Arc::new(Library::load(config)?);
    let (manufacturer, model) = library.maker()?;
    let workers = (0..config.sessions)
        .map(|_| Worker::open(Arc::clone(&library)))
        .collect::<Result<Vec<_>, _>>()?;
    Ok((Maker { manufacturer, model }, workers))
}

fn spawn(
    number: usize,
    worker: Worker,
    queue: Arc<Queue>,
    keep_alive: Duration,
) -> Result<oneshot::Receiver<()>, Fault> {
    let (end, ended) = oneshot::channel();
    std::thread::Builder::new()
        .name(format!("hsm-{number}"))
        .spawn(move || {
            worker.run(&queue, keep_alive);
            let _ = end.send(());
        })
        .map_err(|error| Fault::new(&fault::MODULE, error.to_string()))?;
    Ok(ended)
}
