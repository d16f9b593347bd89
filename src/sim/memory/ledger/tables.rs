//! The ledger's state: the fold of its record, and the indexes that carry laws 2 and 3.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use crate::base::Fault;
use crate::base::ids::{AttemptId, BlankId, BoxId, ChipId, LotId, OfficeCode, OrderKey, PackId, SodHash};
use crate::job::fault::ILLEGAL;
use crate::job::lot::Lot;
use crate::job::stock::{Move, Stock, implied, told};
use crate::job::{Attempt, Event, Evidence, Fact, Phase, Step, apply};
use crate::port::{Attempts, BoxStanding, BoxState, BundlePart, Part};
use crate::store::fault::{TOO_LATE, TWICE};

/// All tables.
#[derive(Default)]
pub(super) struct Tables {
    pub(super) attempts: BTreeMap<AttemptId, Attempt>,
    pub(super) parts: BTreeMap<(AttemptId, Part), Vec<u8>>,
    pub(super) blanks: BTreeMap<ChipId, (BlankId, PackId)>,
    pub(super) stock: Stock,
    blank_ids: BTreeMap<BlankId, ChipId>,
    boxes: BTreeMap<BoxId, BoxState>,
    lots: BTreeMap<LotId, (Lot, bool)>,
    written_off: BTreeSet<BlankId>,
    chips: BTreeMap<ChipId, AttemptId>,
    used: BTreeMap<BlankId, AttemptId>,
    sods: BTreeMap<SodHash, AttemptId>,
    chip_keys: BTreeMap<String, AttemptId>,
    live: BTreeMap<OrderKey, AttemptId>,
    slots: BTreeMap<(BoxId, u16), AttemptId>,
}

/// How one change is taken back.
enum Undo {
    Attempt(AttemptId, Option<Box<Attempt>>),
    Part((AttemptId, Part), Option<Vec<u8>>),
    Blank(ChipId),
    Stock(Stock),
    Box(BoxId, Option<BoxState>),
    Lot(LotId, Option<(Lot, bool)>),
    WrittenOff(BlankId),
}

impl Tables {
    /// All of these or none.
    pub(super) fn append(&mut self, facts: &[Fact], parts: Vec<BundlePart>) -> Result<(), Fault> {
        let mut undo = Vec::new();
        let written = self.write(facts, parts, &mut undo);
        if written.is_err() {
            for change in undo.into_iter().rev() {
                self.take_back(change);
            }
        }
        written
    }

    /// Attempts by a question.
    pub(super) fn find(&self, which: &Attempts) -> Vec<Attempt> {
        let one = |id: Option<&AttemptId>| {
            id.and_then(|id| self.attempts.get(id))
                .cloned()
                .into_iter()
                .collect()
        };
        let all = self.attempts.values();
        match which {
            Attempts::Open => by_lot(all.filter(|attempt| !attempt.is_over())),
            Attempts::Of(order) => all
                .filter(|attempt| attempt.id.order == *order)
                .cloned()
                .collect(),
            Attempts::Boxing => by_lot(all.filter(|attempt| attempt.phase == Phase::Doing(Step::Box))),
            Attempts::InLot(lot) => all.filter(|attempt| attempt.lot == *lot).cloned().collect(),
            Attempts::OfChip(chip) => one(self.chips.get(chip)),
            Attempts::OfSod(sod) => one(self.sods.get(sod)),
            Attempts::OfBlank(blank) => one(self.used.get(blank)),
            Attempts::Unreported(limit) => {
                let unreported = all.filter(|attempt| attempt.must_be_reported());
                let limit = usize::try_from(*limit).unwrap_or(usize::MAX);
                unreported.take(limit).cloned().collect()
            }
            Attempts::After(id, limit) => {
                let later = self.attempts.range((Bound::Excluded(*id), Bound::Unbounded));
                let limit = usize::try_from(*limit).unwrap_or(usize::MAX);
                later.take(limit).map(|(_, attempt)| attempt.clone()).collect()
            }
            Attempts::These(ids) => ids
                .iter()
                .filter_map(|id| self.attempts.get(id).cloned())
                .collect(),
            Attempts::InBox(label) => {
                let slots = self.slots.range((label.clone(), 0)..=(label.clone(), u16::MAX));
                slots
                    .filter_map(|(_, id)| self.attempts.get(id))
                    .cloned()
                    .collect()
            }
        }
    }

