//! The outside world for rehearsals and tests: chips, printers, scanners, the registry, people and their faults.
//!
//! It sits at the transport and outlives the controller. Production rooms never import it.

pub mod chip;
pub mod dossiers;
pub mod hall;
pub mod kill;
pub mod memory;
pub mod pcscd;
pub mod postgres;
pub mod printer;
pub mod pty;
pub mod registry;
pub mod scan;
pub mod vpicc;
