//! `cardwright status`: the whole facility on one page.

use clap::Args;

use crate::control::Request;

use super::ask::{self, Options};

/// Arguments of `status`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  cardwright status                     what everything does now
  cardwright status --json | jq .line   for a program

Exit code: 0 if all is well, 1 if a position is stopped or no signer will last.")]
pub struct Arguments {
    #[command(flatten)]
    options: Options,
}

/// Runs the verb.
///
/// # Errors
/// When the operating system refuses threads.
pub fn main(arguments: &Arguments) -> anyhow::Result<bool> {
    ask::ask(&arguments.options, Request::Status)
}
