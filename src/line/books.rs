//! The books as the record itself tells them: everything folded from the first entry on, to be compared with what the
//! state tables, the token and the printers say.

mod meters;
mod record;
mod signatures;

use std::collections::{BTreeMap, BTreeSet};

use crate::audit::Balance;
use crate::base::Fault;
use crate::base::ids::{AttemptId, BlankId, BoxId, ChipId, LotId, PackId};
use crate::job::fault::ILLEGAL;
use crate::job::lot::Lot;
use crate::job::stock::{Stock, implied, told};
use crate::job::{Attempt, Event, Evidence, Fact, apply};
use crate::port::{BoxStanding, BoxState};

use super::fault::{RECORD_FORBIDDEN, unreadable};

pub use meters::{Meters, Reading};
pub use record::{Told, link, read};
pub use signatures::{Judgement, Signatures, Tally};

/// What came in with one pack.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PackIn {
    /// Kind of blank.
    pub blank_type: String,
    /// How many.
    pub blanks: u64,
}

/// Everything that the entries read so far amount to.
#[derive(Clone, Debug, Default)]
pub struct Books {
    size: u64,
    /// Attempts that were not set aside with [`Self::set_aside`].
    pub attempts: BTreeMap<AttemptId, Attempt>,
    /// How many attempts there are.
    pub planned: u64,
    /// Counts of blanks.
    pub stock: Stock,
    /// Blanks that were written off by name.
    pub written_off: BTreeSet<BlankId>,
    /// Packs that came in.
    pub packs: BTreeMap<PackId, PackIn>,
    /// All boxes.
    pub boxes: BTreeMap<BoxId, BoxState>,
    /// Lots that are not closed.
    pub lots: BTreeMap<LotId, Lot>,
    /// Printers' counters against print jobs.
    pub meters: Meters,
    /// Signatures asked for and got.
    pub signatures: Signatures,
}

/// What an entry brought that must be looked up elsewhere.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Brought {
    /// Nothing.
    Nothing,
    /// An attempt came to an end that the registry knows: nothing but the erasing of its keys will follow, as a rule.
    End(AttemptId),
    /// A supplier's list: each chip, with its blank and pack.
    Blanks(Vec<(ChipId, BlankId, PackId)>),
}

impl Books {
    /// Entries read so far.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Takes in what the next entry says.
    ///
    /// # Errors
    /// `LIN-010` if the rules forbid what it says; nothing of it is taken then, and nothing after it can be.
    pub fn take(&mut self, told: Told) -> Result<Brought, Fault> {
        let seq = told.seq;
        self.size = seq;
        self.fold(seq, told.fact)
            .map_err(|fault| Fault::new(&RECORD_FORBIDDEN, format!("record {seq}: {}", fault.detail)))
    }

    /// Lets go of an attempt that nothing more is expected of; [`Self::recall`] brings it back if something comes.
    pub fn set_aside(&mut self, attempt: AttemptId) {
        self.attempts.remove(&attempt);
    }

    /// Does this fact need an attempt that was set aside?
    #[must_use]
    pub fn misses(&self, fact: &Fact) -> Option<AttemptId> {
        match fact {
            Fact::Attempt { attempt, event } if !matches!(event, Event::Planned { .. }) => {
                (!self.attempts.contains_key(attempt)).then_some(*attempt)
            }
            _ => None,
        }
    }

    /// Brings back an attempt that was set aside, as it was.
    pub fn recall(&mut self, attempt: Attempt) {
        self.attempts.insert(attempt.id, attempt);
    }

    /// The count equation over everything that ever came in (law 7).
    #[must_use]
    pub fn balance(&self) -> Balance {
        let received = self.packs.iter().map(|(pack, came)| (pack.clone(), came.blanks));
        Balance::of(received, self.stock.rows())
    }