    pub(super) fn pack_of(&self, blank: &BlankId) -> Option<PackId> {
        let (_, pack) = self.blanks.get(self.blank_ids.get(blank)?)?;
        Some(pack.clone())
    }

    pub(super) fn boxes(&self, all: bool) -> Vec<BoxState> {
        let here =
            |state: &&BoxState| all || matches!(state.standing, BoxStanding::Open | BoxStanding::Sealed);
        self.boxes.values().filter(here).cloned().collect()
    }

    pub(super) fn open_lots(&self) -> Vec<Lot> {
        let open = self.lots.values().filter(|(_, closed)| !closed);
        open.map(|(lot, _)| lot.clone()).collect()
    }

    fn write(&mut self, facts: &[Fact], parts: Vec<BundlePart>, undo: &mut Vec<Undo>) -> Result<(), Fault> {
        for fact in facts {
            match fact {
                Fact::Attempt { attempt, event } => self.event(*attempt, event, undo)?,
                Fact::PackReceived { pack, blanks, .. } => {
                    for blank in blanks {
                        let known = self.blanks.contains_key(&blank.chip);
                        if known || self.blank_ids.contains_key(&blank.blank) {
                            return Err(Fault::new(&TWICE, "blank"));
                        }
                        self.blank_ids.insert(blank.blank.clone(), blank.chip.clone());
                        let place = (blank.blank.clone(), pack.clone());
                        self.blanks.insert(blank.chip.clone(), place);
                        undo.push(Undo::Blank(blank.chip.clone()));
                    }
                }
                Fact::WrittenOff { blank, .. } => {
                    if self.used.contains_key(blank) || !self.written_off.insert(blank.clone()) {
                        return Err(Fault::new(&TWICE, format!("blank {blank} is written off")));
                    }
                    undo.push(Undo::WrittenOff(blank.clone()));
                }
                Fact::OrderErased { order, .. } => self.erase(*order, undo)?,
                Fact::LotClaimed { lot } => {
                    if self.lots.contains_key(&lot.id) {
                        return Err(Fault::new(&TWICE, lot.id.to_string()));
                    }
                    self.lots.insert(lot.id, (lot.clone(), false));
                    undo.push(Undo::Lot(lot.id, None));
                }
                Fact::LotClosed { lot } => {
                    if let Some((_, closed)) = self.lots.get_mut(lot) {
                        let before = std::mem::replace(closed, true);
                        let row = self.lots.get(lot).map(|(lot, _)| (lot.clone(), before));
                        undo.push(Undo::Lot(*lot, row));
                    }
                }
                Fact::BoxOpened { label, office } => self.open_box(label, office, undo)?,
                Fact::BoxSealed { label, .. } => {
                    self.move_box(label, BoxStanding::Open, BoxStanding::Sealed, undo)?;
                }
                Fact::BoxDispatched { label, .. } => {
                    self.move_box(label, BoxStanding::Sealed, BoxStanding::Dispatched, undo)?;
                }
                Fact::BoxLost { label, .. } => {
                    self.move_box(label, BoxStanding::Dispatched, BoxStanding::Lost, undo)?;
                }
                _ => {}
            }
            if let Some(step) = told(fact) {
                self.shift(&step, undo)?;
            }
        }
        for part in parts {
            let place = (part.attempt, part.part);
            if self.parts.contains_key(&place) {
                return Err(Fault::new(&TWICE, format!("bundle of {}", part.attempt)));
            }
            self.parts.insert(place, part.sealed);
            undo.push(Undo::Part(place, None));
        }
        Ok(())
    }

