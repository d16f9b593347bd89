//! The life of one attempt, free of I/O: steps, events, state, the only retry policy, lots and stock.
//!
//! ```text
//! Planned ─▶ Signing ─▶ Ready ─▶ Bind ─▶ Encode ─▶ Seal ─▶ Verify ─▶ Print ─▶ Deliver ─▶ Prove ─▶ Box ─▶ Reported
//!    └───────────┴─────────┴─▶ Withdrawn      └──── any step ────▶ Failed ─▶ Spoiled / Quarantined ─▶ NotFound
//! ```

pub mod attempt;
pub mod brake;
pub mod decide;
pub mod event;
pub mod fact;
pub mod fault;
pub mod lot;
pub mod retention;
pub mod standstill;
pub mod step;
pub mod stock;

pub use attempt::{Attempt, IllegalTransition, Phase, apply};
pub use event::{Aim, Event, Evidence, Output};
pub use fact::{EpochChange, Fact, SignerChange};
pub use retention::{Epoch, Term};
pub use standstill::Standstill;
pub use step::Step;
