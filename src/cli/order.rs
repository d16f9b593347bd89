//! `cardwright order …`: one order's history, and what a person may change about it.

use clap::{Args, Subcommand};

use crate::control::{Name, Request, order};

use super::ask::{self, Options};

/// What to do with an order.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Tell the whole history of an order, a person's orders, a card or a box, in plain words.
    #[command(after_help = "\
Examples:
  cardwright order show O0000042        by the facility's own number
  cardwright order show 001099123456    by the personal number (looked up by its keyed hash, kept nowhere)
  cardwright order show BL00000007      by the serial number of the blank
  cardwright order show HAN-01-001      a box, and every card in it")]
    Show {
        /// An order, registry request, personal number, blank, chip, SHA-256 of EF.SOD, or box.
        what: String,
        #[command(flatten)]
        options: Options,
    },
    /// Let an order wait until it is released. Refused once it was given to a machine.
    Hold(Change),
    /// Let a held order go on.
    Release(Change),
    /// Make an order sooner or later.
    #[command(after_help = "\
Example:
  cardwright order priority O0000042 9 --reason 'travels on Friday'")]
    Priority {
        /// The order, or the registry's request.
        order: String,
        /// 0 to 9; 9 is made first.
        #[arg(value_parser = clap::value_parser!(u8).range(0..=9))]
        priority: u8,
        /// Why; it is recorded, so no names and no numbers of people.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        options: Options,
    },
    /// Never make an order. Refused once it was given to a machine: its card is then dealt with as a card.
    Cancel(Change),
}

/// A change to an order.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  cardwright order hold O0000042 --reason 'office asks to wait for a correction'")]
pub struct Change {
    /// The order, or the registry's request.
    order: String,
    /// Why; it is recorded, so no names and no numbers of people.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    options: Options,
}

/// Runs the verb.
///
/// # Errors
/// When the operating system refuses threads.
pub fn main(verb: Verb) -> anyhow::Result<bool> {
    let (options, request) = match verb {
        Verb::Show { what, options } => (options, order::Request::Show { what: Name(what) }),
        Verb::Hold(Change {
            order,
            reason,
            options,
        }) => (options, order::Request::Hold { order, reason }),
        Verb::Release(Change {
            order,
            reason,
            options,
        }) => (options, order::Request::Release { order, reason }),
        Verb::Priority {
            order,
            priority,
            reason,
            options,
        } => {
            let request = order::Request::Priority {
                order,
                priority,
                reason,
            };
            (options, request)
        }
        Verb::Cancel(Change {
            order,
            reason,
            options,
        }) => (options, order::Request::Cancel { order, reason }),
    };
    ask::ask(&options, Request::Order(request))
}
