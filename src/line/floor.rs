//! The floor between the machines and the desks: trays that wait, offices being packed, packs at hand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::base::ids::{LotId, MachineId, OfficeCode, PackId};
use crate::base::{Fault, Place};
use crate::job::Fact;
use crate::job::lot::Lot;
use crate::job::stock::Move;

use super::Line;
use super::blanks;
use super::tap::Waiting;

#[derive(Debug, Default)]
struct State {
    /// Lots that machines are at, by office and machine.
    under_way: BTreeMap<LotId, (OfficeCode, MachineId)>,
    trays: BTreeMap<LotId, Lot>,
    packing: BTreeSet<OfficeCode>,
    promised: BTreeSet<PackId>,
    /// Every desk, whether it is free, and who waits for a tap there.
    desks: BTreeMap<MachineId, DeskState>,
}

#[derive(Debug, Default)]
struct DeskState {
    free: bool,
    tap: Option<Waiting>,
}

/// Shared by all machines and desks.
#[derive(Debug, Default)]
pub struct Floor {
    state: Mutex<State>,
    bell: Notify,
    settling: Notify,
}

/// An office that one desk packs; free again when dropped.
#[derive(Debug)]
pub struct Packing<'a> {
    floor: &'a Floor,
    /// The lot in the tray.
    pub lot: Lot,
}

impl Drop for Packing<'_> {
    fn drop(&mut self) {
        self.floor.state().packing.remove(&self.lot.office);
        self.floor.bell.notify_waiters();
    }
}

/// An office whose boxes somebody handles by hand: no desk packs for it meanwhile. Free again when dropped.
#[derive(Debug)]
pub struct Held<'a> {
    floor: &'a Floor,
    office: OfficeCode,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.floor.state().packing.remove(&self.office);
        self.floor.bell.notify_waiters();
    }
}

