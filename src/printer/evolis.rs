//! The conversations with an Evolis printer: connect, read, feed, print, deliver.

mod card;
mod connect;
mod report;

pub use card::{Deliver, Delivered, Fed, Feed, Outlet, Print, Printed};
pub use connect::{Connect, Connected};
pub use report::{Counters, ReadCounters, Status, StatusReport, Used};

use super::command::Command;
use super::fault;
use crate::base::Fault;

/// A value that the printer cannot mean.
fn bad_value(command: &Command, text: &str) -> Fault {
    let words: String = text.chars().take(32).collect();
    Fault::new(&fault::BAD_VALUE, format!("{}: {words:?}", command.text()))
}

/// What `Rlr;p` says: is there a card inside?
fn presence(text: &str) -> Result<bool, Fault> {
    match text {
        "OK" => Ok(true),
        "NO CARD" => Ok(false),
        other => Err(bad_value(&Command::CardPresence, other)),
    }
}
