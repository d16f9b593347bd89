//! # cardwright: a personalization controller
//!
//! Rooms, from the ground up; imports point down only (`tests/house.rs` holds this):
//!
//! - [`base`]: identifiers, time, bounds, secrets, faults.

pub mod base;
pub mod chip;
pub mod document;
pub mod dossier;
pub mod pki;
pub mod printer;
pub mod job;
pub mod audit;
pub mod port;
pub mod device;
pub mod store;
pub mod line;
pub mod control;
pub mod cli;
pub mod config;
pub mod sim;
