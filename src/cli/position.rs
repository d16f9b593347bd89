//! `cardwright position …`: machines and desks.

pub mod screen;
mod words;

use clap::{Args, Subcommand};

use crate::base::ids::MachineId;
use crate::control::{Request, position};

use super::ask::{self, Options};

/// What to do with positions.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// What every machine and desk does; exit code 1 if one is stopped.
    List {
        #[command(flatten)]
        options: Options,
    },
    /// Let a stopped machine go on, after a person has looked and removed the cause.
    #[command(after_help = "\
A machine stops itself at three failures of one kind in a row, or five in fifty cards, and when its printer does not
answer. See why with cardwright position list, remove the cause, then:

  cardwright position resume S03")]
    Resume(One),
    /// Let a machine finish the card in it, and wait.
    #[command(after_help = "\
Example:
  cardwright position stop S03")]
    Stop(One),
    /// The screen of a machine or desk: shows its person what to do, and takes the answers.
    Screen(screen::Arguments),
}

/// One machine.
#[derive(Args, Debug)]
pub struct One {
    /// Its name.
    machine: String,
    #[command(flatten)]
    options: Options,
}

/// Runs the verb.
///
/// # Errors
/// When the operating system refuses threads.
pub fn main(verb: Verb) -> anyhow::Result<bool> {
    let (options, request) = match verb {
        Verb::Screen(arguments) => return screen::main(&arguments),
        Verb::List { options } => (options, position::Request::List),
        Verb::Resume(One { machine, options }) => {
            let machine = MachineId(machine);
            (options, position::Request::Resume { machine })
        }
        Verb::Stop(One { machine, options }) => {
            let machine = MachineId(machine);
            (options, position::Request::Stop { machine })
        }
    };
    ask::ask(&options, Request::Position(request))
}
