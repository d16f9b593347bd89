//! Where every card is: the fold of all acts that moved one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::plan::Plan;
use crate::base::ids::{BlankId, BoxId, LotId, MachineId, PackId};
use crate::printer::Outlet;

/// Of a card that was taken out of a box at a desk without a tray: put back, it lies in the quarantine tray.
const NO_TRAY: LotId = LotId(0);

/// One act of a machine or a person that moves cards. It names containers, not cards: which card moves follows
/// from the acts
/// before it, as it does in the hall.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "act")]
pub(super) enum Act {
    /// A pack goes into a feeder, behind what is there.
    Load { pack: PackId, station: MachineId },
    /// The next blank leaves the feeder.
    Feed { station: MachineId },
    /// The card inside falls into an output.
    Eject { station: MachineId, to: Outlet },
    /// A person takes the card inside to the quarantine tray.
    Clear { station: MachineId },
    /// The hopper's cards go to the end of a lot's tray, in their order.
    Empty { station: MachineId, lot: LotId },
    /// A tray comes to a desk.
    Bring { desk: MachineId, lot: LotId },
    /// The tray's next card goes onto the reader.
    Take { desk: MachineId },
    /// The card on the reader goes back to the front of the tray it came from.
    PutBack { desk: MachineId },
    /// The card on the reader goes into a box.
    Pack {
        desk: MachineId,
        label: BoxId,
        slot: u16,
    },
    /// The card on the reader goes into the reject box.
    Reject { desk: MachineId },
    /// The card on the reader goes into the quarantine tray.
    PutAside { desk: MachineId },
    /// A card goes from a box into the reject box.
    TakeOut { label: BoxId, slot: u16 },
    /// A box is closed.
    Close { label: BoxId },
    /// A tray is turned round: its last card is its first now.
    Turn { lot: LotId },
    /// A card goes from a box onto the reader.
    Pick {
        desk: MachineId,
        label: BoxId,
        slot: u16,
    },
    /// The card that went into a box last goes onto the reader.
    TakeBack { desk: MachineId, label: BoxId },
    /// A card from the quarantine tray goes to the end of a lot's tray.
    Return { blank: BlankId, lot: LotId },
    /// A card from the quarantine tray goes into a box.
    Restore { blank: BlankId, label: BoxId, slot: u16 },
    /// A card that lies among the blanks of a feeder goes to the quarantine tray.
    Sift { station: MachineId, blank: BlankId },
    /// A mistake: the card inside goes back onto the blanks in the feeder.
    Refeed { station: MachineId },
    /// A mistake: the last card in the reject box goes onto the blanks in a feeder.
    Reload { station: MachineId },
    /// A mistake: the last card in the reject box goes into a box.
    Stray { label: BoxId, slot: u16 },
}

/// A desk's tray and reader.
#[derive(Debug, Default)]
pub(super) struct Seat {
    /// The tray before it.
    pub(super) tray: Option<LotId>,
    /// The card on the reader and the lot whose tray it came from.
    pub(super) card: Option<(BlankId, LotId)>,
}

/// All positions. What was not loaded is still in its pack.
#[derive(Debug, Default)]
pub(super) struct Positions {
    pub(super) loaded: BTreeSet<PackId>,
    pub(super) feeders: BTreeMap<MachineId, VecDeque<BlankId>>,
    pub(super) machines: BTreeMap<MachineId, BlankId>,
    pub(super) hoppers: BTreeMap<MachineId, Vec<BlankId>>,
    pub(super) trays: BTreeMap<LotId, VecDeque<BlankId>>,
    pub(super) desks: BTreeMap<MachineId, Seat>,
    pub(super) boxes: BTreeMap<BoxId, BTreeMap<u16, BlankId>>,
    pub(super) closed: BTreeSet<BoxId>,
    pub(super) rejects: Vec<BlankId>,
    pub(super) quarantine: Vec<BlankId>,
}

