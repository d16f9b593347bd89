//! `cardwright bench line`: a whole line on a facility of its own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::meter::{self, Meter};
use super::people::PORTRAIT_QUALITY;
use super::process;
use super::report::{Reading, Report};
use crate::base::Clock;
use crate::base::clock::Stopwatch;
use crate::cli::facility::with_environment;
use crate::cli::rehearse::{Readers, Scale, people, setup};
use crate::cli::run;
use crate::cli::scratch::Scratch;
use crate::line::{self, Ending, Line};
use crate::sim::hall;
use crate::sim::postgres::Postgres;

/// How often the count of boxed cards is looked at.
const TICK: Duration = Duration::from_millis(20);

/// Arguments of `bench line`.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Cards to make.
    #[arg(long, default_value_t = 1_000)]
    cards: usize,
    /// Machines.
    #[arg(long, default_value_t = 32, value_parser = crate::cli::at_least_one)]
    stations: usize,
    /// Packing desks.
    #[arg(long, default_value_t = 12, value_parser = crate::cli::at_least_one)]
    desks: usize,
    /// Do devices take their time?
    #[arg(long, value_enum, default_value_t = Timing::Instant)]
    timing: Timing,
    /// How chips are reached.
    #[arg(long, value_enum, default_value_t = Readers::Sockets)]
    readers: Readers,
    /// Where the order book is: in a file, or on a PostgreSQL server that is started for it.
    #[arg(long, value_enum, default_value_t = BookPlace::File)]
    order_book: BookPlace,
    /// Keep a second copy of the ledger in this folder, which must be there before a chip is sealed or a card printed.
    #[arg(long, value_name = "FOLDER")]
    ledger_copy: Option<PathBuf>,
    /// Make the facility in this folder, on the disk that is to be measured, and leave it there.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
}

/// Where the order book is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum BookPlace {
    /// In a file, on SQLite.
    File,
    /// On a server whose commits wait for the disk.
    Postgres,
}

impl BookPlace {
    /// The server if there is to be one, and how a facility finds it.
    fn open(self) -> anyhow::Result<(Option<Postgres>, setup::Sharing)> {
        if self == Self::File {
            return Ok((None, setup::Sharing::default()));
        }
        let server = Postgres::start_durable()?;
        let sharing = setup::Sharing {
            order_book: Some(server.url()),
            password: Some(server.password_file()),
            ..setup::Sharing::default()
        };
        Ok((Some(server), sharing))
    }
}

/// Do devices take their time?
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum Timing {
    /// They answer at once.
    Instant,
    /// As real ones: ten seconds for a chip, pictures at the speed of their line, seconds for printing.
    Real,
}

/// Runs the verb.
///
/// # Errors
/// Whatever stops the line.
pub(super) fn main(arguments: &Arguments) -> anyhow::Result<bool> {
    let scratch = Scratch::new(arguments.dir.as_deref())?;
    with_environment(&scratch.dir)?;
    let report = crate::cli::runtime()?.block_on(measure(arguments, &scratch.dir))?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        report.print();
    }
    Ok(report.cards > 0)
}

async fn measure(arguments: &Arguments, dir: &Path) -> anyhow::Result<Report> {
    let scale = Scale {
        cards: arguments.cards,
        stations: arguments.stations,
        desks: arguments.desks,
        pcsc: arguments.readers == Readers::Pcsc,
        real_time: arguments.timing == Timing::Real,
        portrait_quality: Some(PORTRAIT_QUALITY),
        ..Scale::default()
    };
    let clock = Clock::system();
    let (server, mut sharing) = arguments.order_book.open()?;
    sharing.ledger_copy = arguments
        .ledger_copy
        .as_deref()
        .map(std::path::absolute)
        .transpose()?;
    let (hall, facility, line) = Box::pin(super::opened(&scale, dir, &sharing, clock)).await?;
    let hall_dir = dir.join("hall");
    let watch = Stopwatch::start();
    people::admit(&scale, dir, &line, &facility).await?;
    let admitting = watch.elapsed();
    let waiting = run::orders_in(&run::WANTED, &*facility.order_book, clock.today()).await?;

    let meter = Arc::new(Meter::default());
    let stations = run::stations(&facility, &line);
    let stations = stations
        .into_iter()
        .map(|station| meter::station(station, &meter));
    let desks = run::desks(&facility, &line);
    let desks = desks.into_iter().map(|desk| meter::desk(desk, &meter));
    let (stations, desks) = (stations.collect(), desks.collect());
    process::forget_peak();
    let before = Reading::take(&facility, &line, &meter, hall.pid());
    let pace = tokio::spawn(watch_boxes(Arc::clone(&line), waiting));
    let outcome = line::run(Arc::clone(&line), stations, desks, Ending::WhenDrained).await;
    let after = Reading::take(&facility, &line, &meter, hall.pid());
    pace.abort();
    let pace = pace.await.unwrap_or_default();
    let snapshot = line.progress.snapshot();
    drop(line);
    facility.close().await?;
    outcome?;
    // Its end writes down how its machines spent their time.
    drop((hall, server));
    let times = hall::times(&hall_dir)?;
    Ok(Report::new(&snapshot, admitting, &before, &after, &pace, &times))
}

/// When a tenth and when nine tenths of the cards were boxed. Ends when all are.
async fn watch_boxes(line: Arc<Line>, wanted: u64) -> [Option<(Duration, u64)>; 2] {
    let mut marks = [None, None];
    loop {
        line.clock.sleep(TICK).await;
        let boxed = line.progress.snapshot().boxed;
        for (mark, tenths) in marks.iter_mut().zip([1, 9]) {
            if mark.is_none() && boxed * 10 >= wanted * tenths {
                *mark = Some((line.clock.elapsed(), boxed));
            }
        }
        // A few orders are held or spoiled for good: the last hundredth is not waited for.
        if boxed * 100 >= wanted * 99 {
            return marks;
        }
    }
}
