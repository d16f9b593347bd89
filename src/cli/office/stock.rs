//! `cardwright stock …`: blanks.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, Subcommand};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::base::Place;
use crate::base::ids::{MachineId, PackId};
use crate::cli::ask::{self, Options};
use crate::control::Request;
use crate::control::stock;
use crate::job::stock::SupplierList;

/// What to do with blanks.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// A sealed pack comes into the vault with the supplier's list.
    #[command(after_help = "\
Example:
  cardwright stock receive P001.json

The list is JSON: {\"pack\": \"P001\", \"blank_type\": \"rehearsal\",
                   \"blanks\": [{\"blank\": \"B00000001\", \"chip\": \"479050…\"}, …]}
It is taken as a whole or not at all: a blank or a chip that is named twice, or that came in before, an unknown type and
an empty list are refused.")]
    Receive(Receive),
    /// Packs leave the vault for the floor; a machine that runs out asks its operator for one of them.
    #[command(after_help = "\
Example:
  cardwright stock issue P001 P002")]
    Issue(Issue),
    /// Put a pack from the floor into a machine's feeder.
    #[command(after_help = "\
Example:
  cardwright stock load P001 --machine S03     after it was laid into the feeder of S03")]
    Load(Load),
    /// Blanks go back: from the floor or a feeder into the vault; from the vault to the supplier (two people).
    #[command(after_help = "\
Examples:
  cardwright stock return P001 --from S03 --count 37      37 blanks out of the feeder, into the vault
  cardwright stock return P001 --from issued --count 50   an unopened pack from the floor, into the vault
  cardwright stock return P001 --from vault --count 50    back to the supplier; a second person says the same")]
    Return(Return),
    /// The count equation, per pack, machine and type; or put on record what you counted in a feeder.
    #[command(after_help = "\
Examples:
  cardwright stock count                                 everything that ever came in
  cardwright stock count --since 2026-11-22T06:00:00+07:00   as of a shift
  cardwright stock count --machine S03 --is 37           I counted 37 blanks in the feeder of S03
  cardwright stock count --waste P003 --is 2             I counted 2 blanks of P003 that are no cards among the waste

Exit code: 1 if anything does not add up, or a count that differed is not explained.")]
    Count(Count),
    /// Two people have looked for what a count found missing, and declare it not found.
    #[command(after_help = "\
Example:
  cardwright stock explain S03 --reason 'searched the machine and the floor around it'   both people")]
    Explain(Explain),
}

/// A supplier's list.
#[derive(Args, Debug)]
pub struct Receive {
    /// The list.
    file: PathBuf,
    #[command(flatten)]
    options: Options,
}

/// Packs.
#[derive(Args, Debug)]
pub struct Issue {
    /// Their names.
    #[arg(required = true)]
    packs: Vec<String>,
    #[command(flatten)]
    options: Options,
}

/// A pack and a machine.
#[derive(Args, Debug)]
pub struct Load {
    /// The pack.
    pack: String,
    /// The machine.
    #[arg(long)]
    machine: String,
    #[command(flatten)]
    options: Options,
}

/// Blanks that go back.
#[derive(Args, Debug)]
pub struct Return {
    /// The pack.
    pack: String,
    /// Where they are: vault, issued, or the name of the machine whose feeder they are in.
    #[arg(long, value_name = "PLACE")]
    from: String,
    /// How many.
    #[arg(long)]
    count: u32,
    #[command(flatten)]
    options: Options,
}

/// What to count.
#[derive(Args, Debug)]
pub struct Count {
    /// The beginning of a shift (RFC 3339).
    #[arg(long, value_parser = moment, conflicts_with = "machine")]
    since: Option<OffsetDateTime>,
    /// The machine whose feeder was counted.
    #[arg(long, requires = "is", group = "counted")]
    machine: Option<String>,
    /// The pack whose blanks were counted that lie with the waste and are no cards.
    #[arg(
        long,
        value_name = "PACK",
        requires = "is",
        group = "counted",
        conflicts_with = "since"
    )]
    waste: Option<String>,
    /// How many blanks there are.
    #[arg(long, requires = "counted")]
    is: Option<u32>,
    #[command(flatten)]
    options: Options,
}

/// A declaration.
#[derive(Args, Debug)]
pub struct Explain {
    /// The machine.
    machine: String,
    /// What became of them, as far as anybody knows.
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    options: Options,
}

/// Runs the verb.
///
/// # Errors
/// A list that cannot be read, or when the operating system refuses threads.
pub fn main(verb: Verb) -> anyhow::Result<bool> {
    let (options, request) = match verb {
        Verb::Receive(Receive { file, options }) => (options, stock::Request::Receive { list: list(&file)? }),
        Verb::Issue(Issue { packs, options }) => {
            let packs = packs.into_iter().map(PackId).collect();
            (options, stock::Request::Issue { packs })
        }
        Verb::Load(Load {
            pack,
            machine,
            options,
        }) => {
            let (pack, machine) = (PackId(pack), MachineId(machine));
            (options, stock::Request::Load { pack, machine })
        }
        Verb::Return(Return {
            pack,
            from,
            count,
            options,
        }) => {
            let (pack, from) = (PackId(pack), place(from));
            (options, stock::Request::Return { pack, from, count })
        }
        Verb::Count(Count {
            since,
            machine,
            waste,
            is,
            options,
        }) => {
            let request = match (machine, waste, is) {
                (Some(machine), _, Some(is)) => stock::Request::Counted {
                    machine: MachineId(machine),
                    is,
                },
                (None, Some(pack), Some(is)) => stock::Request::CountedWaste {
                    pack: PackId(pack),
                    is,
                },
                _ => stock::Request::Count { since },
            };
            (options, request)
        }
        Verb::Explain(Explain {
            machine,
            reason,
            options,
        }) => {
            let machine = MachineId(machine);
            (options, stock::Request::Explain { machine, reason })
        }
    };
    ask::ask(&options, Request::Stock(request))
}

fn list(file: &std::path::Path) -> anyhow::Result<SupplierList> {
    let read = || file.display().to_string();
    let bytes = std::fs::read(file).with_context(read)?;
    serde_json::from_slice(&bytes).with_context(read)
}

fn place(name: String) -> Place {
    match name.as_str() {
        "vault" => Place::Vault,
        "issued" => Place::Issued,
        _ => Place::Feeder(MachineId(name)),
    }
}

fn moment(text: &str) -> Result<OffsetDateTime, String> {
    OffsetDateTime::parse(text, &Rfc3339).map_err(|error| error.to_string())
}
