//! `cardwright privacy …`: personal data, its terms, and its end.

use clap::Subcommand;

use super::ask::{self, Options};
use crate::control::{Request, privacy};

/// What to do with personal data.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// What is kept under which key and until when; exit code 1 if anything is overdue.
    #[command(after_help = "\
Personal data goes by itself, so many days after a card is boxed and reported or its order cancelled
(cardwright.toml: retention.keep_days): the order's wrapped key, its dossier, all that was made of it, and the
facility's copies of the box's papers. Each wrapping key takes in orders for retention.epoch_days, and is destroyed in
the HSM keep_days later: then no backup and no replica of that time opens any more.

An order that is due and still needed (its box has not left, the registry does not know) is listed as overdue.")]
    Show {
        #[command(flatten)]
        options: Options,
    },
    /// Erase an order's personal data before its term (two people). It must be over: boxed and gone, or cancelled.
    #[command(after_help = "\
Example, the same command by each of two people:
  cardwright privacy erase O0000042 --reason 'request of the person, file 17'")]
    Erase {
        /// The order, or the registry's request.
        order: String,
        /// Why; it is recorded, so no names and no numbers of people.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        options: Options,
    },
    /// Destroy a wrapping key before its day (two people): a copy of the databases may be in wrong hands.
    #[command(after_help = "\
Orders that are still needed are wrapped anew under another key first; the key that takes in new orders gets a
successor. What was copied before can be opened by nobody from then on.

Example, the same command by each of two people:
  cardwright privacy close wrap-2026-11-16")]
    Close {
        /// The key's label, as cardwright privacy show tells it.
        label: String,
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
        Verb::Show { options } => (options, privacy::Request::Show),
        Verb::Erase {
            order,
            reason,
            options,
        } => (options, privacy::Request::Erase { order, reason }),
        Verb::Close { label, options } => (options, privacy::Request::Close { label }),
    };
    ask::ask(&options, Request::Privacy(request))
}
