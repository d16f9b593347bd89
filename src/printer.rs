//! Talking to a card printer, free of I/O: framing, the Evolis escape language, pictures as rasters, and the dialogues
//! that feed, print and deliver one card.
//!
//! Source of the language: *Evolis Card Printers Programming Guide*, P/N A5013 Rev. E. Three decisions stand above it:
//!
//! - **The printer never recovers by itself.** Left alone it prints a failed job again, on another card: a twin.
//!   [`Connect`] sets `Pem;18` (errors managed by the host, no recovery try) and reads it back.
//! - **Ejection is an act of its own.** Panels are printed by `Sp`, not as a by-product of `Se`, so [`Print`] leaves
//!   the card inside and [`Deliver`] sends it to the good output or to the reject box.
//! - **Answers are matched, never guessed.** The printer answers in order and most answers are the same one byte, so a
//!   late or doubled acknowledgement could be taken for the next one. Every dialogue therefore ends with a read, whose
//!   answer is text: if the text comes in its turn, everything before it was answered in its turn too.

pub mod command;
pub mod evolis;
pub mod fault;
pub mod frame;
pub mod model;
pub mod raster;
pub mod reply;
mod script;

pub use command::{Command, Effect};
pub use evolis::{
    Connect, Connected, Counters, Deliver, Delivered, Fed, Feed, Outlet, Print, Printed, ReadCounters,
    Status, StatusReport, Used,
};
pub use model::{DownloadForm, Model, ReadForm, RejectBox, Station};
pub use raster::RasterSize;
