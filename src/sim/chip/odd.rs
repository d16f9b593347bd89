//! Blanks that are not what their pack says.

use serde::{Deserialize, Serialize};

use super::{Chip, LifeCycle};
use crate::base::Fault;
use crate::chip::ChipProfile;
use crate::document::FileId;

/// What is wrong with a blank.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Oddity {
    /// A chip of another kind: another answer to reset, another maker.
    Foreign,
    /// Another applet in a chip that looks right: there is no eMRTD application.
    NoApplication,
    /// Somebody has begun to write it.
    Begun,
    /// A finished card that came back into a pack.
    Sealed,
    /// Its keys do not follow from the supplier's master.
    OtherKeys,
    /// It has the issuer's keys already.
    IssuerKeys,
    /// Its card manager is terminated.
    Terminated,
    /// Its card manager names another chip than its production data do.
    TwoNames,
}

impl Oddity {
    /// All there are.
    pub const ALL: [Self; 8] = [
        Self::Foreign,
        Self::NoApplication,
        Self::Begun,
        Self::Sealed,
        Self::OtherKeys,
        Self::IssuerKeys,
        Self::Terminated,
        Self::TwoNames,
    ];
}

impl Chip {
    /// A blank of this profile with something wrong about it. What concerns the card manager leaves a chip without one
    /// as it should be.
    ///
    /// # Errors
    /// Broken built-in data.
    pub fn odd(serial: u32, batch: u16, profile: &ChipProfile, oddity: Oddity) -> Result<Self, Fault> {
        let mut chip = Self::blank(serial, batch, profile);
        let memory = &mut chip.memory;
        match oddity {
            Oddity::Foreign => chip = Self::blank(serial, batch, &ChipProfile::built_in("emrtd-short")?),
            Oddity::NoApplication => memory.no_application = true,
            Oddity::Begun => drop(memory.files.insert(FileId::Com.fid(), vec![0x60, 0])),
            Oddity::Sealed => memory.life_cycle = LifeCycle::Locked,
            Oddity::OtherKeys | Oddity::IssuerKeys | Oddity::Terminated | Oddity::TwoNames => {
                if let (Some(manager), Some(managed)) = (&mut memory.manager, profile.managed()) {
                    manager.spoil(oddity, managed);
                }
            }
        }
        Ok(chip)
    }

    /// Another blank of the same kind: what stands in the field when two cards are fed at once.
    #[must_use]
    pub fn neighbour(&self) -> Self {
        Self::blank(0xFFFF_FFFF, 0xFFFF, &self.memory.profile)
    }
}
