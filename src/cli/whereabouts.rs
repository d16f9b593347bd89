//! `cardwright where`: where a person's card is.

use clap::Args;

use crate::config::Config;
use crate::control::{Name, Request, whereabouts};

use super::ask::{self, Options};
use super::facility::with_environment;

/// Arguments of `where`.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  cardwright where 001099123456

The number is looked up by a keyed hash from the HSM and is written nowhere. Your shell may remember what you type:
give a hyphen (-) to have the number read from standard input.")]
pub struct Arguments {
    /// The personal number, twelve digits, or - for standard input.
    number: String,
    #[command(flatten)]
    options: Options,
}

/// Runs the verb.
///
/// # Errors
/// When standard input cannot be read.
pub fn main(arguments: &Arguments) -> anyhow::Result<bool> {
    let mut number = arguments.number.clone();
    if number == "-" {
        // Before it is read: a program that starts itself again would find nothing there.
        with_environment(&Config::load(&arguments.options.facility)?.folder)?;
        number.clear();
        std::io::stdin().read_line(&mut number)?;
    }
    let request = whereabouts::Request {
        number: Name(number.trim().to_owned()),
    };
    ask::ask(&arguments.options, Request::Where(request))
}
