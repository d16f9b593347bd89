//! `cardwright bench …`: how fast it is here, measured with the code that makes cards.

mod chip;
mod chip_data;
mod face;
mod line;
mod load;
mod meter;
mod orders;
mod people;
mod process;
#[cfg(feature = "pcsc")]
mod readers;
mod report;
mod sod;
mod start;

use std::path::Path;
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::facility::Facility;
use super::rehearse::outside::Hall;
use super::rehearse::{Scale, setup};
use super::run;
use crate::base::clock::Stopwatch;
use crate::base::{Clock, cpu};
use crate::line::Line;

/// What is measured.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run a whole line on a rehearsal facility of its own, hall included, and say what a card costs.
    ///
    /// The facility is made in a temporary folder and removed afterwards. With `--timing instant` devices answer at
    /// once, and the controller is the bottleneck: cards per second count. With `--timing real` chips take about ten
    /// seconds, pictures travel at the speed of their serial lines and printing takes its time, and what counts is how
    /// long machines wait for software.
    Line(line::Arguments),
    /// Let more dossiers come than the machines can make, for an hour, devices taking their time: memory, how long each
    /// step takes, and whether all books agree in the end. Exit code 1 if they do not, or memory grew.
    Load(load::Arguments),
    /// Start a controller again and again with many orders open, and say when its first card comes.
    Start(start::Arguments),
    /// Build EF.SOD, sign it through PKCS#11 and verify it with the other library.
    Sod(Times),
    /// Compose both faces of a card and turn them into the printer's compressed panels.
    Face(Times),
    /// Build all files of a chip but EF.SOD.
    ChipData(Times),
    /// Write, seal and read back a chip of about 30 kB in each dialect: commands, bytes on the wire, and the share of
    /// them that is the card's own. Exit code 1 if a figure is out of its bounds.
    Chip(Times),
    /// What PC/SC costs with us and without: the commands of one chip over a private pcscd, by a minimal client and by
    /// us in turn, and 16 readers at a time. Exit code 1 if a figure is out of its bounds.
    ///
    /// pcscd and vsmartcard-vpcd must be installed; chips answer at once, and with 16 readers after 10 ms.
    #[cfg(feature = "pcsc")]
    Readers(Times),
    /// The minimal client: replays the commands on its standard input, and says how long PC/SC took.
    #[cfg(feature = "pcsc")]
    #[command(hide = true)]
    RawReplay(readers::raw::Arguments),
}

/// How long and in what form.
#[derive(Args, Clone, Copy, Debug)]
pub struct Times {
    /// Seconds to measure.
    #[arg(long, default_value_t = 3)]
    pub seconds: u64,
    /// Answer in JSON.
    #[arg(long)]
    pub json: bool,
}

/// How often something was done in one thread.
#[derive(Debug, Serialize)]
struct Rate {
    what: &'static str,
    times: u64,
    seconds: f64,
    per_second: f64,
    microseconds: f64,
}

/// Runs the verb.
///
/// # Errors
/// Whatever stops what is measured.
pub fn main(verb: Verb) -> anyhow::Result<bool> {
    match verb {
        Verb::Line(arguments) => line::main(&arguments),
        Verb::Load(arguments) => load::main(&arguments),
        Verb::Start(arguments) => start::main(&arguments),
        Verb::Sod(times) => sod::main(times),
        Verb::Face(times) => face::main(times),
        Verb::ChipData(times) => chip_data::main(times),
        Verb::Chip(times) => chip::main(times),
        #[cfg(feature = "pcsc")]
        Verb::Readers(times) => readers::main(times),
        #[cfg(feature = "pcsc")]
        Verb::RawReplay(arguments) => readers::raw::main(&arguments),
    }
}

/// A rehearsal facility in this folder, just made, with its hall open, its blanks received, and a line whose costs are
/// measured.
async fn opened(
    scale: &Scale,
    dir: &Path,
    sharing: &setup::Sharing,
    clock: Clock,
) -> anyhow::Result<(Hall, Facility, Arc<Line>)> {
    setup::facility(scale, dir, sharing, clock).await?;
    let hall_dir = dir.join("hall");
    let hall = Hall::enter(&hall_dir, clock).await?;
    let facility = Facility::open(dir, clock).await?;
    let line = Arc::new(run::line(&facility, clock).await?);
    line.costs.measure();
    setup::receive_packs(&facility, &hall_dir).await?;
    Ok((hall, facility, line))
}

/// Does it again and again, each time with the next number, and says how fast that was by this thread's processor time:
/// what else runs on the machine does not count.
///
/// # Errors
/// The first of what is measured.
fn repeat(
    what: &'static str,
    times: Times,
    mut act: impl FnMut(usize) -> anyhow::Result<()>,
) -> anyhow::Result<Rate> {
    // Once unmeasured: caches are filled.
    act(0)?;
    let (watch, before) = (Stopwatch::start(), cpu::of_thread());
    let mut count = 0_u32;
    while watch.elapsed().as_secs() < times.seconds.max(1) {
        act(usize::try_from(count)?)?;
        count += 1;
    }
    let seconds = cpu::of_thread().saturating_sub(before).as_secs_f64();
    Ok(Rate {
        what,
        times: count.into(),
        seconds,
        per_second: f64::from(count) / seconds,
        microseconds: seconds * 1e6 / f64::from(count),
    })
}

fn print(rates: &[Rate], times: Times) -> anyhow::Result<bool> {
    if times.json {
        println!("{}", serde_json::to_string_pretty(rates)?);
    } else {
        for rate in rates {
            println!(
                "{:<44} {:>9.0} per second {:>10.1} µs",
                rate.what, rate.per_second, rate.microseconds
            );
        }
    }
    Ok(true)
}
