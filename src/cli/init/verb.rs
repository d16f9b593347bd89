//! `cardwright init`: the command line of making a facility.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::base::{Clock, Mode};

use super::super::facility::with_environment;
use super::Wishes;
use crate::config::CHIP;

/// Arguments of `init`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  cardwright init --facility hall-1 --name 'Trung tâm diễn tập' --mode rehearsal
  cardwright init --facility /srv/cardwright --name 'Facility 1' --mode production \\
      --module /usr/lib/vendor/libpkcs11.so --stations 0 --desks 0

Rehearsal or production is decided once and for ever: it is the first record of the ledger. A rehearsal gets keys,
certificates and a registry of its own. With --chip rehearsal-gp it also gets masters for the chips' keys: the
supplier's, which everybody knows, and the issuer's, made in the token. In production the HSM's vendor initializes the
token; keys come with cardwright key make, key request and key import.")]
pub struct Arguments {
    /// The facility's new folder.
    #[arg(long, value_name = "FOLDER", default_value = "facility")]
    facility: PathBuf,
    /// The facility's name, as its manifests and its ledger say it.
    #[arg(long)]
    name: String,
    /// Rehearsal: every card says SPECIMEN. Production: real cards, and no simulator.
    #[arg(long, value_enum)]
    mode: Kind,
    /// Machines S01, S02 …
    #[arg(long, default_value_t = 0)]
    stations: usize,
    /// Desks D1, D2 …
    #[arg(long, default_value_t = 0)]
    desks: usize,
    /// The PKCS#11 library of the HSM; the simulated one if left out.
    #[arg(long, default_value = "")]
    module: String,
    /// The kind of chip in the blanks: rehearsal, rehearsal-gp or rehearsal-emv (a card manager and SCP03),
    /// rehearsal-scp02, or emrtd-short.
    #[arg(long, default_value = CHIP)]
    chip: String,
}

/// The mode on the command line.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Kind {
    /// Every card says SPECIMEN.
    Rehearsal,
    /// Real cards.
    Production,
}

/// Runs the verb.
///
/// # Errors
/// As [`super::init`].
pub fn main(arguments: &Arguments) -> anyhow::Result<bool> {
    let mode = match arguments.mode {
        Kind::Rehearsal => Mode::Rehearsal,
        Kind::Production => Mode::Production,
    };
    if mode == Mode::Rehearsal {
        with_environment(&arguments.facility)?;
    }
    let wishes = Wishes {
        name: &arguments.name,
        mode,
        stations: arguments.stations,
        desks: arguments.desks,
        pcsc: false,
        module: &arguments.module,
        chip: &arguments.chip,
    };
    let config =
        super::super::runtime()?.block_on(super::init(&arguments.facility, &wishes, Clock::system()))?;
    println!(
        "Facility {:?} is made in {}",
        config.facility,
        config.folder.display()
    );
    println!("Settings: {}", config.folder.join(crate::config::FILE).display());
    println!(
        "Next:     cardwright doctor --facility {}",
        config.folder.display()
    );
    Ok(true)
}