    fn event(&mut self, id: AttemptId, event: &Event, undo: &mut Vec<Undo>) -> Result<(), Fault> {
        if let Event::Done {
            evidence: Evidence::Bind { blank, .. },
        } = event
            && self.written_off.contains(blank)
        {
            return Err(Fault::new(&TWICE, format!("{id}: blank {blank} was written off")));
        }
        let before = self.attempts.get(&id).cloned();
        let after =
            apply(before.as_ref(), id, event).map_err(|illegal| Fault::new(&ILLEGAL, illegal.to_string()))?;
        if let Some(step) = implied(before.as_ref(), &after) {
            self.shift(&step, undo)?;
        }
        if matches!(event, Event::KeysErased) {
            let place = (id, Part::Keys);
            undo.push(Undo::Part(place, self.parts.remove(&place)));
        }
        let newly = before.as_ref().is_none_or(|before| before.boxed.is_none());
        let boxed = after.boxed.clone().filter(|_| newly);
        self.may_put(&after)?;
        undo.push(Undo::Attempt(id, self.put(id, Some(after)).map(Box::new)));
        boxed.map_or(Ok(()), |(label, slot)| self.put_in_box(&label, slot, undo))
    }

    fn erase(&mut self, order: OrderKey, undo: &mut Vec<Undo>) -> Result<(), Fault> {
        let number = |number| AttemptId { order, number };
        let tries = number(0)..=number(u16::MAX);
        let needed = |attempt: &&Attempt| !attempt.is_over() || attempt.must_be_reported();
        if let Some(open) = self
            .attempts
            .range(tries.clone())
            .map(|(_, attempt)| attempt)
            .find(needed)
        {
            return Err(Fault::new(
                &ILLEGAL,
                format!("{} needs the data of its order", open.id),
            ));
        }
        let parts = (*tries.start(), Part::Content)..=(*tries.end(), Part::Signed);
        let places: Vec<_> = self.parts.range(parts).map(|(place, _)| *place).collect();
        for place in places {
            undo.push(Undo::Part(place, self.parts.remove(&place)));
        }
        Ok(())
    }

    /// Would this attempt make something exist twice?
    fn may_put(&self, attempt: &Attempt) -> Result<(), Fault> {
        let id = attempt.id;
        let other = |found: Option<&AttemptId>| found.is_some_and(|found| *found != id);
        let twice = [
            (
                "chip",
                attempt
                    .chip
                    .as_ref()
                    .is_some_and(|chip| other(self.chips.get(chip))),
            ),
            (
                "blank",
                attempt
                    .blank
                    .as_ref()
                    .is_some_and(|blank| other(self.used.get(blank))),
            ),
            (
                "sod",
                attempt.sod.as_ref().is_some_and(|sod| other(self.sods.get(sod))),
            ),
            (
                "chip key",
                attempt
                    .chip_key
                    .as_ref()
                    .is_some_and(|key| other(self.chip_keys.get(key))),
            ),
            (
                "slot",
                attempt
                    .boxed
                    .as_ref()
                    .is_some_and(|slot| other(self.slots.get(slot))),
            ),
            (
                "live attempt",
                attempt.is_live() && other(self.live.get(&id.order)),
            ),
        ];
        match twice.iter().find(|(_, twice)| *twice) {
            Some((what, _)) => Err(Fault::new(&TWICE, format!("{id}: {what}"))),
            None => Ok(()),
        }
    }

