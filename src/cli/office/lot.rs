//! `cardwright lot …`: lots.

use clap::{Args, Subcommand};

use crate::base::ids::LotId;
use crate::cli::ask::{self, Options};
use crate::control::{Request, lot};

/// What to do with lots.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// All that are open.
    #[command(after_help = "\
Example:
  cardwright lot list     each with its machine, its office and how far its cards are")]
    List {
        #[command(flatten)]
        options: Options,
    },
    /// One, card by card.
    #[command(after_help = "\
Example:
  cardwright lot show L000012")]
    Show(One),
    /// Take a lot from a machine that makes no more of it: what was not begun waits for another machine.
    #[command(after_help = "\
Example:
  cardwright lot close L000012     its machine was taken out of the configuration")]
    Close(One),
}

/// One lot.
#[derive(Args, Debug)]
pub struct One {
    /// Its number, as L000012 or 12.
    #[arg(value_parser = number)]
    lot: LotId,
    #[command(flatten)]
    options: Options,
}

/// Runs the verb.
///
/// # Errors
/// When the operating system refuses threads.
pub fn main(verb: Verb) -> anyhow::Result<bool> {
    let (options, request) = match verb {
        Verb::List { options } => (options, lot::Request::List),
        Verb::Show(One { lot, options }) => (options, lot::Request::Show { lot }),
        Verb::Close(One { lot, options }) => (options, lot::Request::Close { lot }),
    };
    ask::ask(&options, Request::Lot(request))
}

fn number(text: &str) -> Result<LotId, String> {
    text.trim_start_matches('L')
        .parse()
        .map(LotId)
        .map_err(|_| "a lot's number is needed, as L000012".to_owned())
}
