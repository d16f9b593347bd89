//! `cardwright sim day`: days of the hall on a virtual clock, each from one seed.

use std::io::Write as _;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context;
use clap::Args;

use crate::audit::Hash;
use crate::base::clock::Stopwatch;
use crate::job::Standstill;
use crate::port::Entry;

use super::super::say;
use super::faults::Faults;
use super::kit::{Kit, People};
use super::storm::{self, Outcome};
use super::{Day, Plan, locked, pass};

/// The seed of the people whose cards are made: the same on all days.
const TOWN: u64 = 2021;
/// Of what is wrong with a day, so many lines are told: the first ones matter.
const TOLD_MAX: usize = 12;

/// Live through a day of the hall, or many, with the real line on a virtual clock and devices in memory.
///
/// Chips, printers, readers, scanners, registry, token and books are simulated; machines, lots, desk, decisions and
/// recovery are the ones that make real cards. The seed decides what goes wrong, where and when, within the bounds of
/// the plan. After every commit the rules of the house are checked; in the evening the hall is counted: one good card
/// for every order, every blank accounted for. A day that fails prints the command that lives through it again, to the
/// last fact.
#[derive(Args, Debug)]
pub struct Arguments {
    /// The seed of a day, or the seeds of many: 7, or 0..1000 (without the last).
    #[arg(long, default_value = "0", value_parser = seeds)]
    seed: Range<u64>,
    /// Dossiers that the registry sends in the morning.
    #[arg(long, default_value_t = 50)]
    cards: usize,
    /// What may go wrong: none, bad-day, devices, people, power, storm, or a TOML file with some of the lines
    /// printer = 2, reader = 2, printer_power = 6, power_cuts = 3, registry_away = 12, registry_stops = 1,
    /// short_of_disk = 2, mistakes = 6, slips = ["wrong-box"]: upper bounds, printer and reader for each machine;
    /// slips names the mistakes that people make, all there are if left out.
    #[arg(long, default_value = "bad-day", verbatim_doc_comment)]
    faults: String,
    /// Machines.
    #[arg(long, default_value_t = 3)]
    stations: usize,
    /// Desks.
    #[arg(long, default_value_t = 2)]
    desks: usize,
    /// Days at a time.
    #[arg(long, default_value_t = 1)]
    jobs: usize,
    /// Live through every day twice, and see that both are the same to the last fact.
    #[arg(long)]
    twice: bool,
    /// Write all facts of the day, one a line, to this file.
    #[arg(long)]
    facts: Option<PathBuf>,
}

/// What is told of a day.
struct Lived {
    outcome: Outcome,
    head: Option<Hash>,
    entries: Vec<Entry>,
    passed: Duration,
    good: usize,
    attempts: usize,
}

impl Lived {
    /// The longest time in which no card moved.
    fn standstill(&self) -> Duration {
        let mut standstill = Standstill::default();
        self.entries
            .iter()
            .for_each(|entry| standstill.see(entry.at, &entry.fact));
        standstill.longest()
    }
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let number = |text: &str| text.parse::<u64>().map_err(|error| format!("{text:?}: {error}"));
    match text.split_once("..") {
        Some((from, to)) => Ok(number(from)?..number(to)?),
        None => number(text).map(|seed| seed..seed.saturating_add(1)),
    }
}

