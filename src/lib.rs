//! # cardwright: a personalization controller
//!
//! Rooms, from the ground up; imports point down only (`tests/house.rs` holds this):
//!
//! - [`base`]: identifiers, time, bounds, secrets, faults.

pub mod audit;
pub mod base;
pub mod chip;
pub mod cli;
pub mod config;
pub mod control;
pub mod device;
pub mod document;
pub mod dossier;
pub mod job;
pub mod line;
pub mod pki;
pub mod port;
pub mod printer;
pub mod sim;
pub mod store;
