//! Personal data at rest: one order, one key.
//!
//! ```text
//!   HSM key of the retention epoch ──wraps──▶ order's key ──┬─seals──▶ dossier            (order book)
//!                                                           └─wraps──▶ attempt's key ──seals──▶ bundle   (ledger)
//! ```
//!
//! So one row of the order book decides over everything that is kept of an order, the copies of the ledger included:
//! without the order's wrapped key nothing of it opens any more, and an order that must outlive its epoch takes its
//! bundles along.

use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::Line;
use super::fault::{EPOCH_GONE, ERASED, unreadable};
use crate::base::envelope::{DataKey, open, seal};
use crate::base::ids::{AttemptId, OrderKey};
use crate::base::{Blame, Fault, Secret, hex};
use crate::dossier::Dossier;
use crate::port::{Part, SealedDossier, Wrapped};

/// An attempt's data key and its wrapped form.
#[derive(Debug)]
pub struct FreshKey {
    /// The key, for as long as it is needed.
    pub key: DataKey,
    /// The key, wrapped by the order's, to be stored.
    pub wrapped: Vec<u8>,
}

/// A dossier as it is stored.
#[derive(Debug)]
pub struct AtRest {
    /// Label of the wrapping key.
    pub epoch: String,
    /// The order's key as the HSM wrapped it.
    pub wrapped_key: Vec<u8>,
    /// The dossier, sealed under the order's key.
    pub sealed: Vec<u8>,
}

impl Line {
    /// A secret that nobody can know who does not know both: randomness of the host and of the token, mixed.
    ///
    /// # Errors
    /// The host's or the HSM's.
    pub(super) async fn fresh_secret(&self) -> Result<Secret<[u8; 32]>, Fault> {
        let mut bytes: [u8; 32] = self.entropy.bytes()?;
        let token = Zeroizing::new(self.ports.signer.random(32).await?);
        bytes
            .iter_mut()
            .zip(token.iter())
            .for_each(|(mine, theirs)| *mine ^= theirs);
        Ok(Secret::new(bytes))
    }

    /// Makes the key of an attempt, wrapped by its order's.
    ///
    /// # Errors
    /// The HSM's.
    pub async fn fresh_key(&self, order: &DataKey, attempt: AttemptId) -> Result<FreshKey, Fault> {
        let key = self.fresh_secret().await?;
        let wrapped = seal(&self.entropy, order, &bundle_context(attempt), key.expose())?;
        Ok(FreshKey { key, wrapped })
    }

    /// The keyed hash of a personal number, for look-ups (law 10).
    ///
    /// # Errors
    /// The HSM's.
    pub async fn person_hash(&self, number: &str) -> Result<String, Fault> {
        self.look_up_hash(number).await
    }

    /// The keyed hash of a text that must be known again without being kept (law 10).
    ///
    /// # Errors
    /// The HSM's.
    pub async fn look_up_hash(&self, text: &str) -> Result<String, Fault> {
        let hash = self
            .ports
            .signer
            .hmac(&self.rules.keys.lookup, text.as_bytes())
            .await?;
        Ok(hex::encode(&hash))
    }

    /// Seals a dossier under a fresh key, which the current retention epoch's wraps.
    ///
    /// # Errors
    /// The HSM's.
    pub async fn seal_dossier(&self, dossier: &Dossier) -> Result<AtRest, Fault> {
        let context = dossier_context(&dossier.request, dossier.version);
        let key = self.fresh_secret().await?;
        let (epoch, wrapped_key) = match self.wrapped(&context, &key).await {
            // Another controller of the facility may have closed that epoch early: the HSM knows those that are left.
            Err(fault) if fault.blame() == Blame::Key => {
                self.look_at_epochs_again().await;
                self.wrapped(&context, &key).await.map_err(|_| fault)?
            }
            wrapped => wrapped?,
        };
        let plain =
            Zeroizing::new(serde_json::to_vec(dossier).map_err(|error| unreadable(error.to_string()))?);
        let sealed = seal(&self.entropy, &key, &context, &plain)?;
        Ok(AtRest {
            epoch,
            wrapped_key,
            sealed,
        })
    }

    /// The label of the current epoch's key, and this key wrapped by it.
    async fn wrapped(&self, context: &str, key: &DataKey) -> Result<(String, Vec<u8>), Fault> {
        let epoch = self.wrapping_key().await?;
        let signer = &self.ports.signer;
        let wrapped = signer.seal(&epoch, context.as_bytes(), key.expose()).await?;
        Ok((epoch, wrapped))
    }

    /// Opens the dossier of an order.
    ///
    /// # Errors
    /// As [`Self::open_order`].
    pub async fn dossier(&self, order: OrderKey) -> Result<Dossier, Fault> {
        self.of_dossier(order).await
    }

