//! The hall: machines, desks, and the people at them, seen through ports only.
//!
//! ```text
//!   order book ──claim──▶ feed (prepare · sign) ──Ready──▶ station (bind … deliver) ──tray──▶ desk (prove · box)
//!                              one per machine                one per machine                   one per desk
//!   ledger ◀──────────────────────── facts ─────────────────────────┘                               │
//!   registry ◀──────────────────── reports ◀────────────────────── settle ◀─────────────────────────┘
//! ```
//!
//! Every task keeps its own order of doing things; what they share is in [`context::Line`]. Nothing here opens
//! a file, a
//! socket or a device, so the same code runs under a virtual clock with ports in memory.

pub mod admit;
pub mod audit;
pub mod blanks;
pub mod books;
pub mod bundle;
pub mod careful;
pub mod checkpoint;
pub mod chip_keys;
pub mod context;
pub mod costs;
pub mod desk;
pub mod fault;
pub mod feed;
pub mod floor;
pub mod headroom;
pub mod packing;
pub mod pairing;
mod patience;
pub mod prepare;
pub mod progress;
pub mod proof;
pub mod readings;
pub mod recover;
mod remembered;
pub mod retention;
pub mod settle;
pub mod signers;
pub mod station;
pub mod supervisor;
pub mod talk;
pub mod tap;
pub mod telling;
pub mod tenure;
pub mod timekeeper;
pub mod vault;
mod watch;

pub use context::{Line, Ports, Rules};
pub use supervisor::{Ending, run};
