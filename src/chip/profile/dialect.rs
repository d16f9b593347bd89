//! The languages in which chips are personalized, and what a chip profile says of each.

use serde::{Deserialize, Serialize};

use crate::base::hex;
use crate::chip::apdu::Status;
use crate::chip::diversify::Scheme;
use crate::chip::scp::{Level, Protocol, scp02};

/// Languages of personalization commands.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "language")]
pub enum Dialect {
    /// The open eMRTD applet: CREATE FILE, UPDATE BINARY, PUT DATA, life cycle by PUT DATA `DE xx`. No secure channel.
    EmrtdApplet(Open),
    /// A GlobalPlatform card manager: a secure channel, INSTALL [for personalization], STORE DATA with data
    /// groupings.
    GlobalPlatform(Managed),
}

/// What an open applet wants.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Open {
    /// Parameters of the PUT DATA commands that lead to the locked state, in their order, four hexadecimal digits each:
    /// `DEAF` declares the chip personalized, `DEAD` locks it.
    pub life_cycle: Vec<String>,
    /// What CREATE FILE does with a file that exists.
    #[serde(default)]
    pub recreate: Recreate,
    /// What the locked chip says to a write, four hexadecimal digits.
    #[serde(default = "conditions")]
    pub locked: String,
}

/// What CREATE FILE does with a file that exists: applets differ.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recreate {
    /// It refuses; the file is as it was.
    #[default]
    Refused,
    /// It gives the file its new size, which must be no larger than the first one.
    WithinFirstSize,
}

fn conditions() -> String {
    "6985".to_owned()
}

impl Open {
    /// The parameters as two bytes each; what is not hexadecimal is left out, which checking the profile rules out.
    pub(in crate::chip) fn steps(&self) -> impl Iterator<Item = [u8; 2]> {
        self.life_cycle
            .iter()
            .filter_map(|step| hex::decode(step).and_then(|bytes| bytes.try_into().ok()))
    }

    /// The status of a write that comes too late.
    #[must_use]
    pub fn locked(&self) -> Option<Status> {
        let word: [u8; 2] = hex::decode(&self.locked)?.try_into().ok()?;
        Some(Status::from(u16::from_be_bytes(word)))
    }

    pub(super) fn fault(&self) -> Option<&'static str> {
        if self.life_cycle.is_empty() || self.steps().count() != self.life_cycle.len() {
            Some("life_cycle has steps of four hexadecimal digits each")
        } else if !self.locked().is_some_and(|status| {
            matches!(
                status,
                Status::Conditions | Status::NotAllowed | Status::SecurityStatus
            )
        }) {
            Some("locked is 6982, 6985 or 6986")
        } else {
            None
        }
    }
}

/// What a card manager has and wants.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Managed {
    /// Application identifier of the card manager, hexadecimal.
    pub manager: String,
    /// The protocol of its secure channel.
    #[serde(default)]
    pub protocol: Protocol,
    /// Options `i` of the protocol that the chips have, two hexadecimal digits: `70` of SCP03 computes challenges and
    /// protects answers; of SCP02 `15` and `55` are spoken.
    pub options: String,
    /// How sessions are protected.
    pub level: Level,
    /// Length of the static keys: 128, 192 or 256. A 3DES key of two parts counts as 128.
    pub key_bits: usize,
    /// How the keys with which chips are delivered follow from the supplier's master.
    #[serde(default)]
    pub diversification: Scheme,
    /// Version of the keys with which chips are delivered, 1 to 127.
    pub transport_version: u8,
    /// Version of the keys that replace them at seal, 1 to 127.
    pub issuer_version: u8,
    /// The diversification data are the chip's identity: fabricator, type, batch, serial number.
    pub diversified_by_identity: bool,
}

impl Managed {
    pub(in crate::chip) fn manager(&self) -> Vec<u8> {
        hex::decode(&self.manager).unwrap_or_default()
    }

    /// The options byte.
    #[must_use]
    pub fn options(&self) -> u8 {
        hex::decode(&self.options).map_or(0, |bytes| bytes.first().copied().unwrap_or_default())
    }

    /// As much of fresh randomness as a challenge of this protocol has.
    pub(in crate::chip) fn challenge<'r>(&self, random: &'r [u8; 16]) -> &'r [u8] {
        if self.protocol == Protocol::Scp03 && self.options() & 1 != 0 {
            random
        } else {
            &random[..8]
        }
    }

    pub(super) fn fault(&self) -> Option<&'static str> {
        let one_byte = hex::decode(&self.options).is_some_and(|bytes| bytes.len() == 1);
        if !(5..=16).contains(&self.manager().len()) {
            Some("manager has 5 to 16 bytes")
        } else if !one_byte {
            Some("options has two hexadecimal digits")
        } else if self.protocol == Protocol::Scp02 && !scp02::speaks(self.options()) {
            Some("options of SCP02 are 15 or 55")
        } else if self.protocol == Protocol::Scp02 && self.level.checks_responses() {
            Some("level of SCP02 is 01 or 03")
        } else if self.protocol == Protocol::Scp02 && self.key_bits != 128 {
            Some("key_bits of SCP02 is 128: 3DES with two parts")
        } else if self.protocol == Protocol::Scp03 && (self.level as u8) << 1 & 0x60 & !self.options() != 0 {
            Some("level asks for protected answers, which options does not offer")
        } else if ![128, 192, 256].contains(&self.key_bits) {
            Some("key_bits is 128, 192 or 256")
        } else if !self.diversification.makes(self.key_bits) {
            Some("diversification makes no keys of key_bits")
        } else if ![self.transport_version, self.issuer_version]
            .iter()
            .all(|version| (1..=127).contains(version))
            || self.transport_version == self.issuer_version
        {
            Some("transport_version and issuer_version are two of 1 to 127")
        } else {
            None
        }
    }
}
