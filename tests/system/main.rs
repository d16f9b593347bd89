//! The single integration-test binary: what crosses a boundary, and the rules of the house.

mod control;
mod faces;
mod house;
mod hsm;
mod ledger;
mod licences;
mod office;
mod production;
mod rehearsal;
mod report;
mod tapping;
