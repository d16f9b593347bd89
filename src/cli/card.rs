//! `cardwright card …`: a card in somebody's hand.

use clap::{Args, Subcommand};

use crate::base::ids::{BlankId, ChipId, MachineId, SodHash};
use crate::control::{Request, card, cards};

use super::ask::{self, Options};

/// What to do with a card.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// The cards that a person must find and tap, each with its blank and what happened; exit code 1 if there are any.
    List {
        #[command(flatten)]
        options: Options,
    },
    /// Say what a card is and where it belongs.
    #[command(after_help = "\
Examples:
  cardwright card identify --tap D1              the card on the reader of desk D1, which is not packing
  cardwright card identify --chip 479050…        as its chip names itself (CPLC data)
  cardwright card identify --sod 9f86d081…       by the SHA-256 of EF.SOD, once it is sealed
  cardwright card identify --blank B00000007     by the serial number printed on the blank

Exit code: 0 if it may be where it is going, 1 if it is waste, in quarantine, out of place or not ours.")]
    Identify(Identify),
}

/// How the card names itself.
#[derive(Args, Debug)]
pub struct Identify {
    #[command(flatten)]
    by: By,
    #[command(flatten)]
    options: Options,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct By {
    /// The desk on whose reader the card lies.
    #[arg(long, value_name = "DESK")]
    tap: Option<String>,
    /// The chip's CPLC identity, hexadecimal.
    #[arg(long)]
    chip: Option<String>,
    /// The SHA-256 of EF.SOD, hexadecimal.
    #[arg(long)]
    sod: Option<String>,
    /// The serial number of the blank.
    #[arg(long)]
    blank: Option<String>,
}

/// Runs the verb.
///
/// # Errors
/// When the operating system refuses threads.
pub fn main(verb: Verb) -> anyhow::Result<bool> {
    let Identify { by, options } = match verb {
        Verb::Identify(identify) => identify,
        Verb::List { options } => return ask::ask(&options, Request::Cards(cards::Request::List)),
    };
    let request = match by {
        By { tap: Some(desk), .. } => card::Request::Tap {
            desk: MachineId(desk),
        },
        By { chip: Some(chip), .. } => card::Request::Chip { chip: ChipId(chip) },
        By { sod: Some(sod), .. } => card::Request::Sod { sod: SodHash(sod) },
        By { blank, .. } => card::Request::Blank {
            blank: BlankId(blank.unwrap_or_default()),
        },
    };
    ask::ask(&options, Request::Card(request))
}
