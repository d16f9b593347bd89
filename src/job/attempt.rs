//! The state of an attempt and the one pure total function that moves it.
//!
//! The running machine, recovery and the audit tool all use [`apply`], so an illegal transition is caught in all three.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::base::Place;
use crate::base::ids::{AttemptId, BlankId, BoxId, ChipId, LotId, MachineId, PackId, PersonId, SodHash};

use super::event::{Aim, Event, Evidence, Output};
use super::step::{Class, Step, StepSet};

/// Where an attempt stands.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It exists; its bundle may be in the making.
    Planned,
    /// The HSM has been asked, or is about to be.
    Signing,
    /// Signed, waiting for a blank.
    Ready,
    /// The step is intended and its outcome is not recorded: in doubt after a crash.
    Doing(Step),
    /// The step is done, nothing is under way.
    Did(Step),
    /// The step failed; what becomes of the card is not recorded yet.
    Failed(Step),
    /// Waste.
    Spoiled,
    /// Unknown; a person looks for it.
    Quarantined,
    /// Declared not found by two people.
    NotFound,
    /// Called back before a blank was touched.
    Withdrawn,
}

/// One physical try at an order, folded from its events.
///
/// As text, a member that is not known is an error: one whose name has changed would go unread.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    /// Which.
    pub id: AttemptId,
    /// Its lot.
    pub lot: LotId,
    /// The machine that makes it.
    pub machine: MachineId,
    /// The attempt it replaces.
    pub replaces: Option<AttemptId>,
    /// Where it stands.
    pub phase: Phase,
    /// Steps that are done.
    pub done: StepSet,
    /// What exactly the step under way is to bring about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aim: Option<Aim>,
    /// The digest that was or will be signed.
    pub digest: Option<String>,
    /// SHA-256 of the chip's own public key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chip_key: Option<String>,
    /// The signed object.
    pub sod: Option<SodHash>,
    /// The chip, once bound.
    pub chip: Option<ChipId>,
    /// The blank, once bound.
    pub blank: Option<BlankId>,
    /// The blank's pack, once bound.
    pub pack: Option<PackId>,
    /// Where the card lies, once bound.
    pub place: Option<Place>,
    /// The box and the place in it, once boxed.
    pub boxed: Option<(BoxId, u16)>,
    /// Why it failed, was spoiled, quarantined or withdrawn.
    pub code: Option<String>,
    /// Times that writing or sealing the chip was intended since either last succeeded. Each may have been an
    /// authentication that the chip counts as failed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unproven: u8,
    /// The chip's private keys are gone from the bundle.
    pub keys_erased: bool,
    /// The registry knows what became of the card, or that nobody knows it.
    pub reported: bool,
}

/// An event that cannot happen in this state: a bug, or a bent ledger.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{event} is not possible for attempt {attempt} in phase {phase:?}: {why}")]
pub struct IllegalTransition {
    /// The attempt.
    pub attempt: AttemptId,
    /// Its phase, if it exists.
    pub phase: Option<Phase>,
    /// The event's name.
    pub event: &'static str,
    /// The rule that forbids it.
    pub why: &'static str,
}

impl Attempt {
    /// No event but `Reported` and `KeysErased` will follow.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(
            self.phase,
            Phase::Did(Step::Box) | Phase::Spoiled | Phase::NotFound | Phase::Withdrawn
        )
    }

    /// Its card lies in a machine's path, or may: somewhere between the feeder and an output.
    #[must_use]
    pub fn is_in_machine(&self) -> bool {
        match self.phase {
            Phase::Doing(step) | Phase::Failed(step) => step <= Step::Deliver,
            Phase::Did(step) => step < Step::Deliver,
            _ => false,
        }
    }

    /// It is boxed: the one good card of its order.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.phase == Phase::Did(Step::Box)
    }

    /// It blocks another attempt at the order (law 2): everything but waste, not found and called back.
    #[must_use]
    pub fn is_live(&self) -> bool {
        !matches!(self.phase, Phase::Spoiled | Phase::NotFound | Phase::Withdrawn)
    }

    /// It lay in a box as the order's good card, and does so no more.
    #[must_use]
    pub fn is_revoked(&self) -> bool {
        self.boxed.is_some() && matches!(self.phase, Phase::Spoiled | Phase::NotFound)
    }

    /// The registry must still be told of its end, and until then nothing follows: no remake, no farewell. Or it must
    /// be told that this chip is out of sight.
    #[must_use]
    pub fn must_be_reported(&self) -> bool {
        self.concerns_the_registry() && !self.reported
    }

    fn concerns_the_registry(&self) -> bool {
        match self.phase {
            Phase::Quarantined => self.chip.is_some(),
            Phase::Withdrawn => false,
            _ => self.is_over(),
        }
    }
}

