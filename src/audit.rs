//! What can be proven afterwards: an unbroken ledger, blanks that add up, boxes that hold what their papers say.
//!
//! - [`chain`]: the hash chain over the ledger and the verifier that names the first bad record;
//! - [`merkle`]: the tree over the same records, for proofs that need not carry the ledger;
//! - [`checkpoint`]: the head of both, as text to be signed and kept outside the house;
//! - [`balance`]: the count equation over blanks (law 7) and the devices' own counters;
//! - [`manifest`]: what is in a box, and the signed text on its label;
//! - [`paper`]: the manifest and the hand-over sheets as PDF;
//! - [`day`]: what became of each office's orders today.
//!
//! Everything here is a pure function of its arguments.

pub mod balance;
pub mod chain;
pub mod checkpoint;
pub mod day;
pub mod fault;
pub mod hash;
pub mod manifest;
pub mod merkle;
pub mod paper;
pub mod proof;
pub mod seal;
mod table;

pub use balance::{Balance, Discrepancy, Meter, PackCount};
pub use chain::{BadRecord, Chain, ChainEntry, Flaw, Link, Verifier};
pub use checkpoint::Checkpoint;
pub use day::{DayReport, OfficeDay};
pub use hash::Hash;
pub use manifest::{Manifest, ManifestLine, Office, verify_qr};
pub use merkle::Frontier;
pub use proof::Proof;
pub use table::visible;
