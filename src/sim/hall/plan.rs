//! What a hall is made of, and the blanks that were delivered to it.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::disk;
use crate::base::hex;
use crate::base::ids::{BlankId, ChipId, PackId};
use crate::chip::ChipProfile;
use crate::job::fact::Blank;
use crate::job::stock::SupplierList;
use crate::sim::chip::Chip;
use crate::sim::printer::Setup;

/// The blank type, and the chip profile, of all rehearsal blanks.
const BLANK_TYPE: &str = "rehearsal";
/// Eight digits number the blanks.
const BLANKS_MAX: u32 = 99_999_999;

/// A hall as it was built.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Names of the machines: `S01` …
    pub stations: Vec<String>,
    /// Names of the desks: `D1` …
    pub desks: Vec<String>,
    /// Packs delivered, at most 65,535.
    pub packs: u32,
    /// Blanks in each.
    pub blanks_per_pack: u32,
    /// Decides which chips are delivered.
    pub seed: u64,
    /// Are the printers' delays waited for?
    #[serde(default)]
    pub real_time: bool,
    /// How long readers take, if delays are waited for.
    #[serde(default)]
    pub reader: ReaderPace,
    /// How all printers are built; each gets a serial number of its own.
    #[serde(default)]
    pub printer: Setup,
}

/// How long a reader and the chip in its field take for an exchange.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ReaderPace {
    /// For the exchange itself, in microseconds.
    pub exchange_us: u64,
    /// For each byte of command and answer, in microseconds: the way through the air, and the chip's memory.
    pub byte_us: u64,
}

impl ReaderPace {
    /// The time of one exchange.
    pub(super) fn time(self, bytes: usize) -> Duration {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        Duration::from_micros(
            self.exchange_us
                .saturating_add(self.byte_us.saturating_mul(bytes)),
        )
    }
}

/// Builds a hall in this directory, which is made if needed, and returns the lists that came with the packs.
///
/// # Errors
/// `AlreadyExists` if there is a hall, `InvalidInput` if the plan cannot be built, or the disk's.
pub fn create(dir: &Path, plan: Plan) -> io::Result<Vec<SupplierList>> {
    plan.check()?;
    let file = dir.join("hall.json");
    if file.exists() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "there is a hall here",
        ));
    }
    for folder in ["packs", "cards"] {
        std::fs::create_dir_all(dir.join(folder))?;
    }
    let stations = plan.stations.iter().map(|name| dir.join("stations").join(name));
    let desks = plan.desks.iter().map(|name| dir.join("desks").join(name));
    for folder in stations.chain(desks) {
        std::fs::create_dir_all(folder)?;
    }
    let profile = profile()?;
    let lists = plan.lists(&profile);
    for list in &lists {
        disk::write_json(&dir.join("packs").join(format!("{}.json", list.pack)), list)?;
    }
    // Last: a directory with this file is a whole hall.
    disk::write_json(&file, &plan)?;
    Ok(lists)
}

/// What a chip says of itself before seal, as its supplier lists it.
pub(super) fn chip_id(chip: &Chip) -> ChipId {
    let field = |from: usize, to: usize| hex::encode(chip.cplc().get(from..to).unwrap_or_default());
    // Fabricator and type, batch, serial number (GlobalPlatform Card Specification 2.3.1, section H.6).
    ChipId::new(field(0, 4) + &field(16, 18) + &field(12, 16))
}

/// The kind of chip in all rehearsal blanks.
pub(super) fn profile() -> io::Result<ChipProfile> {
    ChipProfile::built_in(BLANK_TYPE).map_err(io::Error::other)
}

impl Plan {
    /// A hall whose devices take their time, as a desktop printer with an encoder does: about ten seconds for a chip of
    /// 30 kB, the printer's pictures at the speed of its line, three seconds for each face.
    #[must_use]
    pub fn true_to_time() -> Self {
        Self {
            real_time: true,
            reader: ReaderPace {
                exchange_us: 20_000,
                byte_us: 140,
            },
            printer: Setup {
                wire_time: true,
                feed_ms: 2_000,
                panel_ms: 3_000,
                flip_ms: 1_500,
                eject_ms: 1_500,
                ..Setup::default()
            },
            ..Self::default()
        }
    }

    /// The plan of the hall in this directory.
    pub(super) fn read(dir: &Path) -> io::Result<Self> {
        disk::read_json(&dir.join("hall.json"))?
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "there is no hall here"))
    }

    /// The packs delivered, `P0001` first.
    pub(super) fn pack_ids(&self) -> impl Iterator<Item = PackId> {
        (1..=self.packs).map(|number| PackId::new(format!("P{number:04}")))
    }

    /// What the suppliers say of all packs.
    pub(super) fn lists(&self, profile: &ChipProfile) -> Vec<SupplierList> {
        let list = |pack: PackId| {
            let blanks = self.blanks(&pack).unwrap_or_default();
            let blanks = blanks.into_iter().map(|blank| {
                let chip = chip_id(&self.chip(&blank, profile)?);
                Some(Blank { blank, chip })
            });
            SupplierList {
                blanks: blanks.flatten().collect(),
                blank_type: BLANK_TYPE.to_owned(),
                pack,
            }
        };
        self.pack_ids().map(list).collect()
    }

    /// The blanks in a pack, in their order; nothing if no such pack was delivered.
    pub(super) fn blanks(&self, pack: &PackId) -> Option<Vec<BlankId>> {
        let number: u32 = pack.as_str().strip_prefix('P')?.parse().ok()?;
        if !(1..=self.packs).contains(&number) || format!("P{number:04}") != pack.as_str() {
            return None;
        }
        let before = (number - 1) * self.blanks_per_pack;
        let numbers = before + 1..=before + self.blanks_per_pack;
        Some(
            numbers
                .map(|number| BlankId::new(format!("B{number:08}")))
                .collect(),
        )
    }

    /// The chip in a blank as its maker delivers it; nothing if no such blank was delivered.
    pub(super) fn chip(&self, blank: &BlankId, profile: &ChipProfile) -> Option<Chip> {
        let number: u32 = blank.as_str().strip_prefix('B')?.parse().ok()?;
        if !(1..=self.packs * self.blanks_per_pack).contains(&number) {
            return None;
        }
        // Successive from a start that the seed decides, so unique in the hall and not equal to the blank's own number.
        let start = self.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        let serial = u32::try_from(start).ok()?.wrapping_add(number);
        let batch = u16::try_from((number - 1) / self.blanks_per_pack + 1).ok()?;
        Some(Chip::blank(serial, batch, profile))
    }

    pub(super) fn check(&self) -> io::Result<()> {
        let refuse = |why: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        if self.packs > u32::from(u16::MAX)
            || self
                .packs
                .checked_mul(self.blanks_per_pack)
                .is_none_or(|blanks| blanks > BLANKS_MAX)
        {
            return refuse("too many blanks");
        }
        for names in [&self.stations, &self.desks] {
            let plain = |name: &String| {
                !name.is_empty()
                    && name
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            };
            if !names.iter().all(plain) {
                return refuse("names are letters, digits and hyphens");
            }
            if names.iter().collect::<BTreeSet<_>>().len() < names.len() {
                return refuse("two of the same name");
            }
        }
        Ok(())
    }
}
