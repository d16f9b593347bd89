//! Personal data at rest: each order's dossier and each attempt's bundle under a data key of its own, wrapped
//! by the HSM.

use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::Line;
use super::fault::unreadable;
use crate::base::envelope::{DataKey, open, seal};
use crate::base::ids::{AttemptId, OrderKey};
use crate::base::{Fault, Secret, hex};
use crate::dossier::Dossier;
use crate::port::Part;

/// A data key and its wrapped form.
#[derive(Debug)]
pub struct FreshKey {
    /// The key, for as long as it is needed.
    pub key: DataKey,
    /// The key as the HSM wrapped it, to be stored.
    pub wrapped: Vec<u8>,
}

impl Line {
    /// Makes a data key: randomness of the host and of the token, mixed, wrapped for this context.
    ///
    /// # Errors
    /// The HSM's.
    pub async fn fresh_key(&self, context: &str) -> Result<FreshKey, Fault> {
        let mut bytes: [u8; 32] = self.entropy.bytes()?;
        let token = Zeroizing::new(self.ports.signer.random(32).await?);
        bytes
            .iter_mut()
            .zip(token.iter())
            .for_each(|(mine, theirs)| *mine ^= theirs);
        let wrapped = self
            .ports
            .signer
            .seal(&self.rules.keys.wrap, context.as_bytes(), &bytes)
            .await?;
        Ok(FreshKey {
            key: Secret::new(bytes),
            wrapped,
        })
    }

    /// Unwraps a data key.
    ///
    /// # Errors
    /// The HSM's, or a key of the wrong length.
    pub async fn unwrap_key(&self, context: &str, wrapped: &[u8]) -> Result<DataKey, Fault> {
        let plain = self
            .ports
            .signer
            .open(&self.rules.keys.wrap, context.as_bytes(), wrapped)
            .await?;
        let key = plain
            .expose()
            .as_slice()
            .try_into()
            .map_err(|_| unreadable("data key"))?;
        Ok(Secret::new(key))
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

    /// Seals a dossier under a fresh key: wrapped key and sealed bytes.
    ///
    /// # Errors
    /// The HSM's.
    pub async fn seal_dossier(&self, dossier: &Dossier) -> Result<(Vec<u8>, Vec<u8>), Fault> {
        let context = dossier_context(&dossier.request, dossier.version);
        let key = self.fresh_key(&context).await?;
        let plain =
            Zeroizing::new(serde_json::to_vec(dossier).map_err(|error| unreadable(error.to_string()))?);
        Ok((key.wrapped, seal(&self.entropy, &key.key, &context, &plain)?))
    }

    /// Opens the dossier of an order.
    ///
    /// # Errors
    /// The HSM's, the order book's, or sealed data that does not open.
    pub async fn dossier(&self, order: OrderKey) -> Result<Dossier, Fault> {
        self.of_dossier(order).await
    }

    /// As much of the dossier of an order as `T` has fields for: the rest, pictures above all, is not even decoded.
    ///
    /// # Errors
    /// As [`Self::dossier`].
    pub async fn of_dossier<T: DeserializeOwned>(&self, order: OrderKey) -> Result<T, Fault> {
        let missing = || unreadable(format!("{order} has no dossier"));
        let at_rest = self.ports.book.sealed(order).await?.ok_or_else(missing)?;
        let context = dossier_context(&at_rest.request, at_rest.version);
        let key = self.unwrap_key(&context, &at_rest.wrapped_key).await?;
        let plain = open(&key, &context, &at_rest.sealed)?;
        serde_json::from_slice(&plain).map_err(|_| unreadable(format!("dossier of {order}")))
    }
}

/// Seals a part of a bundle. The wrapped key goes before it, so that a part opens by itself.
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

/// Opens a part of a bundle.
///
/// # Errors
/// The HSM's, or sealed data that does not open.
pub async fn open_part(
    line: &Line,
    attempt: AttemptId,
    part: Part,
    stored: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let short = || unreadable(format!("bundle of {attempt}"));
    let (length, rest) = stored.split_first_chunk::<2>().ok_or_else(short)?;
    let (wrapped, sealed) = rest
        .split_at_checked(usize::from(u16::from_be_bytes(*length)))
        .ok_or_else(short)?;
    let key = line.unwrap_key(&bundle_context(attempt), wrapped).await?;
    open(&key, &part_context(attempt, part), sealed)
}

/// The context a bundle's data key is wrapped for.
#[must_use]
pub fn bundle_context(attempt: AttemptId) -> String {
    format!("bundle {attempt}")
}

fn part_context(attempt: AttemptId, part: Part) -> String {
    format!("bundle {attempt} {part:?}")
}

fn dossier_context(request: &str, version: u32) -> String {
    format!("dossier {request} {version}")
}
