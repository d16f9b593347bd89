//! The controller's dialogues against the simulated printer.

mod behaviour;
mod bench;
mod every_trouble;
mod over_a_cable;
mod take_over;
mod transcript;
