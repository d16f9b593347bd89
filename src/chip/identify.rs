//! Which chip is this, and what became of it? Asked before the first write; nothing is changed.

use serde::{Deserialize, Serialize};

use super::apdu::{Command, Status};
use super::conversation::Conversation;
use super::fault;
use super::link::Card;
use super::profile::ChipProfile;
use crate::base::ids::ChipId;
use crate::base::{Fault, hex};
use crate::document::FileId;

/// A chip as it presents itself.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Identity {
    /// IC fabricator, type, batch and serial number.
    pub chip: ChipId,
    /// All 42 bytes of CPLC data, hexadecimal.
    pub cplc: String,
    /// How far it has come.
    pub life_cycle: LifeCycle,
}

/// How far a chip has come, as far as it can be asked.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LifeCycle {
    /// Nothing has been written.
    Blank,
    /// Files have been written; it can still be written.
    Started,
    /// It is locked for ever.
    Sealed,
}

impl Identity {
    /// A chip that must be new is new.
    ///
    /// # Errors
    /// `CHIP-007` if it was written before, `CHIP-008` if it is sealed.
    pub fn require_blank(&self) -> Result<(), Fault> {
        match self.life_cycle {
            LifeCycle::Blank => Ok(()),
            LifeCycle::Started => Err(Fault::new(&fault::ALREADY_STARTED, "")),
            LifeCycle::Sealed => Err(Fault::new(&fault::ALREADY_SEALED, "")),
        }
    }

    /// A chip whose writing is begun or resumed is not sealed.
    ///
    /// # Errors
    /// `CHIP-008` if it is.
    pub fn require_open(&self) -> Result<(), Fault> {
        match self.life_cycle {
            LifeCycle::Blank | LifeCycle::Started => Ok(()),
            LifeCycle::Sealed => Err(Fault::new(&fault::ALREADY_SEALED, "")),
        }
    }
}

/// Asks a chip who it is: 4 or 5 commands. A chip of another kind than the profile's is a fault (`CHIP-005`), one
/// without the application too (`CHIP-006`); what the life cycle must be is the caller's matter.
#[must_use]
pub fn identify(profile: &ChipProfile) -> Conversation<'_, Identity> {
    Conversation::new(async move |mut card| {
        // The chip may have been left in its application; CPLC data are the card manager's.
        card.send(&Command::new(0, 0xA4, 0x04, 0x00).le(256)).await?;
        let answer = card
            .expect("GET DATA 9F7F", &Command::new(0x80, 0xCA, 0x9F, 0x7F).le(256))
            .await?;
        let cplc = cplc(&answer).ok_or_else(|| Fault::new(&fault::GARBLED, "CPLC data"))?;
        let text = |from: usize, to: usize| hex::encode(&cplc[from..to]);
        let (fabricator, kind) = (text(0, 2), text(2, 4));
        let expected = &profile.chip;
        if !(fabricator.eq_ignore_ascii_case(&expected.fabricator)
            && kind.eq_ignore_ascii_case(&expected.r#type))
        {
            return Err(Fault::new(
                &fault::FOREIGN,
                format!("fabricator {fabricator}, type {kind}"),
            ));
        }
        card.select_application().await?;
        let life_cycle = life_cycle(&mut card).await?;
        Ok(Identity {
            chip: ChipId::new(fabricator + &kind + &text(16, 18) + &text(12, 16)),
            cplc: hex::encode(cplc),
            life_cycle,
        })
    })
}

/// The state of the selected application. The dialect has no command for it, so it is read off what SELECT says: a
/// locked chip refuses to name a protected file, an open one says whether it exists. EF.COM is the first file to be
/// written.
pub(super) async fn life_cycle(card: &mut Card) -> Result<LifeCycle, Fault> {
    match card.select_file(FileId::Com.fid()).await? {
        Status::SecurityStatus => Ok(LifeCycle::Sealed),
        Status::Success => Ok(LifeCycle::Started),
        Status::FileNotFound => Ok(LifeCycle::Blank),
        status => Err(Fault::new(&fault::REFUSED, format!("SELECT EF.COM {status}"))),
    }
}

/// The 42 bytes of card production life cycle data (GlobalPlatform Card Specification 2.3.1, section H.6), with or
/// without their header.
fn cplc(answer: &[u8]) -> Option<&[u8; 42]> {
    answer
        .strip_prefix(&[0x9F, 0x7F, 0x2A])
        .unwrap_or(answer)
        .try_into()
        .ok()
}
