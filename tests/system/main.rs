//! The single integration-test binary: what crosses a boundary, and the rules of the house.

mod bad_hsm;
mod canaries;
mod control;
mod crash;
mod epochs;
mod faces;
mod fuzz;
mod halt;
mod house;
mod hsm;
mod inspection;
mod ledger;
mod licences;
mod office;
mod pcsc;
mod processes;
mod production;
mod readers;
mod rehearsal;
mod report;
mod retention;
mod second_copy;
mod strangers;
mod tapping;