/// The state after an event, or why the event cannot be.
///
/// # Errors
/// [`IllegalTransition`] names the rule.
pub fn apply(state: Option<&Attempt>, id: AttemptId, event: &Event) -> Result<Attempt, IllegalTransition> {
    let illegal = |why| IllegalTransition {
        attempt: id,
        phase: state.map(|state| state.phase),
        event: event.name(),
        why,
    };
    let Some(state) = state else {
        return match event {
            Event::Planned {
                lot,
                machine,
                replaces,
            } => Ok(planned(id, *lot, machine.clone(), *replaces)),
            _ => Err(illegal("the attempt does not exist")),
        };
    };
    let mut next = state.clone();
    match event {
        Event::Planned { .. } => return Err(illegal("the attempt exists")),
        Event::SignIntended { digest, chip_key, .. } => {
            match (state.phase, &state.digest) {
                (Phase::Planned, None) => {}
                // Asking again for the same digest gives nobody a second document (law 4).
                (Phase::Signing, Some(known)) if known == digest => {}
                (Phase::Signing, _) => return Err(illegal("a different digest for the same attempt")),
                _ => return Err(illegal("it was signed before")),
            }
            next.digest = Some(digest.clone());
            next.chip_key.clone_from(chip_key);
            next.phase = Phase::Signing;
        }
        Event::Signed { sod, .. } => {
            if state.phase != Phase::Signing {
                return Err(illegal("no signature was intended"));
            }
            next.sod = Some(sod.clone());
            next.phase = Phase::Ready;
        }
        Event::Intended { step, machine, aim } => {
            intend(state, *step).map_err(illegal)?;
            next.phase = Phase::Doing(*step);
            next.aim = aim.clone();
            if matches!(step, Step::Encode | Step::Seal) {
                next.unproven = next.unproven.saturating_add(1);
            }
            if *step == Step::Bind {
                next.place = Some(Place::Machine(machine.clone()));
            }
        }
        Event::Done { evidence } => {
            if state.phase != Phase::Doing(evidence.step()) {
                return Err(illegal("the step was not intended"));
            }
            finish(&mut next, state, evidence).map_err(illegal)?;
        }
        Event::Undone { step, .. } => {
            if state.phase != Phase::Doing(*step) {
                return Err(illegal("the step was not intended"));
            }
            if matches!(step.class(), Class::Ambiguous) {
                return Err(illegal("nobody can prove that nothing was printed"));
            }
            next.phase = before(state, *step);
            if *step == Step::Bind {
                next.place = None;
            }
        }
        Event::Failed { step, code, .. } => {
            if state.phase != Phase::Doing(*step) {
                return Err(illegal("the step was not intended"));
            }
            next.phase = Phase::Failed(*step);
            next.code = Some(code.clone());
        }
        Event::Spoiled { code, .. } => {
            if state.chip.is_none() || !state.is_live() || (state.is_good() && state.reported) {
                return Err(illegal(
                    "only a bound card that the registry does not count as good can be spoiled",
                ));
            }
            next.phase = Phase::Spoiled;
            next.place = Some(Place::Spoiled);
            next.code = Some(code.clone());
            next.reported = false;
        }
        Event::Quarantined { code } => {
            let touched = state.chip.is_some()
                || matches!(state.phase, Phase::Doing(Step::Bind) | Phase::Failed(Step::Bind));
            if !touched || !state.is_live() || state.is_good() {
                return Err(illegal(
                    "only a card that is somewhere in the hall can be quarantined",
                ));
            }
            next.phase = Phase::Quarantined;
            next.place = Some(Place::Quarantined);
            next.code = Some(code.clone());
            next.reported = false;
        }
        Event::NotFound { by } => {
            if state.phase != Phase::Quarantined || !two_people(by) {
                return Err(illegal("two people declare a quarantined card not found"));
            }
            next.phase = Phase::NotFound;
            next.place = Some(Place::NotFound);
            next.reported = false;
        }
        Event::Found { by } => {
            if state.phase != Phase::Quarantined || by.is_empty() {
                return Err(illegal("a person taps a quarantined card"));
            }
            if !(state.done.has(Step::Verify) && state.done.has(Step::Print)) {
                return Err(illegal(
                    "a card that was not verified and printed can only be spoiled",
                ));
            }
            // It was out of sight: whatever was proven of it before is proven again (law 5).
            next.done = next.done.without(Step::Prove).with(Step::Deliver);
            next.phase = Phase::Did(Step::Deliver);
            next.place = Some(Place::Hopper(state.machine.clone()));
            next.reported = false;
        }
        Event::Revoked { code, lost, by } => {
            if !state.is_good() {
                return Err(illegal("only an order's good card can be revoked"));
            }
            if *lost && !two_people(by) {
                return Err(illegal("two people declare a box lost"));
            }
            (next.phase, next.place) = if *lost {
                (Phase::NotFound, Some(Place::NotFound))
            } else {
                (Phase::Spoiled, Some(Place::Spoiled))
            };
            next.code = Some(code.clone());
            next.reported = false;
        }
        Event::Withdrawn { code } => {
            if !matches!(state.phase, Phase::Planned | Phase::Signing | Phase::Ready) {
                return Err(illegal("a blank may have been touched"));
            }
            next.phase = Phase::Withdrawn;
            next.code = Some(code.clone());
        }
        Event::KeysErased => {
            if !(state.done.has(Step::Verify) || state.is_over()) {
                return Err(illegal("the keys are not proven on the chip yet"));
            }
            next.keys_erased = true;
        }
        Event::Reported => {
            if !state.concerns_the_registry() {
                return Err(illegal("there is nothing to report"));
            }
            next.reported = true;
        }
    }
    Ok(next)
}

