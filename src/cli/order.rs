//! `cardwright order …`: one order's history, and what a person may change about it.

use clap::{Args, Subcommand, ValueEnum};

use crate::base::ids::OrderKey;
use crate::control::{Name, Request, order};
use crate::port::OrderState;

use super::ask::{self, Options};

/// What to do with an order.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// The orders that stand in one place, oldest first, with their offices and days: by default those that are held,
    /// each with the reason.
    #[command(after_help = "\
Examples:
  cardwright order list                      what somebody must decide about
  cardwright order list waiting              what no machine was given yet
  cardwright order list boxed --after O0000200   the next page")]
    List {
        /// Where they stand.
        #[arg(value_enum, default_value = "held")]
        state: State,
        /// From the order after this on.
        #[arg(long, value_name = "ORDER", value_parser = key, default_value = "O0000000", hide_default_value = true)]
        after: OrderKey,
        #[command(flatten)]
        options: Options,
    },
    /// Tell the whole history of an order, a person's orders, a card or a box, in plain words.
    #[command(after_help = "\
Examples:
  cardwright order show O0000042        by the facility's own number
  cardwright order show 001099123456    by the personal number (looked up by its keyed hash, kept nowhere)
  cardwright order show B00000007       by the serial number of the blank
  cardwright order show DT01-C01-001    a box, and every card in it")]
    Show {
        /// An order, registry request, personal number, blank, chip, SHA-256 of EF.SOD, or box.
        what: String,
        #[command(flatten)]
        options: Options,
    },
    /// Let an order wait until it is released. Refused once it was given to a machine.
    #[command(after_help = "\
Example:
  cardwright order hold O0000042 --reason 'the office asks to wait'")]
    Hold(Change),
    /// Let a held order go on.
    #[command(after_help = "\
Example:
  cardwright order release O0000042 --reason 'the residence was verified'")]
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
    #[command(after_help = "\
Example:
  cardwright order cancel O0000042 --reason 'withdrawn by the office'")]
    Cancel(Change),
}

/// Where orders stand.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum State {
    /// Waiting for a machine.
    Waiting,
    /// Held by a rule or a person.
    Held,
    /// Given to a machine.
    Given,
    /// Their good cards are in boxes.
    Boxed,
    /// Cancelled.
    Cancelled,
}

impl From<State> for OrderState {
    fn from(state: State) -> Self {
        match state {
            State::Waiting => Self::Waiting,
            State::Held => Self::Held,
            State::Given => Self::InLot,
            State::Boxed => Self::Boxed,
            State::Cancelled => Self::Cancelled,
        }
    }
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
        Verb::List {
            state,
            after,
            options,
        } => {
            let state = state.into();
            (options, order::Request::List { state, after })
        }
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

fn key(text: &str) -> Result<OrderKey, String> {
    text.parse()
        .map_err(|()| "an order's number is needed, as O0000042".to_owned())
}
