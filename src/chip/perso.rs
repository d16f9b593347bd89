//! Writing a chip, in whichever dialect its kind speaks. Everything can be written again until seal, so a torn writing
//! is resumed by writing the whole card again on the same chip.

mod applet;
mod dgi;
mod managed;
mod secrets;

use serde::{Deserialize, Serialize};

use super::conversation::Conversation;
use super::manager::Credentials;
use super::password::{Can, MrzKey};
use super::profile::{ChipProfile, Dialect, PutData};
use super::{active, fault};
use crate::base::{Fault, Secret};
use crate::document::{CardFiles, FileId};
use crate::pki::EllipticCurve;

pub use secrets::P_256;

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
    pub active_authentication: Option<&'a Secret<[u8; 32]>>,
}

impl<'a> CardImage<'a> {
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
    check(profile, &image)?;
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

fn check(profile: &ChipProfile, image: &CardImage<'_>) -> Result<(), Fault> {
    let refuse = |what: &str| Err(Fault::new(&fault::IMAGE, what));
    profile.check_files(image.files)?;
    if image.can.is_some() && !profile.takes(PutData::PaceSecret) {
        return refuse("the chip takes no card access number");
    }
    if profile.managed().is_some() {
        managed::check(profile, image)?;
    }
    match (image.files.get(&FileId::Dg(15)), image.active_authentication) {
        (None, None) => Ok(()),
        // A pair that does not fit would be found only after seal, by active authentication.
        (Some(dg15), Some(key)) => match (active::key(dg15), EllipticCurve::P256.public(key.expose())) {
            (Some(named), Some(own)) if named.p256_point().is_some_and(|point| own == point) => Ok(()),
            _ => refuse("DG15 is not the public key of the private key"),
        },
        (Some(_), None) => refuse("DG15 without its private key"),
        (None, Some(_)) => refuse("a private key without DG15"),
    }
}

#[cfg(test)]
mod tests;