    /// As much of the dossier of an order as `T` has fields for: the rest, pictures above all, is not even decoded.
    ///
    /// # Errors
    /// As [`Self::open_order`].
    pub async fn of_dossier<T: DeserializeOwned>(&self, order: OrderKey) -> Result<T, Fault> {
        self.open_order(order).await.map(|(dossier, _)| dossier)
    }

    /// Opens the dossier of an order, and gives the key that opens its attempts' keys.
    ///
    /// # Errors
    /// `LIN-040` if its data was erased, `LIN-042` if the key of its retention epoch is destroyed; the HSM's, the order
    /// book's, or sealed data that does not open.
    pub async fn open_order<T: DeserializeOwned>(&self, order: OrderKey) -> Result<(T, DataKey), Fault> {
        let (at_rest, key) = match self.unwrapped(order).await {
            // It may have been wrapped anew in the very moment, and the key it was under destroyed.
            Err(fault) if *fault.code == EPOCH_GONE => self.unwrapped(order).await?,
            unwrapped => unwrapped?,
        };
        let plain = open(
            &key,
            &dossier_context(&at_rest.request, at_rest.version),
            &at_rest.sealed,
        )?;
        let dossier =
            serde_json::from_slice(&plain).map_err(|_| unreadable(format!("dossier of {order}")))?;
        Ok((dossier, key))
    }

    async fn unwrapped(&self, order: OrderKey) -> Result<(SealedDossier, DataKey), Fault> {
        let book = &self.ports.book;
        let Some(at_rest) = book.sealed(order).await? else {
            return Err(match book.order(order).await? {
                Some(_) => Fault::new(&ERASED, order.to_string()),
                None => unreadable(format!("{order} is not in the order book")),
            });
        };
        let context = dossier_context(&at_rest.request, at_rest.version);
        let key = self
            .unwrap_key(&at_rest.epoch, &context, &at_rest.wrapped_key)
            .await?;
        Ok((at_rest, key))
    }

    /// Unwraps an order's key.
    async fn unwrap_key(&self, epoch: &str, context: &str, wrapped: &[u8]) -> Result<DataKey, Fault> {
        let signer = &self.ports.signer;
        let plain = match signer.open(epoch, context.as_bytes(), wrapped).await {
            Ok(plain) => plain,
            Err(fault) if signer.keys().await?.iter().any(|key| key.label == epoch) => return Err(fault),
            Err(_) => return Err(Fault::new(&EPOCH_GONE, epoch)),
        };
        data_key_of(plain.expose())
    }

    /// Wraps an order's key under another epoch's: nothing that is sealed under it changes.
    ///
    /// # Errors
    /// As [`Self::open_order`].
    pub(super) async fn wrap_anew(&self, old: &Wrapped, from: &str, to: &str) -> Result<Vec<u8>, Fault> {
        let context = dossier_context(&old.request, old.version);
        let key = self.unwrap_key(from, &context, &old.wrapped_key).await?;
        let signer = &self.ports.signer;
        signer.seal(to, context.as_bytes(), key.expose()).await
    }
}

fn data_key_of(plain: &[u8]) -> Result<DataKey, Fault> {
    let key = plain.try_into().map_err(|_| unreadable("data key"))?;
    Ok(Secret::new(key))
}

/// Seals a part of a bundle. The wrapped key goes before it, so that a part needs its order's key alone.
///
/// # Errors
/// When there is no randomness.
pub fn seal_part(
    line: &Line,
    key: &FreshKey,
    attempt: AttemptId,
    part: Part,
    plain: &[u8],
) -> Result<Vec<u8>, Fault> {
    let sealed = seal(&line.entropy, &key.key, &part_context(attempt, part), plain)?;
    let length = u16::try_from(key.wrapped.len()).map_err(|_| unreadable("wrapped key"))?;
    Ok([&length.to_be_bytes()[..], &key.wrapped, &sealed].concat())
}

/// Opens a part of a bundle with its order's key.
///
/// # Errors
/// `LIN-001`, or sealed data that does not open.
pub fn open_part(
    order: &DataKey,
    attempt: AttemptId,
    part: Part,
    stored: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let short = || unreadable(format!("bundle of {attempt}"));
    let (length, rest) = stored.split_first_chunk::<2>().ok_or_else(short)?;
    let (wrapped, sealed) = rest
        .split_at_checked(usize::from(u16::from_be_bytes(*length)))
        .ok_or_else(short)?;
    let key = data_key_of(&open(order, &bundle_context(attempt), wrapped)?)?;
    open(&key, &part_context(attempt, part), sealed)
}

/// The context an attempt's key is wrapped for.
fn bundle_context(attempt: AttemptId) -> String {
    format!("bundle {attempt}")
}

fn part_context(attempt: AttemptId, part: Part) -> String {
    format!("bundle {attempt} {part:?}")
}

fn dossier_context(request: &str, version: u32) -> String {
    format!("dossier {request} {version}")
}
