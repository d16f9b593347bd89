//! `cardwright box …`: boxes.

use clap::{Args, Subcommand};

use crate::base::ids::BoxId;
use crate::cli::ask::{self, Options};
use crate::control::{Request, boxes};

/// What to do with boxes.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Boxes in the house; with --all also those that left.
    List {
        /// Also those that left.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        options: Options,
    },
    /// One, card by card.
    Show(One),
    /// Seal a box that is not full. You stand before it: the registry is asked, the manifest signed, then you close it.
    Seal {
        #[command(flatten)]
        one: One,
        /// Places whose cards you took out because the registry has stopped them.
        #[arg(long, value_name = "PLACE")]
        taken: Vec<u16>,
    },
    /// Sealed boxes leave the house.
    Dispatch {
        /// Their labels.
        #[arg(required = true)]
        boxes: Vec<String>,
        /// The carrier's number.
        #[arg(long)]
        consignment: String,
        #[command(flatten)]
        options: Options,
    },
    /// Two people: a dispatched box did not arrive. The registry is told never to accept its cards; they are made
    /// again.
    Lost(One),
}

/// One box.
#[derive(Args, Debug)]
pub struct One {
    /// Its label.
    #[arg(value_name = "BOX")]
    label: String,
    #[command(flatten)]
    options: Options,
}

/// Runs the verb.
///
/// # Errors
/// When the operating system refuses threads.
pub fn main(verb: Verb) -> anyhow::Result<bool> {
    let (options, request) = match verb {
        Verb::List { all, options } => (options, boxes::Request::List { all }),
        Verb::Show(One { label, options }) => (options, boxes::Request::Show { label: BoxId(label) }),
        Verb::Seal { one, taken } => {
            let label = BoxId(one.label);
            (one.options, boxes::Request::Seal { label, taken })
        }
        Verb::Dispatch {
            boxes,
            consignment,
            options,
        } => {
            let boxes = boxes.into_iter().map(BoxId).collect();
            (options, boxes::Request::Dispatch { boxes, consignment })
        }
        Verb::Lost(One { label, options }) => (options, boxes::Request::Lost { label: BoxId(label) }),
    };
    ask::ask(&options, Request::Box(request))
}
