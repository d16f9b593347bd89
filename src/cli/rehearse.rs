//! `cardwright rehearse`: a whole facility in a folder, from nothing to sealed boxes.

pub(super) mod outside;
pub(super) mod people;
pub(super) mod setup;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};

use crate::base::Clock;
use crate::config::CHIP;
use crate::line::Ending;
use crate::store::fault::LOCKED;

use super::facility::{Facility, with_environment};
use outside::Hall;
use setup::Sharing;

/// Stations of the embedded hall.
const STATIONS: usize = 8;
/// Packing desks of the embedded hall.
const DESKS: usize = 4;
/// Blanks in a pack.
const PACK: u32 = 50;

/// Arguments of `rehearse`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  cardwright rehearse                                           1,000 people, 8 machines: what make run does
  cardwright rehearse --facility small --cards 40 --stations 2 --desks 1
  cardwright rehearse --facility gp --cards 100 --chip rehearsal-gp --readers pcsc

Exit code: 0 if every card is made and all balances, 1 if not, or if something stands.")]
pub struct Arguments {
    /// The facility's folder; made if it is not there.
    #[arg(long, value_name = "FOLDER", default_value = "facility")]
    facility: PathBuf,
    /// Dossiers of invented people for a new facility.
    #[arg(long, default_value_t = 1_000)]
    cards: usize,
    /// The same seed invents the same people of a new facility.
    #[arg(long, default_value_t = 2021)]
    seed: u64,
    /// The kind of chip in a new facility's blanks: rehearsal, or rehearsal-gp or rehearsal-emv (a card manager and
    /// SCP03), or rehearsal-scp02.
    #[arg(long, default_value = CHIP)]
    chip: String,
    /// How a new facility reaches its chips. With pcsc the hall runs pcscds of its own with virtual readers.
    #[arg(long, value_enum, default_value_t = Readers::Sockets)]
    readers: Readers,
    /// Stations of a new facility.
    #[arg(long, default_value_t = STATIONS, value_parser = super::at_least_one)]
    stations: usize,
    /// Packing desks of a new facility.
    #[arg(long, default_value_t = DESKS, value_parser = super::at_least_one)]
    desks: usize,
    /// Cards in a lot of a new facility, if not as usual.
    #[arg(long, value_parser = super::at_least_one)]
    lot: Option<usize>,
    /// The order book of a new facility is on this PostgreSQL server: postgres://USER@HOST:PORT/DATABASE.
    #[arg(long, value_name = "URL")]
    order_book: Option<String>,
    /// The file with its user's password.
    #[arg(long, value_name = "FILE", requires = "order_book")]
    order_book_password: Option<PathBuf>,
    /// Seconds after which others take this controller for dead, if they hear nothing of it.
    #[arg(long, requires = "order_book")]
    lease: Option<u64>,
    /// A new facility is a second controller beside the rehearsal in this folder: the same order book, registry and
    /// keys, a hall and a ledger of its own.
    #[arg(
        long,
        value_name = "FOLDER",
        requires = "controller",
        conflicts_with = "order_book"
    )]
    beside: Option<PathBuf>,
    /// The name of its controller.
    #[arg(long, requires = "beside")]
    controller: Option<String>,
    /// Set up and admit; make no card yet.
    #[arg(long)]
    prepare: bool,
}

/// How chips are reached.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum Readers {
    /// Over the hall's sockets.
    Sockets,
    /// Over PC/SC: pcscd and vsmartcard-vpcd must be installed.
    Pcsc,
}

/// How large a rehearsal is, and how true to time.
#[derive(Clone, Debug)]
pub(super) struct Scale {
    /// Dossiers.
    pub(super) cards: usize,
    /// The same seed invents the same people.
    pub(super) seed: u64,
    /// Machines.
    pub(super) stations: usize,
    /// Packing desks.
    pub(super) desks: usize,
    /// Blanks in a pack.
    pub(super) pack: u32,
    /// Chips are reached over PC/SC.
    pub(super) pcsc: bool,
    /// Devices take their time.
    pub(super) real_time: bool,
    /// Quality of the portraits' JPEGs, if not as usual.
    pub(super) portrait_quality: Option<u8>,
    /// The kind of chip in the blanks.
    pub(super) chip: String,
}

impl Default for Scale {
    fn default() -> Self {
        Self {
            cards: 0,
            seed: 2021,
            stations: STATIONS,
            desks: DESKS,
            pack: PACK,
            pcsc: false,
            real_time: false,
            portrait_quality: None,
            chip: CHIP.to_owned(),
        }
    }
}

/// Runs the verb.
///
/// # Errors
/// Whatever stops the line.
pub fn main(arguments: &Arguments) -> anyhow::Result<bool> {
    std::fs::create_dir_all(&arguments.facility)?;
    let dir = std::fs::canonicalize(&arguments.facility)?;
    setup::clear_unfinished(&dir)?;
    with_environment(&dir)?;
    super::runtime()?.block_on(rehearse(arguments, &dir))
}

impl Arguments {
    /// What a new facility shares with others.
    fn sharing(&self) -> anyhow::Result<Sharing> {
        let absolute = |path: &Option<PathBuf>| path.as_ref().map(std::fs::canonicalize).transpose();
        Ok(Sharing {
            lot: self.lot,
            ledger_copy: None,
            order_book: self.order_book.clone(),
            password: absolute(&self.order_book_password)?,
            lease: self.lease,
            beside: absolute(&self.beside)?.zip(self.controller.clone()),
        })
    }
}

async fn rehearse(arguments: &Arguments, dir: &Path) -> anyhow::Result<bool> {
    let scale = Scale {
        cards: arguments.cards,
        seed: arguments.seed,
        chip: arguments.chip.clone(),
        pcsc: arguments.readers == Readers::Pcsc,
        stations: arguments.stations,
        desks: arguments.desks,
        ..Scale::default()
    };
    let clock = Clock::system();
    let hall_dir = dir.join("hall");
    if !setup::is_done(dir) {
        println!("Setting up a rehearsal facility in {}", dir.display());
        setup::facility(&scale, dir, &arguments.sharing()?, clock).await?;
    } else {
        println!(
            "Going on with the rehearsal in {}: its people, machines and chips stay",
            dir.display()
        );
    }
    let hall = Hall::enter(&hall_dir, clock).await?;
    let facility = match Facility::open_patiently(dir, clock).await {
        // Somebody else works in this facility, and in its hall.
        Err(fault) if *fault.code == LOCKED => {
            hall.leave();
            return Err(fault.into());
        }
        opened => opened?,
    };
    let line = Arc::new(super::run::line(&facility, clock).await?);
    setup::receive_packs(&facility, &hall_dir).await?;
    people::admit(&scale, dir, &line, &facility).await?;
    people::resume(&line, &facility.config.positions()).await?;
    if arguments.prepare {
        drop(line);
        facility.close().await?;
        return Ok(true);
    }
    let (stations, desks) = (facility.config.stations.len(), facility.config.desks.len());
    println!("Making cards on {stations} stations and {desks} desks");
    let outcome = super::run::make(&facility, &line, Ending::WhenDrained).await;
    let balanced = super::summary::print(&facility, &line).await?;
    let agrees = super::summary::against_hall(&facility, &hall_dir).await?;
    let all_made = outcome.is_err() || super::summary::is_all_made(&line).await?;
    drop(line);
    facility.close().await?;
    outcome?;
    Ok(balanced && agrees && all_made)
}
