//! Writing a chip, in whichever dialect its kind speaks. Everything can be written again until seal, so a torn writing
//! is resumed by writing the whole card again on the same chip.

mod applet;
mod check;
mod dgi;
mod managed;
mod secrets;

use serde::{Deserialize, Serialize};

use super::conversation::Conversation;
use super::fault;
use super::manager::Credentials;
use super::password::{Can, MrzKey};
use super::profile::{ChipProfile, Dialect};
use crate::base::{Fault, Secret};
use crate::document::{CardFiles, FileId};
use crate::pki::CvCertificate;

pub use secrets::{P_256, RSA_BYTES};

/// Everything that goes on one chip.
#[derive(Clone, Copy)]
pub struct CardImage<'a> {
    /// All files.
    pub files: &'a CardFiles,
    /// What opens the chip.
    pub mrz: &'a MrzKey,
    /// The card access number, on cards that print one.
    pub can: Option<&'a Can>,
    /// The private key to DG15, on chips that take one.
    pub active_authentication: Option<ActiveSecret<'a>>,
    /// The private key, on P-256, to the public key for chip authentication in DG14.
    pub chip_authentication: Option<&'a Secret<[u8; 32]>>,
    /// The CVCAs whose terminals may read fingerprints, at most [`TRUST_POINTS_MAX`].
    pub cvcas: &'a [CvCertificate],
}

/// So many CVCAs a chip has room for (BSI TR-03110-3, section 2.2: the present one and the one before it).
pub const TRUST_POINTS_MAX: usize = 2;

/// A private key for active authentication.
#[derive(Clone, Copy)]
pub enum ActiveSecret<'a> {
    /// On P-256.
    Elliptic(&'a Secret<[u8; 32]>),
    /// Of 1,024 bits.
    Rsa(&'a RsaSecret),
}

/// A private RSA key as the applet takes it.
pub struct RsaSecret {
    /// The modulus, big-endian.
    pub modulus: [u8; RSA_BYTES],
    /// The private exponent, big-endian.
    pub exponent: Secret<[u8; RSA_BYTES]>,
}

impl<'a> CardImage<'a> {
    /// Files and the zone that opens them, and no secret besides.
    #[must_use]
    pub fn new(files: &'a CardFiles, mrz: &'a MrzKey) -> Self {
        Self {
            files,
            mrz,
            can: None,
            active_authentication: None,
            chip_authentication: None,
            cvcas: &[],
        }
    }

    /// Bytes that stay on the chip: files, and the data objects of its secrets, each key with its domain parameters.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let files = self.files.values().map(Vec::len);
        let secrets = secrets::of(self).into_iter().map(|put| put.value.len());
        files.chain(secrets).sum()
    }

    /// Files in the order of writing: EF.COM goes first, so that a chip that was begun is known as such.
    fn files_in_order(&self) -> impl Iterator<Item = (FileId, &'a [u8])> + Clone + use<'a> {
        let files = self.files;
        let of = move |first: bool| {
            let chosen = files
                .iter()
                .filter(move |(file, _)| (**file == FileId::Com) == first);
            chosen.map(|(file, contents)| (*file, contents.as_slice()))
        };
        of(true).chain(of(false))
    }
}

impl std::fmt::Debug for ActiveSecret<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ActiveSecret(…)")
    }
}

impl std::fmt::Debug for RsaSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RsaSecret(…)")
    }
}

// The files are personal data: never shown.
impl std::fmt::Debug for CardImage<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CardImage")
            .field("files", &self.files.keys())
            .finish_non_exhaustive()
    }
}

/// Evidence of a written chip.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Written {
    /// Commands sent.
    pub commands: usize,
    /// Bytes of files written.
    pub bytes: usize,
}

/// Writes all files, then all keys. A chip that is sealed or has no application is refused before the first write, and
/// one with a card manager is written with the credentials for it.
///
/// # Errors
/// `CHIP-014` at once if this kind of chip cannot take this card, `CHIP-016` if its credentials are missing.
pub fn personalize<'a>(
    profile: &'a ChipProfile,
    image: CardImage<'a>,
    credentials: Option<Credentials<'a>>,
) -> Result<Conversation<'a, Written>, Fault> {
    check::check(profile, &image)?;
    match (&profile.dialect, credentials) {
        (Dialect::EmrtdApplet(_), _) => Ok(Conversation::new(async move |mut card| {
            applet::write(&mut card, profile, &image).await
        })),
        (Dialect::GlobalPlatform(manager), Some(credentials)) => {
            Ok(Conversation::new(async move |mut card| {
                managed::write(&mut card, profile, manager, &image, &credentials).await
            }))
        }
        (Dialect::GlobalPlatform(_), None) => Err(Fault::new(&fault::MISUSE, "no keys for the card manager")),
    }
}

#[cfg(test)]
mod tests;