    /// Puts an attempt into the table and all indexes, and gives back the one that was there.
    fn put(&mut self, id: AttemptId, attempt: Option<Attempt>) -> Option<Attempt> {
        let before = self.attempts.remove(&id);
        if let Some(before) = &before {
            before.chip.as_ref().map(|chip| self.chips.remove(chip));
            before.blank.as_ref().map(|blank| self.used.remove(blank));
            before.sod.as_ref().map(|sod| self.sods.remove(sod));
            before.chip_key.as_ref().map(|key| self.chip_keys.remove(key));
            before.boxed.as_ref().map(|slot| self.slots.remove(slot));
            if before.is_live() {
                self.live.remove(&id.order);
            }
        }
        if let Some(attempt) = attempt {
            attempt.chip.clone().map(|chip| self.chips.insert(chip, id));
            attempt.blank.clone().map(|blank| self.used.insert(blank, id));
            attempt.sod.clone().map(|sod| self.sods.insert(sod, id));
            attempt.chip_key.clone().map(|key| self.chip_keys.insert(key, id));
            attempt.boxed.clone().map(|slot| self.slots.insert(slot, id));
            if attempt.is_live() {
                self.live.insert(id.order, id);
            }
            self.attempts.insert(id, attempt);
        }
        before
    }

    fn shift(&mut self, step: &Move, undo: &mut Vec<Undo>) -> Result<(), Fault> {
        let before = self.stock.clone();
        self.stock.apply(step)?;
        undo.push(Undo::Stock(before));
        Ok(())
    }

    fn open_box(&mut self, label: &BoxId, office: &OfficeCode, undo: &mut Vec<Undo>) -> Result<(), Fault> {
        if self.boxes.contains_key(label) {
            return Err(Fault::new(&TWICE, label.to_string()));
        }
        let state = BoxState {
            label: label.clone(),
            office: office.clone(),
            cards: 0,
            standing: BoxStanding::Open,
        };
        undo.push(Undo::Box(label.clone(), self.boxes.insert(label.clone(), state)));
        Ok(())
    }

    /// Boxes are filled in order: the next card's slot is the count plus one.
    fn put_in_box(&mut self, label: &BoxId, slot: u16, undo: &mut Vec<Undo>) -> Result<(), Fault> {
        let refused = || Fault::new(&TWICE, format!("box {label}, slot {slot}"));
        let state = self.boxes.get_mut(label).ok_or_else(refused)?;
        if state.standing != BoxStanding::Open || state.cards + 1 != u32::from(slot) {
            return Err(refused());
        }
        undo.push(Undo::Box(label.clone(), Some(state.clone())));
        state.cards += 1;
        Ok(())
    }

    fn move_box(
        &mut self,
        label: &BoxId,
        from: BoxStanding,
        to: BoxStanding,
        undo: &mut Vec<Undo>,
    ) -> Result<(), Fault> {
        let there = self.boxes.get_mut(label).filter(|state| state.standing == from);
        let state = there.ok_or_else(|| Fault::new(&TOO_LATE, format!("box {label} is not {from:?}")))?;
        undo.push(Undo::Box(label.clone(), Some(state.clone())));
        state.standing = to;
        Ok(())
    }

    fn take_back(&mut self, change: Undo) {
        match change {
            Undo::Attempt(id, attempt) => {
                self.put(id, attempt.map(|attempt| *attempt));
            }
            Undo::Part(place, part) => restore(&mut self.parts, place, part),
            Undo::Blank(chip) => {
                if let Some((blank, _)) = self.blanks.remove(&chip) {
                    self.blank_ids.remove(&blank);
                }
            }
            Undo::Stock(stock) => self.stock = stock,
            Undo::Box(label, state) => restore(&mut self.boxes, label, state),
            Undo::Lot(id, lot) => restore(&mut self.lots, id, lot),
            Undo::WrittenOff(blank) => {
                self.written_off.remove(&blank);
            }
        }
    }
}

fn by_lot<'a>(attempts: impl Iterator<Item = &'a Attempt>) -> Vec<Attempt> {
    let mut attempts: Vec<_> = attempts.cloned().collect();
    attempts.sort_by_key(|attempt| (attempt.lot, attempt.id));
    attempts
}

fn restore<K: Ord, V>(table: &mut BTreeMap<K, V>, key: K, value: Option<V>) {
    match value {
        Some(value) => table.insert(key, value),
        None => table.remove(&key),
    };
}