    fn fold(&mut self, seq: u64, fact: Fact) -> Result<Brought, Fault> {
        if let Some(step) = told(&fact) {
            self.stock.apply(&step)?;
        }
        match fact {
            Fact::Attempt { attempt, event } => return self.event(seq, attempt, &event),
            Fact::PackReceived {
                pack,
                blank_type,
                blanks,
                ..
            } => return self.receive(pack, blank_type, blanks),
            Fact::WrittenOff { blank, .. } => {
                if !self.written_off.insert(blank.clone()) {
                    return Err(Fault::new(
                        &ILLEGAL,
                        format!("blank {blank} was written off before"),
                    ));
                }
            }
            Fact::LotClaimed { lot } => {
                self.lots.insert(lot.id, lot);
            }
            Fact::LotClosed { lot } => {
                self.lots.remove(&lot);
            }
            Fact::BoxOpened { label, office } => {
                let state = BoxState {
                    label: label.clone(),
                    office,
                    cards: 0,
                    standing: BoxStanding::Open,
                };
                if self.boxes.insert(label.clone(), state).is_some() {
                    return Err(Fault::new(&ILLEGAL, format!("box {label} was opened before")));
                }
            }
            Fact::BoxSealed { label, .. } => {
                self.move_box(&label, BoxStanding::Open, BoxStanding::Sealed)?;
            }
            Fact::BoxDispatched { label, .. } => {
                self.move_box(&label, BoxStanding::Sealed, BoxStanding::Dispatched)?;
            }
            Fact::BoxLost { label, .. } => {
                self.move_box(&label, BoxStanding::Dispatched, BoxStanding::Lost)?;
            }
            Fact::Counters { machine, panels, .. } => self.meters.read(seq, &machine, panels),
            Fact::PositionResumed { machine, .. } => self.meters.explain(&machine),
            Fact::SignatureCount { label, count, tests } => self.signatures.read(seq, &label, count, tests),
            Fact::OrderErased { order, .. } => {
                let number = |number| AttemptId { order, number };
                let needed = |attempt: &Attempt| !attempt.is_over() || attempt.must_be_reported();
                let mut tries = self.attempts.range(number(0)..=number(u16::MAX));
                if let Some((id, _)) = tries.find(|(_, attempt)| needed(attempt)) {
                    return Err(Fault::new(&ILLEGAL, format!("{id} needs the data of its order")));
                }
            }
            Fact::Stock { .. }
            | Fact::Opened { .. }
            | Fact::Started { .. }
            | Fact::Stopped
            | Fact::Counted { .. }
            | Fact::Stranger { .. }
            | Fact::PositionStopped { .. }
            | Fact::OrderChanged { .. }
            | Fact::ControllerLost { .. }
            | Fact::Epoch { .. }
            | Fact::Key { .. }
            | Fact::Signer { .. }
            | Fact::Clock { .. }
            | Fact::Checkpoint { .. } => {}
        }
        Ok(Brought::Nothing)
    }

    fn event(&mut self, seq: u64, id: AttemptId, event: &Event) -> Result<Brought, Fault> {
        let before = self.attempts.get(&id);
        let after = apply(before, id, event).map_err(|illegal| Fault::new(&ILLEGAL, illegal.to_string()))?;
        let step = implied(before, &after);
        let newly_boxed = before.is_none_or(|before| before.boxed.is_none());
        if let Some(step) = step {
            self.stock.apply(&step)?;
        }
        if let (Some((label, slot)), true) = (&after.boxed, newly_boxed) {
            self.put_in_box(label, *slot)?;
        }
        match event {
            Event::Planned { .. } => self.planned += 1,
            Event::Intended {
                step: crate::job::Step::Print,
                machine,
                ..
            } => self.meters.ask(machine),
            Event::Done {
                evidence:
                    Evidence::Print {
                        panels_before,
                        panels_after,
                    },
            } => self.meters.printed(
                seq,
                &after.machine,
                u64::from(*panels_before),
                u64::from(*panels_after),
            ),
            Event::Done {
                evidence: Evidence::Bind { blank, .. },
            } if self.written_off.contains(blank) => {
                return Err(Fault::new(
                    &ILLEGAL,
                    format!("{id} has a blank that was written off"),
                ));
            }
            Event::SignIntended { signer, .. } => self.signatures.ask(id, signer),
            Event::Signed { .. } => self.signatures.got(id),
            Event::Withdrawn { .. } => self.signatures.forget(id),
            _ => {}
        }
        let ended = after.is_over() && !after.must_be_reported();
        self.attempts.insert(id, after);
        Ok(if ended { Brought::End(id) } else { Brought::Nothing })
    }

    fn receive(
        &mut self,
        pack: PackId,
        blank_type: String,
        blanks: Vec<crate::job::fact::Blank>,
    ) -> Result<Brought, Fault> {
        let count = u64::try_from(blanks.len()).map_err(|_| unreadable("pack size"))?;
        let came = self.packs.entry(pack.clone()).or_default();
        came.blank_type = blank_type;
        came.blanks += count;
        let listed = blanks
            .into_iter()
            .map(|blank| (blank.chip, blank.blank, pack.clone()))
            .collect();
        Ok(Brought::Blanks(listed))
    }

    fn put_in_box(&mut self, label: &BoxId, slot: u16) -> Result<(), Fault> {
        match self.boxes.get_mut(label) {
            Some(state)
                if state.standing == BoxStanding::Open
                    && state.cards.checked_add(1) == Some(u32::from(slot)) =>
            {
                state.cards += 1;
                Ok(())
            }
            _ => Err(Fault::new(&ILLEGAL, format!("box {label} has no place {slot}"))),
        }
    }

    fn move_box(&mut self, label: &BoxId, from: BoxStanding, to: BoxStanding) -> Result<(), Fault> {
        match self.boxes.get_mut(label) {
            Some(state) if state.standing == from => {
                state.standing = to;
                Ok(())
            }
            _ => Err(Fault::new(&ILLEGAL, format!("box {label} is not {from:?}"))),
        }
    }
}
