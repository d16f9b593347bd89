//! `cardwright clock …`: what time it is, and two people's word for it.

use clap::Subcommand;

use super::ask::{self, Options};
use crate::control::{Request, clock};

/// What to do about the time.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// What both local sources say; exit code 1 if the time is not certain.
    Show {
        #[command(flatten)]
        options: Options,
    },
    /// The system's clock is right (two people).
    #[command(after_help = "\
Signing stops when the system's clock goes back, when it leaves the time that has passed since the machine started by
more than five seconds, and a day after the machine was started anew. Compare it with a clock of your own, then:

  cardwright clock accept      two people, each in their own name")]
    Accept {
        #[command(flatten)]
        options: Options,
    },
}

/// Runs the verb.
///
/// # Errors
/// When the operating system refuses threads.
pub fn main(verb: Verb) -> anyhow::Result<bool> {
    let (options, request) = match verb {
        Verb::Show { options } => (options, clock::Request::Show),
        Verb::Accept { options } => (options, clock::Request::Accept),
    };
    ask::ask(&options, Request::Clock(request))
}
