//! What is in a box, and the signed text on its label.
//!
//! The manifest goes with the box to the office that must find each person's card, so it names them (law 10: personal
//! data where it is needed). Its digest, on the label, gives no name away to whoever does not know the chips: every
//! line carries the hash of an EF.SOD, which nobody can guess. The ledger does know those hashes, so a digest of names
//! has no place there; it needs a keyed hash.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use zeroize::Zeroize;

use super::{Hash, fault};
use crate::base::ids::{AttemptId, BoxId, LotId, OfficeCode, SodHash};
use crate::base::limits::BOX_CARDS_MAX;
use crate::base::{Fault, Mode};

mod label;
mod sheet;

pub use label::verify_qr;

/// The office the box goes to.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Office {
    /// Its code at the time of packing.
    pub code: OfficeCode,
    /// Its name at the time of packing.
    pub name: String,
}

/// The content of one sealed box.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The facility that packed it.
    pub facility: String,
    /// Rehearsal or production.
    pub mode: Mode,
    /// The box label.
    #[serde(rename = "box")]
    pub box_id: BoxId,
    /// Where it goes.
    pub office: Office,
    /// The lots its cards come from.
    #[serde(with = "lots_as_text")]
    pub lots: Vec<LotId>,
    /// When it was sealed, UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub sealed_at: OffsetDateTime,
    /// Its cards, in the order they lie.
    pub lines: Vec<ManifestLine>,
}

/// One card in the box.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestLine {
    /// Its place in the box, from 1.
    pub slot: u16,
    /// The order it answers and the attempt that succeeded.
    #[serde(with = "as_text")]
    pub attempt: AttemptId,
    /// The chip's identity.
    pub sod: SodHash,
    /// Village or street group.
    pub village: String,
    /// Intake team.
    pub team: String,
    /// Number within the team's list.
    pub sequence: u32,
    /// Full name, as the office needs it to find the person.
    pub name: String,
    /// Personal number, twelve digits.
    pub number: String,
    /// It replaces a card that was spoiled.
    pub remake: bool,
}

impl Manifest {
    /// Reads a manifest, in any layout of JSON, and checks it.
    ///
    /// # Errors
    /// `MANIFEST_UNREADABLE` if it is no manifest, `MANIFEST_REFUSED` if it contradicts itself.
    pub fn from_json(json: &[u8]) -> Result<Self, Fault> {
        // serde's own message would quote the content.
        let manifest: Self = serde_json::from_slice(json)
            .map_err(|error| Fault::new(&fault::MANIFEST_UNREADABLE, format!("line {}", error.line())))?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The canonical JSON (RFC 8785): one manifest, one sequence of bytes.
    ///
    /// # Errors
    /// `MANIFEST_REFUSED` if it contradicts itself.
    pub fn canonical(&self) -> Result<Vec<u8>, Fault> {
        self.check()?;
        serde_json_canonicalizer::to_vec(self).map_err(|_| refused("it cannot be written as JSON"))
    }

    /// The SHA-256 of the canonical JSON.
    ///
    /// # Errors
    /// `MANIFEST_REFUSED` if it contradicts itself.
    pub fn digest(&self) -> Result<Hash, Fault> {
        Ok(Hash::of(&[&self.canonical()?]))
    }

    /// Is this a manifest that may be sealed? At least one card and no more than a box holds, slots in their order, no
    /// attempt, order or chip twice. A slot is missing where a card was taken out again.
    ///
    /// # Errors
    /// `MANIFEST_REFUSED`, naming the line.
    pub fn check(&self) -> Result<(), Fault> {
        if !is_label(self.box_id.as_str()) {
            return Err(refused(
                "the box number is not 1 to 32 capital letters, digits and hyphens",
            ));
        }
        if self.lines.is_empty() || self.lines.len() > BOX_CARDS_MAX {
            return Err(refused(format!("{} cards", self.lines.len())));
        }
        let mut orders = std::collections::BTreeSet::new();
        let mut chips = std::collections::BTreeSet::new();
        let mut last = 0;
        for line in &self.lines {
            let slot = line.slot;
            if slot <= last || usize::from(slot) > BOX_CARDS_MAX {
                return Err(refused(format!("slot {slot} stands after slot {last}")));
            }
            last = slot;
            if !orders.insert(line.attempt.order) {
                return Err(refused(format!(
                    "slot {slot}: order {} is in the box twice",
                    line.attempt.order
                )));
            }
            if line.sod.as_str().parse::<Hash>().is_err() {
                return Err(refused(format!("slot {slot}: no chip identity")));
            }
            if !chips.insert(line.sod.as_str().to_ascii_uppercase()) {
                return Err(refused(format!("slot {slot}: its chip is in the box twice")));
            }
        }
        Ok(())
    }

    /// Cards that replace a spoiled one.
    #[must_use]
    pub fn remakes(&self) -> usize {
        self.lines.iter().filter(|line| line.remake).count()
    }

    /// The lines village by village, villages in the order they first appear, each in the order of its team lists.
    #[must_use]
    pub fn villages(&self) -> Vec<(&str, Vec<&ManifestLine>)> {
        let mut villages: Vec<(&str, Vec<&ManifestLine>)> = Vec::new();
        for line in &self.lines {
            match villages.iter_mut().find(|(village, _)| *village == line.village) {
                Some((_, lines)) => lines.push(line),
                None => villages.push((&line.village, vec![line])),
            }
        }
        for (_, lines) in &mut villages {
            lines.sort_by_key(|line| (&line.team, line.sequence, line.slot));
        }
        villages
    }
}

// Personal data is never shown by Debug (law 10).
impl std::fmt::Debug for ManifestLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ManifestLine({} {})", self.slot, self.attempt)
    }
}

impl Drop for ManifestLine {
    fn drop(&mut self) {
        self.name.zeroize();
        self.number.zeroize();
    }
}

fn refused(detail: impl Into<String>) -> Fault {
    Fault::new(&fault::MANIFEST_REFUSED, detail)
}

/// A box number goes into the label's text between full stops, onto a sticker and into file names.
fn is_label(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Identifiers as people read them. JSON numbers would not do: RFC 8785 writes them as doubles, exact only to 2^53.
mod as_text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<T: Display, S: Serializer>(id: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    pub(super) fn deserialize<'de, T: FromStr, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(|_| D::Error::custom("not an identifier"))
    }
}

mod lots_as_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::base::ids::LotId;

    pub(super) fn serialize<S: Serializer>(lots: &[LotId], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(lots.iter().map(ToString::to_string))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<LotId>, D::Error> {
        Vec::<String>::deserialize(deserializer)?
            .iter()
            .map(|text| {
                text.strip_prefix('L')
                    .and_then(|digits| digits.parse().ok())
                    .map(LotId)
            })
            .collect::<Option<_>>()
            .ok_or_else(|| D::Error::custom("not a lot"))
    }
}

#[cfg(test)]
pub(super) mod tests;
