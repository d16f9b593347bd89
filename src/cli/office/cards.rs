//! `cardwright spoil`, `found` and `destroy`: what becomes of single cards.

use clap::Args;

use crate::base::ids::PackId;
use crate::cli::ask::{self, Options};
use crate::control::{Request, cards};

/// A card that is waste.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  cardwright spoil O0000042.1 --code damaged --reason 'bent in the feeder'

Codes: damaged, misprinted, mute, mixed-up, sample.
The registry is told first, so that nobody ever accepts the chip; then the order gets a new card. A blank that is no
card is written off by its number or its chip, and never used again.")]
pub struct Spoil {
    /// The attempt (O0000042.1), the blank, the chip or the SHA-256 of EF.SOD.
    card: String,
    /// Why.
    #[arg(long)]
    code: String,
    /// In words, without anything about the person.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    options: Options,
}

/// A card that was found and tapped.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  cardwright found B00000017                  what is to be done with the card that has this number?
  cardwright found O0000042.1 --accept        both people
  cardwright found O0000042.1 --not-found     both people

Says box, desk, reject or aside, and does what is certain: an unfinished card is spoiled, a card that was missing in its
tray goes back to a desk. To take a quarantined card for good, or to declare one not found, two people give the same
command.")]
pub struct Found {
    /// The attempt, the blank, the chip or the SHA-256 of EF.SOD.
    card: String,
    /// Two people: take this quarantined card for good.
    #[arg(long, conflicts_with = "not_found")]
    accept: bool,
    /// Two people: everything was searched, this card is not there.
    #[arg(long)]
    not_found: bool,
    #[command(flatten)]
    options: Options,
}

/// Spoiled cards that are destroyed.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  cardwright destroy P001 --count 3     both people; stock count says how many there must be")]
pub struct Destroy {
    /// Of which pack.
    pack: String,
    /// How many were counted; not one more or less than the books say.
    #[arg(long)]
    count: u32,
    #[command(flatten)]
    options: Options,
}

/// Runs `spoil`.
///
/// # Errors
/// When the operating system refuses threads.
pub fn spoil(arguments: Spoil) -> anyhow::Result<bool> {
    let Spoil {
        card,
        code,
        reason,
        options,
    } = arguments;
    ask::ask(
        &options,
        Request::Cards(cards::Request::Spoil { card, code, reason }),
    )
}

/// Runs `found`.
///
/// # Errors
/// When the operating system refuses threads.
pub fn found(arguments: Found) -> anyhow::Result<bool> {
    let Found {
        card,
        accept,
        not_found,
        options,
    } = arguments;
    let request = if accept {
        cards::Request::Accept { card }
    } else if not_found {
        cards::Request::NotFound { card }
    } else {
        cards::Request::Found { card }
    };
    ask::ask(&options, Request::Cards(request))
}

/// Runs `destroy`.
///
/// # Errors
/// When the operating system refuses threads.
pub fn destroy(arguments: Destroy) -> anyhow::Result<bool> {
    let Destroy { pack, count, options } = arguments;
    let pack = PackId(pack);
    ask::ask(&options, Request::Cards(cards::Request::Destroy { pack, count }))
}
