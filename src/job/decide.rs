//! The one place that decides what follows a fault (law 6): no other layer retries anything.

use crate::base::{Blame, Fault};

use super::Step;
use super::fault::FEEDER_EMPTY;
use super::step::Class;

/// What becomes of the card.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Card {
    /// The same step again on the same card.
    Again,
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
        Step::Encode | Step::Verify if fault.code.safe_to_repeat && tries < TRIES_MAX => Card::Again,
        Step::Prove if tries < TRIES_MAX => Card::Again,
        Step::Deliver | Step::Box => Card::Quarantine,
        Step::Encode | Step::Seal | Step::Verify | Step::Print | Step::Prove => Card::Spoil,
    };
    Verdict { card, position }
}

/// What recovery does with a step whose outcome was not recorded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Doubt {
    /// Ask the device, then record done or undone.
    Probe,
    /// Do it again.
    Repeat,
    /// The card is waste.
    Spoil,
}

/// What recovery does with a step in doubt.
#[must_use]
pub fn in_doubt(step: Step) -> Doubt {
    match step.class() {
        Class::Probeable | Class::ProbeableIrreversible => Doubt::Probe,
        Class::Repeatable => Doubt::Repeat,
        Class::Ambiguous => Doubt::Spoil,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::fault;

    #[test]
    fn print_is_never_repeated_whatever_the_fault_says() {
        for code in fault::ALL {
            for tries in 0..3 {
                assert_eq!(
                    after(Step::Print, &Fault::new(code, ""), tries).card,
                    Card::Spoil,
                    "{}",
                    code.id
                );
            }
        }
        assert_eq!(in_doubt(Step::Print), Doubt::Spoil);
    }

    #[test]
    fn an_empty_feeder_harms_nobody() {
        let verdict = after(Step::Bind, &Fault::new(&FEEDER_EMPTY, ""), 1);
        assert_eq!(
            verdict,
            Verdict {
                card: Card::Wait,
                position: Position::GoOn
            }
        );
    }

    #[test]
    fn a_bug_stops_everything() {
        assert_eq!(
            after(Step::Encode, &Fault::new(&fault::ILLEGAL, ""), 1).position,
            Position::StopAll
        );
    }
}
