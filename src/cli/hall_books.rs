//! The hall's own books against the ledger: what lies where, card by card and pack by pack.

use std::collections::BTreeMap;

use crate::base::Place;
use crate::base::ids::{BlankId, BoxId, PackId};
use crate::job::stock::Stock;
use crate::job::{Attempt, Phase};
use crate::sim::hall::Inventory;

/// Differences that are told one by one.
const TOLD_MAX: usize = 20;

/// Cards that lie in boxes by the ledger, and what differs from the hall.
pub(super) struct Compared {
    /// By the ledger.
    pub(super) boxed: usize,
    /// In words.
    pub(super) differences: Vec<String>,
}

/// Compares what the hall's journal says with what the ledger says.
pub(super) fn compare(inventory: &Inventory, attempts: &[Attempt], stock: &Stock) -> Compared {
    let by_ledger = in_boxes(attempts);
    let mut differences = boxes(inventory, &by_ledger);
    if !attempts.iter().any(has_lost_a_blank) {
        differences.extend(packs(inventory, attempts, stock));
    }
    differences.truncate(TOLD_MAX);
    Compared {
        boxed: by_ledger.len(),
        differences,
    }
}

type Slot = (BoxId, u16);

/// A box that was lost on its way lies in the hall where it lay: its cards are not found by the ledger, and boxed.
fn is_lost_in_its_box(attempt: &Attempt) -> bool {
    attempt.phase == Phase::NotFound && attempt.boxed.is_some()
}

/// Nobody knows which blank was in the machine: by the ledger it is in its feeder, until somebody writes it off by the
/// number on it.
fn has_lost_a_blank(attempt: &Attempt) -> bool {
    attempt.blank.is_none() && matches!(attempt.phase, Phase::Quarantined | Phase::NotFound)
}

fn in_boxes(attempts: &[Attempt]) -> BTreeMap<Slot, BlankId> {
    let lies = |attempt: &&Attempt| attempt.place == Some(Place::Boxed) || is_lost_in_its_box(attempt);
    attempts
        .iter()
        .filter(lies)
        .filter_map(|attempt| Some((attempt.boxed.clone()?, attempt.blank.clone()?)))
        .collect()
}

fn boxes(inventory: &Inventory, by_ledger: &BTreeMap<Slot, BlankId>) -> Vec<String> {
    let mut by_hall: BTreeMap<Slot, &BlankId> = BTreeMap::new();
    for card in &inventory.boxes {
        by_hall.insert((card.label.clone(), card.slot), &card.blank);
    }
    let mut slots: Vec<&Slot> = by_hall.keys().chain(by_ledger.keys()).collect();
    slots.sort_unstable();
    slots.dedup();
    let lies = |blank: Option<&BlankId>| blank.map_or_else(|| "nothing".to_owned(), ToString::to_string);
    slots
        .into_iter()
        .map(|slot| (slot, by_hall.get(slot).copied(), by_ledger.get(slot)))
        .filter(|(_, hall, ledger)| hall != ledger)
        .map(|((label, slot), hall, ledger)| {
            format!(
                "box {label}, place {slot}: {} lies there, {} by the ledger",
                lies(hall),
                lies(ledger)
            )
        })
        .collect()
}

/// A card that nobody found, or of which nobody knows where it is, may lie anywhere but among the blanks and the boxes.
fn packs(inventory: &Inventory, attempts: &[Attempt], stock: &Stock) -> Vec<String> {
    let mut by_ledger: BTreeMap<&PackId, BTreeMap<&str, u64>> = BTreeMap::new();
    for (pack, place, count) in stock.rows() {
        let kind = match place {
            Place::Vault | Place::Issued => "packs",
            Place::Feeder(_) => "feeders",
            Place::Boxed => "boxes",
            _ => "elsewhere",
        };
        *by_ledger.entry(pack).or_default().entry(kind).or_default() += u64::from(count);
    }
    for attempt in attempts.iter().filter(|attempt| is_lost_in_its_box(attempt)) {
        let places = attempt
            .pack
            .as_ref()
            .map(|pack| by_ledger.entry(pack).or_default());
        if let Some(places) = places {
            *places.entry("boxes").or_default() += 1;
            let elsewhere = places.entry("elsewhere").or_default();
            *elsewhere = elsewhere.saturating_sub(1);
        }
    }
    let mut differences = Vec::new();
    for (pack, spots) in &inventory.packs {
        let mut by_hall: BTreeMap<&str, u64> = BTreeMap::new();
        for (spot, count) in spots {
            let kind = match spot.as_str() {
                "vault" => "packs",
                "feeder" => "feeders",
                "boxed" => "boxes",
                _ => "elsewhere",
            };
            *by_hall.entry(kind).or_default() += count;
        }
        let mut ledger = by_ledger.remove(pack).unwrap_or_default();
        by_hall.retain(|_, count| *count > 0);
        ledger.retain(|_, count| *count > 0);
        if by_hall != ledger {
            differences.push(format!(
                "pack {pack}: {by_hall:?} in the hall, {ledger:?} by the ledger"
            ));
        }
    }
    differences
}
