//! The one place that decides what follows a fault, and what becomes of a step in doubt (law 6): no other layer retries
//! anything.

use crate::base::ids::{BlankId, ChipId, PackId};
use crate::base::{Blame, Fault};

use super::fault::{FEEDER_EMPTY, PRINT_IN_DOUBT, STEP_IN_DOUBT, WRONG_CHIP};
use super::{Aim, Attempt, Event, Evidence, Output, Phase, Step};

/// What becomes of the card.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Card {
    /// The same step again on the same card.
    Again,
    /// It cannot be undone and may have happened: the card is asked before anything else is done.
    Ask,
    /// This blank is defective and the attempt takes another.
    NextBlank,
    /// Nothing happened; wait for a person.
    Wait,
    /// The card is waste.
    Spoil,
    /// Its true state is unknown.
    Quarantine,
}

/// What becomes of the position.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Position {
    /// Next card.
    GoOn,
    /// Stop until a person has looked.
    Stop,
    /// Stop, and stop all claiming.
    StopAll,
}

/// What follows a fault.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Verdict {
    /// The card.
    pub card: Card,
    /// The position.
    pub position: Position,
}

/// Times a harmless step may be tried on one card.
const TRIES_MAX: u8 = 2;

/// What follows a fault at a step that has now been tried `tries` times on this card.
#[must_use]
pub fn after(step: Step, fault: &Fault, tries: u8) -> Verdict {
    let position = match fault.blame() {
        Blame::Bug => Position::StopAll,
        Blame::Device | Blame::Key => Position::Stop,
        Blame::Dossier | Blame::Card | Blame::Registry | Blame::Operator => Position::GoOn,
    };
    let card = match step {
        Step::Bind if *fault.code == FEEDER_EMPTY => Card::Wait,
        Step::Bind if matches!(fault.blame(), Blame::Card | Blame::Operator) => Card::NextBlank,
        // The printer did not say where the blank is: it is looked for, not guessed.
        Step::Bind => Card::Quarantine,
        // Whose card is it? Both are put aside.
        Step::Encode | Step::Seal | Step::Verify if *fault.code == WRONG_CHIP => Card::Quarantine,
        // A device that failed leaves the step in doubt, and what is repeatable in doubt is repeated, on the same chip
        // and in a new session; the position stands all the same.
        Step::Encode | Step::Verify
            if (fault.code.safe_to_repeat || fault.blame() == Blame::Device) && tries < TRIES_MAX =>
        {
            Card::Again
        }
        // Reading harms no card: a reader that failed once is asked once more before a person is.
        Step::Prove if fault.blame() == Blame::Device && tries < TRIES_MAX => Card::Again,
        Step::Prove if fault.blame() != Blame::Card => Card::Quarantine,
        // It is still inside: it leaves by the other output.
        Step::Deliver if fault.blame() == Blame::Registry => Card::Spoil,
        Step::Seal if (fault.code.safe_to_repeat || fault.blame() == Blame::Device) && tries < TRIES_MAX => {
            Card::Ask
        }
        Step::Deliver | Step::Box => Card::Quarantine,
        Step::Encode | Step::Seal | Step::Verify | Step::Print | Step::Prove => Card::Spoil,
    };
    Verdict { card, position }
}

/// Is this fault waited for, when the HSM was asked? It did not answer, or nobody knows what time it is: the same may
/// be asked again, and nothing has happened to any card, so positions wait rather than spoil one.
#[must_use]
pub fn is_waited_for(fault: &Fault) -> bool {
    fault.blame() == Blame::Key && fault.code.safe_to_repeat
}

/// What the devices have said about the card of an attempt, as far as they were asked.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Seen {
    /// Is a card in the machine's path?
    pub inside: Option<bool>,
    /// Which chip is at the position?
    pub chip: Option<SeenChip>,
    /// Is it sealed?
    pub sealed: Option<bool>,
}

/// The chip at a position, as the books know it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SeenChip {
    /// The one that was bound to the attempt.
    Bound,
    /// A new one on a supplier's list that no attempt was ever bound to.
    Unused {
        /// What it says of itself.
        chip: ChipId,
        /// The blank it sits in.
        blank: BlankId,
        /// The blank's pack.
        pack: PackId,
    },
    /// Any other.
    Other(ChipId),
}

/// A question to a device.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Question {
    /// [`Seen::inside`].
    Path,
    /// [`Seen::chip`].
    Chip,
    /// [`Seen::sealed`].
    Seal,
}

