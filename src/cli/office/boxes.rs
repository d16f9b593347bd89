//! `cardwright box …`: boxes.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, Subcommand};

use super::audit::public_point;
use crate::audit::verify_qr;
use crate::base::ids::BoxId;
use crate::cli::ask::{self, Options};
use crate::cli::say;
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
    #[command(after_help = "\
Example:
  cardwright box show DT01-C01-001")]
    Show(One),
    /// Seal a box that is not full. You stand before it: the registry is asked, the manifest signed, then you close it.
    #[command(after_help = "\
Examples:
  cardwright box seal DT01-C01-002
  cardwright box seal DT01-C01-002 --taken 3 --taken 17   if it asked for these two to be taken out")]
    Seal {
        #[command(flatten)]
        one: One,
        /// Places whose cards you took out because the registry has stopped them.
        #[arg(long, value_name = "PLACE")]
        taken: Vec<u16>,
    },
    /// Sealed boxes leave the house.
    #[command(after_help = "\
Example:
  cardwright box dispatch DT01-C01-001 DT01-C01-002 --consignment EB123456789VN")]
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
    #[command(after_help = "\
Example:
  cardwright box lost DT01-C01-001     both people, each in their own name")]
    Lost(One),
    /// At the office: is this the manifest that the facility signed? Offline; nothing of a facility is needed but its
    /// public key, which lies beside the manifests.
    #[command(after_help = "\
Examples:
  cardwright box check DT01-C01-001.json --key public-key.hex               with DT01-C01-001.qr.txt beside it
  cardwright box check DT01-C01-001.json --key public-key.hex --qr 'CW1.…'  with what a phone read off the paper")]
    Check {
        /// The manifest, JSON.
        manifest: PathBuf,
        /// The text of the QR code; by default that of the file beside the manifest.
        #[arg(long, value_name = "TEXT")]
        qr: Option<String>,
        /// The facility's public key for manifests, 65 bytes in hexadecimal. Have it from the facility once, not with
        /// the box.
        #[arg(long)]
        key: PathBuf,
    },
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
        Verb::Check { manifest, qr, key } => return check(&manifest, qr, &key),
        Verb::Lost(One { label, options }) => (options, boxes::Request::Lost { label: BoxId(label) }),
    };
    ask::ask(&options, Request::Box(request))
}

fn check(manifest: &Path, qr: Option<String>, key: &Path) -> anyhow::Result<bool> {
    let beside = manifest.with_extension("qr.txt");
    let qr = match qr {
        Some(text) => text,
        None => std::fs::read_to_string(&beside).with_context(|| beside.display().to_string())?,
    };
    let json = std::fs::read(manifest).with_context(|| manifest.display().to_string())?;
    let proven = verify_qr(qr.trim(), &json, &public_point(key)?)?;
    say(format_args!(
        "Box {} for {} {}: {} cards, sealed {}. The facility signed this manifest.",
        proven.box_id,
        proven.office.code,
        proven.office.name,
        proven.lines.len(),
        proven.sealed_at.date()
    ));
    Ok(true)
}
