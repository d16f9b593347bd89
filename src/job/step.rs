//! The steps that touch plastic, and what is known of each after a crash.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One step of a card through the hall.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Feed a blank, read its chip identity, tie it to the attempt.
    Bind,
    /// Write files and keys.
    Encode,
    /// Lock the chip: its life cycle becomes operational.
    Seal,
    /// Read the chip back as a border would.
    Verify,
    /// Ink on plastic.
    Print,
    /// To the good or the reject output.
    Deliver,
    /// At a desk: read the face, open the chip with it.
    Prove,
    /// Into its box, in order.
    Box,
}

/// What can be known of a step whose outcome was not recorded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Class {
    /// The device can be asked whether it happened.
    Probeable,
    /// Doing it again does no harm.
    Repeatable,
    /// The device can be asked, and what happened cannot be undone.
    ProbeableIrreversible,
    /// Nobody can tell: the card is spoiled.
    Ambiguous,
}

impl Step {
    /// All steps, in the order of the simplest machine.
    pub const ALL: [Self; 8] = [
        Self::Bind,
        Self::Encode,
        Self::Seal,
        Self::Verify,
        Self::Print,
        Self::Deliver,
        Self::Prove,
        Self::Box,
    ];

    /// What can be known after a crash.
    #[must_use]
    pub fn class(self) -> Class {
        match self {
            Self::Bind | Self::Deliver | Self::Box => Class::Probeable,
            Self::Encode | Self::Verify | Self::Prove => Class::Repeatable,
            Self::Seal => Class::ProbeableIrreversible,
            Self::Print => Class::Ambiguous,
        }
    }

    /// Steps that must be done before this one may be intended. A machine's route may order the rest as it is built.
    #[must_use]
    pub fn requires(self) -> &'static [Self] {
        match self {
            Self::Bind => &[],
            Self::Encode | Self::Print => &[Self::Bind],
            Self::Seal => &[Self::Encode],
            Self::Verify => &[Self::Seal],
            Self::Deliver => &[Self::Verify, Self::Print],
            Self::Prove => &[Self::Deliver],
            Self::Box => &[Self::Prove],
        }
    }

    /// Stable name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bind => "bind",
            Self::Encode => "encode",
            Self::Seal => "seal",
            Self::Verify => "verify",
            Self::Print => "print",
            Self::Deliver => "deliver",
            Self::Prove => "prove",
            Self::Box => "box",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of steps.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct StepSet(u8);

impl StepSet {
    /// With this step too.
    #[must_use]
    pub fn with(self, step: Step) -> Self {
        Self(self.0 | 1 << step as u8)
    }

    /// Without this step.
    #[must_use]
    pub fn without(self, step: Step) -> Self {
        Self(self.0 & !(1 << step as u8))
    }

    /// Is the step in the set?
    #[must_use]
    pub fn has(self, step: Step) -> bool {
        self.0 & 1 << step as u8 != 0
    }
}
