//! Where a blank can be: every blank is in exactly one place at every instant (law 7).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ids::MachineId;

/// One place of the count equation.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// In the vault, sealed or opened.
    Vault,
    /// Handed out to the floor, not yet loaded.
    Issued,
    /// In a machine's feeder.
    Feeder(MachineId),
    /// At a position of a machine.
    Machine(MachineId),
    /// In a machine's good output: finished, unproven.
    Hopper(MachineId),
    /// In a box for its office.
    Boxed,
    /// Waste, waiting to be destroyed.
    Spoiled,
    /// Its true state is unknown.
    Quarantined,
    /// Used for tests and samples.
    Tests,
    /// Found defective before it was bound.
    Defective,
    /// Returned to the supplier.
    Returned,
    /// Destroyed before witnesses.
    Destroyed,
    /// Declared not found by two people. Must be zero in a balanced hall.
    NotFound,
}

impl Place {
    /// A stable name without the machine, for tables and files.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Vault => "vault",
            Self::Issued => "issued",
            Self::Feeder(_) => "feeder",
            Self::Machine(_) => "machine",
            Self::Hopper(_) => "hopper",
            Self::Boxed => "boxed",
            Self::Spoiled => "spoiled",
            Self::Quarantined => "quarantined",
            Self::Tests => "tests",
            Self::Defective => "defective",
            Self::Returned => "returned",
            Self::Destroyed => "destroyed",
            Self::NotFound => "not_found",
        }
    }

    /// The machine, for places that belong to one.
    #[must_use]
    pub fn machine(&self) -> Option<&MachineId> {
        match self {
            Self::Feeder(machine) | Self::Machine(machine) | Self::Hopper(machine) => Some(machine),
            _ => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.machine() {
            Some(machine) => write!(f, "{} {machine}", self.name()),
            None => f.write_str(self.name()),
        }
    }
}
