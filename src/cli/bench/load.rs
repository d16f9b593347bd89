//! `cardwright bench load`: more dossiers come than the machines can make, for as long as one likes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Args;
use tokio::task::JoinHandle;

use super::people::PORTRAIT_QUALITY;
use super::process;
use crate::base::Clock;
use crate::base::clock::Stopwatch;
use crate::cli::facility::{Facility, with_environment};
use crate::cli::rehearse::people::{Cast, send};
use crate::cli::rehearse::{Scale, setup};
use crate::cli::scratch::Scratch;
use crate::cli::{run, summary};
use crate::line::audit::audit;
use crate::line::costs::Effort;
use crate::line::{self, Ending, Line};
use crate::sim::registry::Registry;

const MINUTE: Duration = Duration::from_secs(60);
/// What a machine makes in a minute: chip, serial line and both sides one after the other, each taking its time.
const MACHINE_A_MINUTE: f64 = 1.75;
/// Until then caches fill.
const WARM_MINUTES: usize = 5;
/// Memory after that, at most so much above or below its middle.
const MEMORY_BAND_MAX_PERCENT: f64 = 5.0;

/// Arguments of `bench load`.
#[derive(Args, Debug)]
pub struct Arguments {
    /// How long dossiers come.
    #[arg(long, default_value_t = 60)]
    minutes: u32,
    /// Machines.
    #[arg(long, default_value_t = 64, value_parser = crate::cli::at_least_one)]
    stations: usize,
    /// Packing desks.
    #[arg(long, default_value_t = 8, value_parser = crate::cli::at_least_one)]
    desks: usize,
    /// Dossiers, for each card that the machines can make.
    #[arg(long, default_value_t = 1.5)]
    overload: f64,
    /// Make the facility in this folder, and leave it there.
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// Runs the verb. Its exit code says whether the books agree and memory stayed as it was.
///
/// # Errors
/// Whatever stops the line.
pub(super) fn main(arguments: &Arguments) -> anyhow::Result<bool> {
    let scratch = Scratch::new(arguments.dir.as_deref())?;
    with_environment(&scratch.dir)?;
    crate::cli::runtime()?.block_on(load(arguments, &scratch.dir))
}

async fn load(arguments: &Arguments, dir: &Path) -> anyhow::Result<bool> {
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a few thousand at most"
    )]
    let a_minute = (arguments.stations as f64 * MACHINE_A_MINUTE * arguments.overload).max(1.0) as u32;
    let scale = Scale {
        cards: usize::try_from(u64::from(a_minute) * u64::from(arguments.minutes))?,
        stations: arguments.stations,
        desks: arguments.desks,
        real_time: true,
        portrait_quality: Some(PORTRAIT_QUALITY),
        ..Scale::default()
    };
    let clock = Clock::system();
    let sharing = setup::Sharing::default();
    let (hall, facility, line) = Box::pin(super::opened(&scale, dir, &sharing, clock)).await?;
    let hall_dir = dir.join("hall");
    println!("{a_minute} dossiers a minute for {} machines", arguments.stations);

    let came = Arc::new(AtomicU64::new(0));
    let (stations, desks) = (run::stations(&facility, &line), run::desks(&facility, &line));
    let arriving = arrive(&scale, dir, &facility, &line, &came, MINUTE / a_minute);
    let watching = tokio::spawn(watch(Arc::clone(&line), Arc::clone(&came), arguments.minutes));
    let outcome = line::run(Arc::clone(&line), stations, desks, Ending::WhenStopped).await;
    arriving.abort();
    let arrived = arriving.await;
    let memory = watching.await?;
    outcome?;
    if let Ok(arrived) = arrived {
        arrived?;
    }

    let flat = tell_memory(&memory);
    tell_steps(&line);
    let agreed = summary::against_hall(&facility, &hall_dir).await?;
    let audited = audit(&*facility.ledger, None, &[]).await?;
    println!(
        "Ledger:   {} records, {} of them wrong",
        audited.books.size(),
        audited.flaws.len()
    );
    drop(line);
    facility.close().await?;
    drop(hall);
    Ok(flat && agreed && audited.flaws.is_empty())
}

/// The registry approves and sends one dossier after the other, whether or not anybody can keep up (an open loop).
fn arrive(
    scale: &Scale,
    dir: &Path,
    facility: &Facility,
    line: &Arc<Line>,
    came: &Arc<AtomicU64>,
    every: Duration,
) -> JoinHandle<anyhow::Result<()>> {
    let (line, came, dir) = (Arc::clone(line), Arc::clone(came), dir.to_owned());
    let (cards, intake) = (scale.cards, facility.intake_key);
    tokio::spawn(async move {
        let people = Cast::of(&dir)?
            .invent(cards, Some(intake))
            .with_portrait_quality(PORTRAIT_QUALITY);
        let authority = Registry::open(&dir.join("registry.db")).await?;
        let (watch, mut due) = (Stopwatch::start(), Duration::ZERO);
        for request in people.requests() {
            line.clock.sleep(due.saturating_sub(watch.elapsed())).await;
            due += every;
            authority
                .approve(std::slice::from_ref(&request.request_id))
                .await?;
            send(&line, &request).await?;
            came.fetch_add(1, Ordering::Relaxed);
        }
        authority.close().await;
        Ok(())
    })
}

/// Says every minute how it stands, and stops the line at the end. Answers the controller's memory in kilobytes, minute
/// by minute.
async fn watch(line: Arc<Line>, came: Arc<AtomicU64>, minutes: u32) -> Vec<u64> {
    let mut memory = Vec::new();
    let watch = Stopwatch::start();
    for minute in 1..=minutes {
        line.clock
            .sleep((MINUTE * minute).saturating_sub(watch.elapsed()))
            .await;
        let (now, _) = process::memory_kb();
        memory.push(now);
        let snapshot = line.progress.snapshot();
        println!(
            "  {minute:>3} min: {} dossiers came, {} cards made, {} in boxes, {} spoiled; {} MB",
            came.load(Ordering::Relaxed),
            snapshot.made,
            snapshot.boxed,
            snapshot.spoiled.values().sum::<u64>(),
            now / 1_024
        );
    }
    line.stop();
    memory
}

/// Says how much memory moved once it was warm; false if that is too much.
fn tell_memory(kilobytes: &[u64]) -> bool {
    let warm = kilobytes.get(WARM_MINUTES..).unwrap_or_default();
    let (Some(&least), Some(&most)) = (warm.iter().min(), warm.iter().max()) else {
        println!("Memory:   not watched for longer than {WARM_MINUTES} minutes");
        return true;
    };
    #[expect(clippy::cast_precision_loss, reason = "a share for people")]
    let band = (most - least) as f64 / (most + least) as f64 * 100.0;
    println!(
        "Memory:   {} to {} MB after {WARM_MINUTES} minutes, within {band:.1} % of its middle (at most \
         {MEMORY_BAND_MAX_PERCENT})",
        least / 1_024,
        most / 1_024
    );
    band <= MEMORY_BAND_MAX_PERCENT
}

/// Says how long each kind of work took, its devices and its people included.
fn tell_steps(line: &Line) {
    println!("          half within   999 of 1,000 within");
    for (effort, took) in line.costs.took() {
        let within = |quantile: f64| Duration::from_micros(took.value_at_quantile(quantile)).as_secs_f64();
        let (half, most) = (within(0.5), within(0.999));
        println!(
            "{:<8} {half:>10.3} s   {most:>10.3} s, {:.1} times as long",
            Effort::name(effort),
            most / half
        );
    }
}