impl Floor {
    /// Keeps desks from packing for an office, unless one is at it.
    pub fn hold(&self, office: &OfficeCode) -> Option<Held<'_>> {
        self.state().packing.insert(office.clone()).then(|| Held {
            floor: self,
            office: office.clone(),
        })
    }

    /// A machine is given a lot, whose tray comes later.
    pub(super) fn expect_tray(&self, lot: LotId, office: OfficeCode, machine: MachineId) {
        self.state().under_way.insert(lot, (office, machine));
    }

    /// A tray is ready for a desk: [`super::Line::tray`] says for whom.
    pub(super) fn tray(&self, lot: Lot) {
        let mut state = self.state();
        state.under_way.remove(&lot.id);
        state.trays.insert(lot.id, lot);
        drop(state);
        self.bell.notify_waiters();
    }

    /// Takes the oldest tray whose office no other desk is packing: one office's box has one desk at a time, so that
    /// its cards stay in order. A tray waits for the lots before it, unless their machines stand.
    pub fn take_tray(&self, stands: impl Fn(&MachineId) -> bool) -> Option<Packing<'_>> {
        let mut state = self.state();
        let mut taken = state.packing.clone();
        let mut lots = state.under_way.iter().peekable();
        let mut next = None;
        for (id, tray) in &state.trays {
            while let Some((_, (office, machine))) = lots.next_if(|(before, _)| *before < id) {
                if !stands(machine) {
                    taken.insert(office.clone());
                }
            }
            if !taken.contains(&tray.office) {
                next = Some(*id);
                break;
            }
        }
        let lot = state.trays.remove(&next?)?;
        state.packing.insert(lot.office.clone());
        drop(state);
        Some(Packing { floor: self, lot })
    }

    /// Trays waiting or being packed.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        let state = self.state();
        state.trays.is_empty() && state.packing.is_empty()
    }

    /// A desk is there, and is free for a tap or is not.
    pub(super) fn set_free(&self, desk: &MachineId, free: bool) {
        self.state().desks.entry(desk.clone()).or_default().free = free;
    }

    /// Waits for a tap at a desk: nothing if there is no such desk, false if it is not free.
    pub(super) fn wait_for_tap(&self, desk: &MachineId, waiting: Waiting) -> Option<bool> {
        let mut state = self.state();
        let desk = state.desks.get_mut(desk)?;
        // Whoever waited before and gave up has closed the other end.
        let taken = desk.tap.as_ref().is_some_and(|tap| !tap.is_closed());
        let free = desk.free && !taken;
        if free {
            desk.tap = Some(waiting);
            drop(state);
            self.bell.notify_waiters();
        }
        Some(free)
    }

    /// Who waits for a tap at this desk.
    pub(super) fn next_tap(&self, desk: &MachineId) -> Option<Waiting> {
        self.state().desks.get_mut(desk)?.tap.take()
    }

    /// Wakes desks.
    pub fn ring(&self) {
        self.bell.notify_waiters();
    }

    /// Returns when something changed on the floor.
    pub async fn rung(&self) {
        self.bell.notified().await;
    }

    /// An attempt is over: there is something to report.
    pub fn settle(&self) {
        self.settling.notify_one();
    }

    /// Returns when there may be something to report.
    pub async fn settled(&self) {
        self.settling.notified().await;
    }

    /// A pack that was issued to the floor and that no other machine was promised.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn take_pack(&self, line: &Line) -> Result<Option<(PackId, u32)>, Fault> {
        loop {
            let limit = u32::try_from(self.state().promised.len()).unwrap_or(u32::MAX);
            let limit = limit.saturating_add(1);
            let stock = line.ports.ledger.stock_in(&Place::Issued, limit).await?;
            let mut state = self.state();
            let free = stock.rows().find(|(pack, ..)| !state.promised.contains(*pack));
            if let Some((pack, _, count)) = free {
                state.promised.insert(pack.clone());
                return Ok(Some((pack.clone(), count)));
            }
            // Another machine was promised the last of these meanwhile, and there may be more.
            if stock.rows().count() < limit as usize {
                return Ok(None);
            }
        }
    }

    /// The blanks in a machine's feeder, by the books.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn blanks_in(&self, line: &Line, machine: &MachineId) -> Result<u64, Fault> {
        let feeder = Place::Feeder(machine.clone());
        let stock = line.ports.ledger.stock_in(&feeder, u32::MAX).await?;
        Ok(stock.rows().map(|(_, _, count)| u64::from(count)).sum())
    }

    /// Promises a pack to one machine; false if it is promised already.
    pub fn promise(&self, pack: &PackId) -> bool {
        self.state().promised.insert(pack.clone())
    }

    /// The promise is kept, or comes to nothing.
    pub fn release(&self, pack: &PackId) {
        self.state().promised.remove(pack);
    }

    /// The pack in a machine's feeder.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn pack_in(&self, line: &Line, machine: &MachineId) -> Result<Option<PackId>, Fault> {
        let feeder = Place::Feeder(machine.clone());
        let stock = line.ports.ledger.stock_in(&feeder, 1).await?;
        Ok(stock.rows().map(|(pack, ..)| pack.clone()).next())
    }

    /// What must be recorded before a blank of this pack counts as come out of this machine's feeder. The books may
    /// have the pack elsewhere: a person loaded it unasked, or into the neighbour's feeder, or a crash came between the
    /// loading and its record. The chip has named the blank, so the books follow.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn came_from(
        &self,
        line: &Line,
        machine: &MachineId,
        pack: &PackId,
    ) -> Result<Option<Fact>, Fault> {
        let stock = line.ports.ledger.stock_of(pack).await?;
        let feeder = Place::Feeder(machine.clone());
        if stock.count(pack, &feeder) > 0 {
            return Ok(None);
        }
        let issued = stock.count(pack, &Place::Issued);
        let elsewhere = stock
            .rows()
            .find(|(_, place, _)| matches!(place, Place::Feeder(_)));
        let (from, count) = match elsewhere {
            _ if issued > 0 => (Place::Issued, issued),
            Some((_, other, _)) => (other.clone(), 1),
            // By the books the pack is used up, and here is one more: it must be one that was written off without a
            // name. If there is none such, the append is refused, and a person counts.
            None if blanks::unnamed(line, pack).await? > 0 => {
                return blanks::fed_again(line, pack, Some(feeder), 1, Vec::new()).await;
            }
            None => return Ok(None),
        };
        let step = Move {
            pack: pack.clone(),
            from: Some(from),
            to: feeder,
            count,
            by: Vec::new(),
            reason: "came out of this feeder".to_owned(),
        };
        Ok(Some(Fact::Stock { step }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
