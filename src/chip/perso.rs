//! Writing a chip in the dialect of the open eMRTD applet.
//!
//! The dialect has no secure channel: it is for secure sites. Everything can be written again until seal, so a torn
//! writing is resumed by writing the whole card again on the same chip.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::apdu::{Command, Status};
use super::conversation::Conversation;
use super::link::Card;
use super::password::{Can, MrzKey};
use super::profile::{ChipProfile, PutData};
use super::{active, fault, identify, tlv};
use crate::base::{Fault, Secret};
use crate::document::{CardFiles, FileId};
use crate::pki::EllipticCurve;

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

/// Writes all files, then all keys. A chip that is sealed or has no application is refused before the first write.
///
/// # Errors
/// `CHIP-014` at once if this kind of chip cannot take this card.
pub fn personalize<'a>(
    profile: &'a ChipProfile,
    image: CardImage<'a>,
) -> Result<Conversation<'a, Written>, Fault> {
    check(profile, &image)?;
    Ok(Conversation::new(async move |mut card| {
        card.select_application().await?;
        // EF.COM goes first, so that a chip that was begun is known as such.
        if identify::life_cycle(&mut card).await? == identify::LifeCycle::Sealed {
            return Err(Fault::new(&fault::ALREADY_SEALED, ""));
        }
        let (first, rest): (Vec<_>, Vec<_>) = image.files.iter().partition(|(file, _)| **file == FileId::Com);
        let mut bytes = 0;
        for (file, contents) in first.into_iter().chain(rest) {
            write_file(&mut card, profile, *file, contents).await?;
            bytes += contents.len();
        }
        write_secrets(&mut card, &image).await?;
        Ok(Written {
            commands: card.commands(),
            bytes,
        })
    }))
}

fn check(profile: &ChipProfile, image: &CardImage<'_>) -> Result<(), Fault> {
    let refuse = |what: &str| Err(Fault::new(&fault::IMAGE, what));
    profile.check_files(image.files)?;
    if image.can.is_some() && !profile.takes(PutData::PaceSecret) {
        return refuse("the chip takes no card access number");
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

async fn write_file(
    card: &mut Card,
    profile: &ChipProfile,
    file: FileId,
    contents: &[u8],
) -> Result<(), Fault> {
    let [high, low] = file.fid().to_be_bytes();
    let [.., size_high, size_low] = contents.len().to_be_bytes();
    let refused = |what: &str, status: Status| Fault::new(&fault::REFUSED, format!("{what} {file} {status}"));
    let (_, status) = card
        .send(&Command::new(0, 0xE0, 0, 0).data(&[0x63, 0x04, size_high, size_low, high, low]))
        .await?;
    match status {
        // Applets differ in how they say that a file exists from an earlier writing; selecting it tells.
        Status::Success | Status::FileExists | Status::WrongData => {}
        _ => return Err(refused("CREATE FILE", status)),
    }
    match card.select_file(file.fid()).await? {
        Status::Success => {}
        status => return Err(refused("SELECT", status)),
    }
    let mut offset = 0;
    while offset < contents.len() {
        let end = profile.block_end(offset, contents.len());
        let [.., p1, p2] = offset.to_be_bytes();
        let (_, status) = card
            .send(&Command::new(0, 0xD6, p1, p2).data(&contents[offset..end]))
            .await?;
        if status != Status::Success {
            return Err(refused("UPDATE BINARY", status));
        }
        offset = end;
    }
    Ok(())
}

async fn write_secrets(card: &mut Card, image: &CardImage<'_>) -> Result<(), Fault> {
    put_data(card, PutData::Mrz, &mrz_seed(image.mrz)).await?;
    if let Some(can) = image.can {
        let mut secret = Zeroizing::new(Vec::with_capacity(9));
        secret.extend([0x66, 7, 0x02]);
        secret.extend(can.digits());
        put_data(card, PutData::PaceSecret, &secret).await?;
    }
    if let Some(key) = image.active_authentication {
        put_data(card, PutData::ActiveAuthentication, &ec_key(key.expose())).await?;
    }
    Ok(())
}

async fn put_data(card: &mut Card, what: PutData, data: &[u8]) -> Result<(), Fault> {
    let tag = what.tag();
    card.expect(
        &format!("PUT DATA {tag:02X}"),
        &Command::new(0, 0xDA, 0, tag).data(data),
    )
    .await?;
    Ok(())
}

/// `62 L [04 document][04 birth][04 expiry]`: the chip derives its keys itself.
fn mrz_seed(mrz: &MrzKey) -> Zeroizing<Vec<u8>> {
    let mut fields = Zeroizing::new(Vec::with_capacity(40));
    for field in [mrz.document(), mrz.birth(), mrz.expiry()] {
        tlv::push(&mut fields, 0x04, field.as_bytes());
    }
    let mut seed = Zeroizing::new(Vec::with_capacity(42));
    tlv::push(&mut seed, 0x62, &fields);
    seed
}

/// `81` field, `82` a, `83` b, `84` G, `85` order, `86` private key, all on P-256 (SEC 2, section 2.4.2).
fn ec_key(private: &[u8; 32]) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(Vec::with_capacity(240));
    for (tag, value) in P_256 {
        tlv::push(&mut key, tag, value);
    }
    tlv::push(&mut key, 0x86, private);
    key
}

/// The domain parameters of P-256 under the tags of PUT DATA 63 and 68.
pub const P_256: [(u16, &[u8]); 5] = [
    (
        0x81,
        &parameter("FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF"),
    ),
    (
        0x82,
        &parameter("FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFC"),
    ),
    (
        0x83,
        &parameter("5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B"),
    ),
    (0x84, &GENERATOR),
    (
        0x85,
        &parameter("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551"),
    ),
];

const GENERATOR: [u8; 65] = {
    let x = parameter("6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296");
    let y = parameter("4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5");
    let mut point = [4; 65];
    let mut i = 0;
    while i < 32 {
        point[1 + i] = x[i];
        point[33 + i] = y[i];
        i += 1;
    }
    point
};

/// 32 bytes from 64 hexadecimal digits, when the program is built.
const fn parameter(digits: &str) -> [u8; 32] {
    let digits = digits.as_bytes();
    let mut bytes = [0; 32];
    let mut i = 0;
    while i < 64 {
        let digit = match digits[i] {
            digit @ b'0'..=b'9' => digit - b'0',
            digit => digit - b'A' + 10,
        };
        bytes[i / 2] = bytes[i / 2] << 4 | digit;
        i += 1;
    }
    bytes
}

#[cfg(test)]
mod tests;