fn planned(id: AttemptId, lot: LotId, machine: MachineId, replaces: Option<AttemptId>) -> Attempt {
    Attempt {
        id,
        lot,
        machine,
        replaces,
        phase: Phase::Planned,
        done: StepSet::default(),
        aim: None,
        digest: None,
        chip_key: None,
        sod: None,
        chip: None,
        blank: None,
        pack: None,
        place: None,
        boxed: None,
        code: None,
        unproven: 0,
        keys_erased: false,
        reported: false,
    }
}

/// May this step be intended now?
fn intend(state: &Attempt, step: Step) -> Result<(), &'static str> {
    if let Phase::Failed(failed) = state.phase {
        // A failed card leaves by the reject output, or tries a harmless step again.
        return match step {
            Step::Deliver if state.chip.is_some() => Ok(()),
            _ if step == failed && step.class() == Class::Repeatable => Ok(()),
            _ => Err("the step before it failed"),
        };
    }
    if state.phase == Phase::Doing(step) {
        let again = step.class() == Class::Repeatable;
        return if again {
            Ok(())
        } else {
            Err("it is in doubt and must be settled first")
        };
    }
    if !matches!(state.phase, Phase::Ready | Phase::Did(_)) {
        return Err("it is not ready for a step");
    }
    if state.done.has(step) {
        return Err("it was done before");
    }
    if step == Step::Bind && state.phase != Phase::Ready {
        return Err("only a signed attempt is bound");
    }
    if !step.requires().iter().all(|needed| state.done.has(*needed)) {
        return Err("a step that must come first is not done");
    }
    Ok(())
}

fn finish(next: &mut Attempt, state: &Attempt, evidence: &Evidence) -> Result<(), &'static str> {
    let step = evidence.step();
    next.done = state.done.with(step);
    next.phase = Phase::Did(step);
    next.aim = None;
    match evidence {
        Evidence::Bind { chip, blank, pack } => {
            next.chip = Some(chip.clone());
            next.blank = Some(blank.clone());
            next.pack = Some(pack.clone());
        }
        Evidence::Deliver { output: Output::Good } => {
            if !step.requires().iter().all(|needed| state.done.has(*needed)) {
                return Err("an unfinished card in the good output");
            }
            next.place = Some(Place::Hopper(state.machine.clone()));
        }
        Evidence::Deliver {
            output: Output::Reject,
        } => {
            next.phase = Phase::Spoiled;
            next.place = Some(Place::Spoiled);
        }
        Evidence::Box { label, slot } => {
            next.boxed = Some((label.clone(), *slot));
            next.place = Some(Place::Boxed);
        }
        Evidence::Encode { .. } | Evidence::Seal => next.unproven = 0,
        Evidence::Verify { .. } | Evidence::Print { .. } | Evidence::Prove { .. } => {}
    }
    Ok(())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_zero(count: &u8) -> bool {
    *count == 0
}

/// Are these at least two different people?
fn two_people(by: &[PersonId]) -> bool {
    by.iter().any(|person| Some(person) != by.first())
}

/// The phase as it was before a step that turned out not to have happened.
fn before(state: &Attempt, step: Step) -> Phase {
    Step::ALL
        .into_iter()
        .rev()
        .find(|earlier| *earlier != step && state.done.has(*earlier))
        .map_or(Phase::Ready, Phase::Did)
}

#[cfg(test)]
#[path = "attempt_tests.rs"]
mod tests;
