//! The physical count: where every card that was ever delivered is.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::books::Positions;
use super::disk;
use super::floor;
use super::plan::Plan;
use crate::base::ids::{BlankId, BoxId, ChipId, LotId, MachineId, PackId};
use crate::job::stock::SupplierList;

/// Where a card is.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "at")]
pub enum Spot {
    /// In its pack.
    Vault,
    /// In a machine's feeder.
    Feeder {
        /// The machine.
        station: MachineId,
    },
    /// Inside a machine.
    Machine {
        /// The machine.
        station: MachineId,
    },
    /// In a machine's good output.
    Hopper {
        /// The machine.
        station: MachineId,
    },
    /// In a lot's tray.
    Tray {
        /// The lot.
        lot: LotId,
    },
    /// On a desk's reader.
    Reader {
        /// The desk.
        desk: MachineId,
        /// The lot from whose tray it was taken.
        lot: LotId,
    },
    /// In a box.
    Boxed {
        /// The box.
        label: BoxId,
        /// The place, from 1.
        slot: u16,
    },
    /// In the reject box.
    Reject,
    /// In the quarantine tray.
    Quarantine,
}

impl Spot {
    /// The kind of place: `vault`, `feeder`, `machine`, `hopper`, `tray`, `boxed`, `reject`, `quarantine`.
    /// A card on a reader
    /// counts to its tray.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Vault => "vault",
            Self::Feeder { .. } => "feeder",
            Self::Machine { .. } => "machine",
            Self::Hopper { .. } => "hopper",
            Self::Tray { .. } | Self::Reader { .. } => "tray",
            Self::Boxed { .. } => "boxed",
            Self::Reject => "reject",
            Self::Quarantine => "quarantine",
        }
    }
}

/// One card and where it is.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Whereabouts {
    /// The number on the blank.
    pub blank: BlankId,
    /// The chip in it.
    pub chip: ChipId,
    /// The pack it came in.
    pub pack: PackId,
    /// Where it is.
    pub spot: Spot,
}

/// One card in a box.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Boxed {
    /// The box.
    pub label: BoxId,
    /// The place, from 1.
    pub slot: u16,
    /// The number on the blank.
    pub blank: BlankId,
    /// The chip in it.
    pub chip: ChipId,
}

/// The count of a whole hall.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Inventory {
    /// For each pack how many of its blanks are in each kind of place ([`Spot::name`]); their sum is the pack.
    pub packs: BTreeMap<PackId, BTreeMap<String, u64>>,
    /// Cards in boxes, by label and place.
    pub boxes: Vec<Boxed>,
    /// Boxes that are closed.
    pub closed: BTreeSet<BoxId>,
    /// All cards, in the order of delivery.
    pub cards: Vec<Whereabouts>,
}

/// Counts the hall in this directory, running or not.
///
/// # Errors
/// When there is none, its journal tells what cannot have happened, or the disk fails.
pub fn inventory(dir: &Path) -> io::Result<Inventory> {
    let plan = Plan::read(dir)?;
    let (positions, _) = floor::replay(dir, &plan)?;
    let list = |pack: PackId| {
        disk::read_json(&dir.join("packs").join(format!("{pack}.json")))?
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("there is no list of {pack}")))
    };
    let lists = plan.pack_ids().map(list).collect::<io::Result<_>>()?;
    Ok(count(&positions, lists))
}

/// Where the cards of these packs are.
pub(super) fn count(positions: &Positions, lists: Vec<SupplierList>) -> Inventory {
    let mut spots: BTreeMap<&BlankId, Spot> = BTreeMap::new();
    for (station, blanks) in &positions.feeders {
        let station = || station.clone();
        spots.extend(
            blanks
                .iter()
                .map(|blank| (blank, Spot::Feeder { station: station() })),
        );
    }
    for (station, blank) in &positions.machines {
        let station = station.clone();
        spots.insert(blank, Spot::Machine { station });
    }
    for (station, blanks) in &positions.hoppers {
        let station = || station.clone();
        spots.extend(
            blanks
                .iter()
                .map(|blank| (blank, Spot::Hopper { station: station() })),
        );
    }
    for (&lot, blanks) in &positions.trays {
        spots.extend(blanks.iter().map(|blank| (blank, Spot::Tray { lot })));
    }
    for (desk, seat) in &positions.desks {
        if let Some((blank, lot)) = &seat.card {
            let (desk, lot) = (desk.clone(), *lot);
            spots.insert(blank, Spot::Reader { desk, lot });
        }
    }
    for (label, cards) in &positions.boxes {
        let spot = |slot| Spot::Boxed {
            label: label.clone(),
            slot,
        };
        spots.extend(cards.iter().map(|(&slot, blank)| (blank, spot(slot))));
    }
    spots.extend(positions.rejects.iter().map(|blank| (blank, Spot::Reject)));
    spots.extend(positions.quarantine.iter().map(|blank| (blank, Spot::Quarantine)));

    let mut inventory = Inventory {
        closed: positions.closed.clone(),
        ..Inventory::default()
    };
    for SupplierList { pack, blanks, .. } in lists {
        let counts = inventory.packs.entry(pack.clone()).or_default();
        for entry in blanks {
            let spot = spots.get(&entry.blank).cloned().unwrap_or(Spot::Vault);
            *counts.entry(spot.name().to_owned()).or_default() += 1;
            if let Spot::Boxed { label, slot } = &spot {
                inventory.boxes.push(Boxed {
                    label: label.clone(),
                    slot: *slot,
                    blank: entry.blank.clone(),
                    chip: entry.chip.clone(),
                });
            }
            inventory.cards.push(Whereabouts {
                blank: entry.blank,
                chip: entry.chip,
                pack: pack.clone(),
                spot,
            });
        }
    }
    inventory
        .boxes
        .sort_by(|one, other| (&one.label, one.slot).cmp(&(&other.label, other.slot)));
    inventory
}
