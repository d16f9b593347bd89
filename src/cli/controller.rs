//! `cardwright controller …`: several controllers at one order book.

use clap::{Args, Subcommand};

use crate::base::ids::{MachineId, OrderKey};
use crate::control::{Request, controller};

use super::ask::{self, Options};

/// What to do with controllers.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// All at this order book: their leases, and what they have in hand.
    List {
        #[command(flatten)]
        options: Options,
    },
    /// One is lost for good, its ledger and its copy with it: shut it out (two people).
    #[command(after_help = "\
A controller whose ledger or whose copy of it is left is not lost: bring it back with cardwright audit restore, and
start it anywhere under its name. Only without any record of what it did:

  cardwright controller lost K1                       two people; its lease must be over
  cardwright controller orders K1                     the orders whose cards must be looked for
  cardwright controller card K1 O0000012 --tap D1     found: on the reader of desk D1; it is waste (two people)
  cardwright controller card K1 O0000013 --not-found  two people have looked everywhere

Each order whose card was tapped or given up is made again, by whoever claims it.")]
    Lost(One),
    /// Orders that were given to machines of a lost one, and are not settled.
    Orders(One),
    /// What became of the card of one of them (two people).
    Card(Card),
}

/// One controller.
#[derive(Args, Debug)]
pub struct One {
    /// Its name.
    controller: String,
    #[command(flatten)]
    options: Options,
}

/// The card of an order.
#[derive(Args, Debug)]
pub struct Card {
    /// The lost controller's name.
    controller: String,
    /// The order's number, as O0000012.
    #[arg(value_parser = number)]
    order: OrderKey,
    /// It is found, and lies on the reader of this desk.
    #[arg(
        long,
        value_name = "DESK",
        required_unless_present = "not_found",
        conflicts_with = "not_found"
    )]
    tap: Option<String>,
    /// Two people have looked everywhere.
    #[arg(long)]
    not_found: bool,
    #[command(flatten)]
    options: Options,
}

/// Runs the verb.
///
/// # Errors
/// When the operating system refuses threads.
pub fn main(verb: Verb) -> anyhow::Result<bool> {
    let (options, request) = match verb {
        Verb::List { options } => (options, controller::Request::List),
        Verb::Lost(One { controller, options }) => (options, controller::Request::Lost { controller }),
        Verb::Orders(One { controller, options }) => (options, controller::Request::Orders { controller }),
        Verb::Card(Card {
            controller,
            order,
            tap,
            options,
            ..
        }) => {
            let tap = tap.map(MachineId);
            (
                options,
                controller::Request::Card {
                    controller,
                    order,
                    tap,
                },
            )
        }
    };
    ask::ask(&options, Request::Controller(request))
}

fn number(text: &str) -> Result<OrderKey, String> {
    text.parse()
        .map_err(|()| "an order's number is needed, as O0000012".to_owned())
}
