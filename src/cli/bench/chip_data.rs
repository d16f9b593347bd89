//! `cardwright bench chip-data`.

use super::people::{adults, pick};
use super::{Times, print, repeat};
use crate::base::Secret;
use crate::chip::keys;
use crate::document::build::{self, ChipPublic, FILLER};

/// Runs the verb.
///
/// # Errors
/// Those of building.
pub(super) fn main(times: Times) -> anyhow::Result<bool> {
    let (dossiers, profile) = adults()?;
    let (_, point) = keys::pair(&Secret::new([7; 32]))?;
    let public = ChipPublic {
        active_authentication: profile.chip.active_authentication.then_some(point),
        chip_authentication: profile.chip.chip_authentication.map(|_| point),
    };
    let build = |index| -> anyhow::Result<_> {
        Ok(build::files(
            pick(&dossiers, index)?,
            &profile,
            &public,
            "0123456789ABCDEF",
            [0; FILLER],
        )?)
    };
    let files = build(0)?;
    let built = repeat("files of a chip built", times, |index| {
        std::hint::black_box(build(index)?);
        Ok(())
    })?;
    let hashed = repeat("files of a chip hashed", times, |_| {
        std::hint::black_box(build::hashes(&files));
        Ok(())
    })?;
    let paired = repeat("key pair of a chip", times, |index| {
        let mut seed = [7; 32];
        seed[..8].copy_from_slice(&index.to_be_bytes());
        std::hint::black_box(keys::pair(&Secret::new(seed))?);
        Ok(())
    })?;
    print(&[built, hashed, paired], times)
}
