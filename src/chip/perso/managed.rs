//! Writing a chip through its card manager: a secure channel, INSTALL [for personalization], and STORE DATA with data
//! groupings (GlobalPlatform Card Specification 2.3.1, sections 11.5 and 11.11).
//!
//! A file's grouping bears the file's identifier, a secret's the tag that PUT DATA would have, with the high byte `80`;
//! secrets are encrypted once more under the data key. The last block is sealing's: until it comes, INSTALL begins anew
//! and everything can be written again.

use super::{CardImage, Written, dgi, secrets};
use crate::base::{Fault, limits};
use crate::chip::apdu::{Command, Status};
use crate::chip::fault;
use crate::chip::identify::{LifeCycle, life_cycle};
use crate::chip::link::{Card, refused};
use crate::chip::manager::{self, Credentials};
use crate::chip::profile::{ChipProfile, Managed, PutData};
use crate::chip::scp::DataKey;

/// STORE DATA: data groupings.
const GROUPINGS: u8 = 0x08;
/// STORE DATA: encrypted groupings.
const ENCRYPTED: u8 = 0x60;
/// High byte of the name of a secret's grouping.
const SECRET: u8 = 0x80;
/// Blocks are numbered in one byte.
const BLOCKS_MAX: usize = 256;

/// Writes all files, then all keys.
pub(super) async fn write(
    card: &mut Card,
    profile: &ChipProfile,
    managed: &Managed,
    image: &CardImage<'_>,
    credentials: &Credentials<'_>,
) -> Result<Written, Fault> {
    if life_cycle(card).await? == LifeCycle::Sealed {
        return Err(Fault::new(&fault::ALREADY_SEALED, ""));
    }
    let (set, data_key) = manager::admit(card, managed, credentials).await?;
    // Sealing replaces the keys first. A card that comes back from there unsealed is sealed again, not written.
    if set == manager::KeySet::Issuer {
        return Err(Fault::new(&fault::ALREADY_OURS, ""));
    }
    manager::install_for_personalization(card).await?;
    let mut blocks = Blocks {
        next: 0,
        capacity: card.capacity(profile.apdu.command_data_max),
    };
    let files = image
        .files_in_order()
        .map(|(file, contents)| (file.fid(), contents));
    let bytes = files.clone().map(|(_, contents)| contents.len()).sum();
    blocks.store(card, GROUPINGS, &dgi::stream(files)).await?;
    let sealed = sealed(image, &data_key);
    let secrets = sealed.iter().map(|(name, value)| (*name, value.as_slice()));
    blocks
        .store(card, GROUPINGS | ENCRYPTED, &dgi::stream(secrets))
        .await?;
    Ok(Written {
        commands: card.commands(),
        bytes,
    })
}

/// The blocks can be numbered.
pub(super) fn check(profile: &ChipProfile, image: &CardImage<'_>) -> Result<(), Fault> {
    let files: usize = image
        .files
        .values()
        .map(|contents| dgi::length(contents.len()))
        .sum();
    // Checksum and padding take at most 32 bytes of a block; secrets have a few hundred bytes and blocks of their own.
    let capacity = profile.apdu.command_data_max.saturating_sub(32).max(1);
    // Padded, and named in five bytes at most.
    let secrets: usize = secrets::of(image)
        .iter()
        .map(|put| put.value.len() + 16 + 5)
        .sum();
    let blocks = files.div_ceil(capacity) + secrets.max(limits::SECRETS_BYTES_MAX).div_ceil(capacity);
    if blocks > BLOCKS_MAX {
        return Err(Fault::new(
            &fault::IMAGE,
            format!("{blocks} blocks of STORE DATA"),
        ));
    }
    Ok(())
}

/// The name of each secret, and its value encrypted once more.
fn sealed(image: &CardImage<'_>, data_key: &DataKey) -> Vec<(u16, Vec<u8>)> {
    secrets::of(image)
        .into_iter()
        .map(|put| (name(put.what, put.place), data_key.seal_padded(&put.value)))
        .collect()
}

/// The name of a secret's grouping: the parameters that PUT DATA would have, the first one with its highest bit set.
fn name(secret: PutData, place: u8) -> u16 {
    u16::from_be_bytes([SECRET | place, secret.tag()])
}

/// Numbers the blocks of one personalization.
struct Blocks {
    next: usize,
    capacity: usize,
}

impl Blocks {
    async fn store(&mut self, card: &mut Card, form: u8, stream: &[u8]) -> Result<(), Fault> {
        for block in stream.chunks(self.capacity.max(1)) {
            let number = u8::try_from(self.next).map_err(|_| Fault::new(&fault::IMAGE, "too many blocks"))?;
            let (_, status) = card
                .send(&Command::new(0x80, 0xE2, form, number).data(block))
                .await?;
            if status != Status::Success {
                return Err(refused(format_args!("STORE DATA block {number}"), status));
            }
            self.next += 1;
        }
        Ok(())
    }
}