/// Lives through the days. False if one of them failed.
///
/// # Errors
/// A plan that is none, or a disk that does not take the facts.
pub fn main(arguments: &Arguments) -> anyhow::Result<bool> {
    let faults = Faults::named(&arguments.faults)?;
    let watch = Stopwatch::start();
    let kit = pass(Kit::new(
        TOWN,
        arguments.cards,
        People::SmallChildren,
        super::CHIP,
    ))??;
    let next = AtomicU64::new(arguments.seed.start);
    let failed = Mutex::new(Vec::new());
    let longest = Mutex::new(Duration::ZERO);
    let many = arguments.seed.end.saturating_sub(arguments.seed.start) > 1;
    let live = || -> anyhow::Result<()> {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= arguments.seed.end {
                return Ok(());
            }
            let (good, stood) = one(arguments, &faults, &kit, seed, many)?;
            if !good {
                locked(&failed).push(seed);
            }
            let mut longest = locked(&longest);
            *longest = stood.max(*longest);
        }
    };
    std::thread::scope(|scope| {
        let jobs: Vec<_> = (0..arguments.jobs.max(1)).map(|_| scope.spawn(live)).collect();
        jobs.into_iter().try_for_each(|job| match job.join() {
            Ok(outcome) => outcome,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })?;
    let mut failed = locked(&failed).clone();
    failed.sort_unstable();
    if many {
        let days = arguments.seed.end - arguments.seed.start;
        say(format!(
            "{days} days of {} cards, plan {}: {} failed; no card moved for {:.0} s at most; {:.1} s",
            arguments.cards,
            arguments.faults,
            failed.len(),
            locked(&longest).as_secs_f64(),
            watch.elapsed().as_secs_f64()
        ));
    }
    for seed in &failed {
        say(format!("  {}", again(arguments, *seed)));
    }
    Ok(failed.is_empty())
}

/// Lives through one day and tells of it: whether all was well, and for how long no card moved at most.
fn one(
    arguments: &Arguments,
    faults: &Faults,
    kit: &Arc<Kit>,
    seed: u64,
    many: bool,
) -> anyhow::Result<(bool, Duration)> {
    let watch = Stopwatch::start();
    let mut lived = live(arguments, faults, kit, seed)?;
    let took = watch.elapsed();
    if arguments.twice {
        let second = live(arguments, faults, kit, seed)?;
        if second.entries != lived.entries {
            lived
                .outcome
                .wrong
                .push("lived again, the day was another".to_owned());
        }
    }
    if let Some(path) = &arguments.facts {
        write(path, &lived.entries).with_context(|| path.display().to_string())?;
    }
    if !many || !lived.outcome.wrong.is_empty() {
        say(told(seed, &lived, took));
    }
    for what in lived.outcome.wrong.iter().take(TOLD_MAX) {
        say(format!("  {what}"));
    }
    if lived.outcome.wrong.len() > TOLD_MAX {
        say(format!("  and {} more", lived.outcome.wrong.len() - TOLD_MAX));
    }
    if !lived.outcome.wrong.is_empty() {
        say(format!("  again: {}", again(arguments, seed)));
    }
    Ok((lived.outcome.wrong.is_empty(), lived.standstill()))
}

fn live(arguments: &Arguments, faults: &Faults, kit: &Arc<Kit>, seed: u64) -> anyhow::Result<Lived> {
    let plan = Plan::usual(seed, arguments.cards, arguments.stations, arguments.desks);
    pass(async {
        let day = Day::with(kit, plan).await?;
        let outcome = storm::weather(&day, faults).await?;
        let attempts = day.ledger.all_attempts();
        Ok::<_, anyhow::Error>(Lived {
            outcome,
            head: day.ledger.head(),
            entries: day.ledger.entries(),
            passed: day.power.clock().elapsed(),
            good: attempts.iter().filter(|attempt| attempt.is_good()).count(),
            attempts: attempts.len(),
        })
    })?
}

fn told(seed: u64, lived: &Lived, took: Duration) -> String {
    let head = lived.head.map(|head| head.to_string()).unwrap_or_default();
    format!(
        "seed {seed}: {} good cards of {} attempts, controllers: {}; {} records, head {}; {:.0} s in {:.2} s, no card \
         moved for {:.0} s at most",
        lived.good,
        lived.attempts,
        lived.outcome.ends(),
        lived.entries.len(),
        head.get(..16).unwrap_or(&head),
        lived.passed.as_secs_f64(),
        took.as_secs_f64(),
        lived.standstill().as_secs_f64(),
    )
}

/// The command that lives through the same day.
fn again(arguments: &Arguments, seed: u64) -> String {
    format!(
        "cardwright sim day --seed {seed} --cards {} --faults {} --stations {} --desks {}",
        arguments.cards, arguments.faults, arguments.stations, arguments.desks
    )
}

fn write(path: &PathBuf, entries: &[Entry]) -> std::io::Result<()> {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    for entry in entries {
        serde_json::to_writer(&mut file, entry)?;
        file.write_all(b"\n")?;
    }
    file.flush()
}