impl Positions {
    /// Does an act. One that cannot be done changes nothing and is `None`.
    pub(super) fn apply(&mut self, plan: &Plan, act: &Act) -> Option<()> {
        match act {
            Act::Load { pack, station } => {
                let blanks = plan.blanks(pack)?;
                if !self.loaded.insert(pack.clone()) {
                    return None;
                }
                self.feeders.entry(station.clone()).or_default().extend(blanks);
            }
            Act::Feed { station } => {
                if self.machines.contains_key(station) {
                    return None;
                }
                let blank = self.feeders.get_mut(station)?.pop_front()?;
                self.machines.insert(station.clone(), blank);
            }
            Act::Eject { station, to } => {
                let blank = self.machines.remove(station)?;
                match to {
                    Outlet::Good => self.hoppers.entry(station.clone()).or_default().push(blank),
                    Outlet::Reject => self.rejects.push(blank),
                }
            }
            Act::Clear { station } => self.quarantine.push(self.machines.remove(station)?),
            Act::Empty { station, lot } => {
                let cards = self.hoppers.remove(station).unwrap_or_default();
                self.trays.entry(*lot).or_default().extend(cards);
            }
            Act::Bring { desk, lot } => {
                if !self.trays.contains_key(lot) {
                    return None;
                }
                self.desks.entry(desk.clone()).or_default().tray = Some(*lot);
            }
            Act::Take { desk } => {
                let seat = self.desks.get_mut(desk)?;
                let lot = seat.tray.filter(|_| seat.card.is_none())?;
                seat.card = Some((self.trays.get_mut(&lot)?.pop_front()?, lot));
            }
            Act::PutBack { desk } => match self.desks.get_mut(desk)?.card.take()? {
                (blank, NO_TRAY) => self.quarantine.push(blank),
                (blank, lot) => self.trays.entry(lot).or_default().push_front(blank),
            },
            Act::Pack { desk, label, slot } => {
                let seat = self.desks.get_mut(desk).filter(|seat| seat.card.is_some())?;
                let full = self
                    .boxes
                    .get(label)
                    .is_some_and(|cards| cards.contains_key(slot));
                if full {
                    return None;
                }
                let (blank, _) = seat.card.take()?;
                self.boxes.entry(label.clone()).or_default().insert(*slot, blank);
                // A closed box had to be opened for this; whoever counts sees that it is not closed again.
                self.closed.remove(label);
            }
            Act::Reject { desk } => self.rejects.push(self.desks.get_mut(desk)?.card.take()?.0),
            Act::PutAside { desk } => self.quarantine.push(self.desks.get_mut(desk)?.card.take()?.0),
            Act::TakeOut { label, slot } => {
                self.rejects.push(self.boxes.get_mut(label)?.remove(slot)?);
                self.closed.remove(label);
            }
            Act::Close { label } => {
                self.closed.insert(label.clone());
            }
            Act::Turn { lot } => self.trays.get_mut(lot)?.make_contiguous().reverse(),
            Act::Pick { desk, label, slot } => self.pick(desk, label, *slot)?,
            Act::TakeBack { desk, label } => {
                let (last, _) = self.boxes.get(label)?.last_key_value()?;
                self.pick(desk, label, *last)?;
            }
            Act::Return { blank, lot } => {
                let blank = self.out_of_quarantine(blank)?;
                self.trays.entry(*lot).or_default().push_back(blank);
            }
            Act::Restore { blank, label, slot } => {
                if self.boxed(label, *slot) {
                    return None;
                }
                let blank = self.out_of_quarantine(blank)?;
                self.boxes.entry(label.clone()).or_default().insert(*slot, blank);
            }
            Act::Sift { station, blank } => {
                let feeder = self.feeders.get_mut(station)?;
                let at = feeder.iter().position(|lies| lies == blank)?;
                self.quarantine.extend(feeder.remove(at));
            }
            Act::Refeed { station } => {
                let blank = self.machines.remove(station)?;
                self.feeders.entry(station.clone()).or_default().push_front(blank);
            }
            Act::Reload { station } => {
                let blank = self.rejects.pop()?;
                self.feeders.entry(station.clone()).or_default().push_front(blank);
            }
            Act::Stray { label, slot } => {
                if self.boxed(label, *slot) {
                    return None;
                }
                let blank = self.rejects.pop()?;
                self.boxes.entry(label.clone()).or_default().insert(*slot, blank);
            }
        }
        Some(())
    }

    fn pick(&mut self, desk: &MachineId, label: &BoxId, slot: u16) -> Option<()> {
        let seat = self.desks.entry(desk.clone()).or_default();
        if seat.card.is_some() {
            return None;
        }
        let blank = self.boxes.get_mut(label)?.remove(&slot)?;
        seat.card = Some((blank, seat.tray.unwrap_or(NO_TRAY)));
        self.closed.remove(label);
        Some(())
    }

    /// Does a card lie in this box at this number?
    pub(super) fn boxed(&self, label: &BoxId, slot: u16) -> bool {
        self.boxes
            .get(label)
            .is_some_and(|cards| cards.contains_key(&slot))
    }

    /// Cards in this box.
    pub(super) fn cards_in(&self, label: &BoxId) -> usize {
        self.boxes.get(label).map_or(0, BTreeMap::len)
    }

    fn out_of_quarantine(&mut self, blank: &BlankId) -> Option<BlankId> {
        let lies = self.quarantine.iter().position(|lying| lying == blank)?;
        Some(self.quarantine.remove(lies))
    }

    /// The card on a desk's reader.
    pub(super) fn on_reader(&self, desk: &MachineId) -> Option<&BlankId> {
        self.desks.get(desk)?.card.as_ref().map(|(blank, _)| blank)
    }
}