/// What recovery does with the card of an attempt that a machine was working on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Doubt {
    /// Ask this first, and then again.
    Ask(Question),
    /// This is what happened; the machine goes on from there.
    Settled(Event),
    /// Nothing is in doubt, or the step may be repeated: the machine goes on as the phase says.
    GoOn,
    /// The machine cannot say: a person takes the card out and taps it.
    Person(Fault),
}

/// What recovery does with an attempt that a machine was working on when its controller ended, by what the machine's
/// devices have said so far. Every question is asked once at most.
///
/// | step under way | no card in the path | a card in the path |
/// |---|---|---|
/// | bind | it was not fed | its chip names it: unused, it is bound; else a person |
/// | encode, verify | a person | the bound chip: again; another: a person |
/// | seal | a person | the bound chip says whether it is sealed; another: a person |
/// | print | a person | never twice: it leaves by the reject output |
/// | deliver | it went where it was to go | not yet: again to the good output, or else it failed |
#[must_use]
pub fn in_doubt(attempt: &Attempt, seen: &Seen) -> Doubt {
    let step = match attempt.phase {
        Phase::Did(step) if step < Step::Deliver => step,
        Phase::Doing(step) | Phase::Failed(step) if step <= Step::Deliver => step,
        _ => return Doubt::GoOn,
    };
    let Some(inside) = seen.inside else {
        return Doubt::Ask(Question::Path);
    };
    match (attempt.phase, inside) {
        (Phase::Doing(Step::Bind), false) => undone(step, "no card in the path"),
        (Phase::Doing(Step::Deliver), false) => match &attempt.aim {
            Some(Aim::Output(output)) => Doubt::Settled(Event::Done {
                evidence: Evidence::Deliver { output: *output },
            }),
            _ => Doubt::Person(Fault::new(&STEP_IN_DOUBT, "to which output?")),
        },
        (_, false) => Doubt::Person(Fault::new(&STEP_IN_DOUBT, "the card is not in the machine")),
        (Phase::Doing(Step::Print), true) => failed(step, PRINT_IN_DOUBT.id),
        (Phase::Doing(Step::Deliver), true) if attempt.aim == Some(Aim::Output(Output::Reject)) => {
            failed(step, attempt.code.as_deref().unwrap_or(STEP_IN_DOUBT.id))
        }
        (Phase::Doing(Step::Deliver), true) => undone(step, "the card is still inside"),
        // Its chip is out of reach, or of no more interest.
        (Phase::Did(Step::Print) | Phase::Failed(_), true) => Doubt::GoOn,
        (phase, true) => match &seen.chip {
            None => Doubt::Ask(Question::Chip),
            Some(chip) => named(attempt, phase, chip, seen.sealed),
        },
    }
}

/// The chip at the position has named itself.
fn named(attempt: &Attempt, phase: Phase, chip: &SeenChip, sealed: Option<bool>) -> Doubt {
    match (phase, chip, sealed) {
        (Phase::Doing(Step::Bind), SeenChip::Unused { chip, blank, pack }, _) => {
            Doubt::Settled(Event::Done {
                evidence: Evidence::Bind {
                    chip: chip.clone(),
                    blank: blank.clone(),
                    pack: pack.clone(),
                },
            })
        }
        (_, SeenChip::Other(chip) | SeenChip::Unused { chip, .. }, _) => {
            Doubt::Person(Fault::new(&WRONG_CHIP, chip.to_string()))
        }
        (Phase::Doing(Step::Bind), SeenChip::Bound, _) => Doubt::Person(Fault::new(
            &WRONG_CHIP,
            format!("{} has a chip already", attempt.id),
        )),
        (Phase::Doing(Step::Seal), SeenChip::Bound, None) => Doubt::Ask(Question::Seal),
        (Phase::Doing(Step::Seal), SeenChip::Bound, Some(true)) => Doubt::Settled(Event::Done {
            evidence: Evidence::Seal,
        }),
        (Phase::Doing(Step::Seal), SeenChip::Bound, Some(false)) => {
            undone(Step::Seal, "the chip is still open")
        }
        (_, SeenChip::Bound, _) => Doubt::GoOn,
    }
}

fn undone(step: Step, because: &str) -> Doubt {
    Doubt::Settled(Event::Undone {
        step,
        because: because.to_owned(),
    })
}

fn failed(step: Step, code: &str) -> Doubt {
    Doubt::Settled(Event::Failed {
        step,
        code: code.to_owned(),
        detail: String::new(),
    })
}

#[cfg(test)]
mod tests;
