//! Where a chip comes from and whose keys it has, as its card manager tells anybody.

use super::apdu::{Command, Status};
use super::conversation::Conversation;
use super::link::Card;
use crate::base::{Fault, hex};

/// Card production life cycle data (GlobalPlatform Card Specification 2.3.1, section H.6).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cplc([u8; 42]);

impl Cplc {
    /// What asks for them.
    pub(super) fn ask() -> Command<'static> {
        object([0x9F, 0x7F])
    }

    /// The 42 bytes, with or without their header.
    #[must_use]
    pub fn parse(answer: &[u8]) -> Option<Self> {
        let bytes = answer.strip_prefix(&[0x9F, 0x7F, 0x2A]).unwrap_or(answer);
        bytes.try_into().ok().map(Self)
    }

    /// All bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 42] {
        &self.0
    }

    /// IC fabricator, four hexadecimal digits.
    #[must_use]
    pub fn fabricator(&self) -> String {
        hex::encode(&self.0[..2])
    }

    /// IC type, four hexadecimal digits.
    #[must_use]
    pub fn r#type(&self) -> String {
        hex::encode(&self.0[2..4])
    }

    /// IC batch, four hexadecimal digits.
    #[must_use]
    pub fn batch(&self) -> String {
        hex::encode(&self.0[16..18])
    }

    /// Fabricator, type, batch and serial number: what no other chip has.
    #[must_use]
    pub fn name(&self) -> [u8; 10] {
        let mut name = [0; 10];
        name[..4].copy_from_slice(&self.0[..4]);
        name[4..6].copy_from_slice(&self.0[16..18]);
        name[6..].copy_from_slice(&self.0[12..16]);
        name
    }
}

/// What a card manager tells, as far as it does. Each is as it came.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Manufacture {
    /// Card production life cycle data.
    pub cplc: Option<Vec<u8>>,
    /// Key diversification data (tag `CF`).
    pub diversification: Option<Vec<u8>>,
    /// Key information template (tag `E0`; GlobalPlatform Card Specification 2.3.1, section 11.3.3.1).
    pub keys: Option<Vec<u8>>,
}

/// Asks a chip where it comes from: 4 commands. Changes nothing.
#[must_use]
pub fn manufacture() -> Conversation<'static, Manufacture> {
    Conversation::new(async |mut card| {
        // The card manager; a chip that has none has what follows from the start, or not at all.
        card.send(&Command::new(0, 0xA4, 0x04, 0x00).le(256)).await?;
        Ok(Manufacture {
            cplc: told(&mut card, &Cplc::ask()).await?,
            diversification: told(&mut card, &object([0x00, 0xCF])).await?,
            keys: told(&mut card, &object([0x00, 0xE0])).await?,
        })
    })
}

/// GET DATA.
fn object(tag: [u8; 2]) -> Command<'static> {
    Command::new(0x80, 0xCA, tag[0], tag[1]).le(256)
}

async fn told(card: &mut Card, asked: &Command<'_>) -> Result<Option<Vec<u8>>, Fault> {
    let (contents, status) = card.send(asked).await?;
    Ok((status == Status::Success).then_some(contents))
}
