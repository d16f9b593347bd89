//! What a line has cost.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::meter::Meter;
use super::process;
use crate::base::cpu;
use crate::cli::facility::Facility;
use crate::line::Line;
use crate::line::costs::{Cost, Effort};
use crate::line::progress::Snapshot;
use crate::sim::hall::Times;

/// All counters at a moment.
pub(super) struct Reading {
    at: Duration,
    controller: Duration,
    threads: BTreeMap<String, Duration>,
    hall: Duration,
    machine: Duration,
    costs: BTreeMap<Effort, Cost>,
    ledger_commits: u64,
    book_commits: u64,
    apdus: u64,
    chip_bytes: u64,
    serial_bytes: u64,
    memory_kb: (u64, u64),
}

impl Reading {
    pub(super) fn take(facility: &Facility, line: &Line, meter: &Meter, hall: i32) -> Self {
        Self {
            at: line.clock.elapsed(),
            controller: cpu::of_process(),
            threads: process::threads(),
            hall: process::cpu(hall).unwrap_or_default(),
            machine: process::machine(),
            costs: line.costs.so_far(),
            ledger_commits: facility.ledger.commits(),
            book_commits: facility.order_book.commits(),
            apdus: Meter::read(&meter.apdus),
            chip_bytes: Meter::read(&meter.chip_bytes),
            serial_bytes: Meter::read(&meter.serial_bytes),
            memory_kb: process::memory_kb(),
        }
    }
}

/// What a line has cost; "per card" means per card in a box, spoiled ones and their remakes included.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Cards in boxes.
    pub(super) cards: u64,
    spoiled: u64,
    /// From the line's start, which is recovery, to its end, with all boxes sealed.
    seconds: f64,
    cards_per_second: f64,
    /// Between a tenth and nine tenths of all cards.
    steady_cards_per_second: Option<f64>,
    /// Processor time of the controller alone, milliseconds a card.
    controller_ms: f64,
    /// The same by kind of work: what the line's own tasks used.
    work_ms: BTreeMap<&'static str, f64>,
    /// The same by thread.
    thread_ms: BTreeMap<String, f64>,
    /// Processor time of the simulated hall, milliseconds a card.
    hall_ms: f64,
    /// Share of the machine's processors that others took meanwhile, its host among them: the more, the slower all
    /// this looks.
    disturbed_percent: f64,
    /// Commits of ledger and order book, a sync each.
    ledger_syncs: f64,
    book_syncs: f64,
    apdus: f64,
    chip_bytes: f64,
    serial_bytes: f64,
    memory_mb: f64,
    memory_peak_mb: f64,
    /// Share of the machines' time with a lot in which no device of theirs was at work; known if devices take their
    /// time.
    waiting_percent: Option<f64>,
    /// Admission before the line began, cards a second and milliseconds of the line's tasks a dossier.
    admission_seconds: f64,
    admission_ms: f64,
}

impl Report {
    pub(super) fn new(
        snapshot: &Snapshot,
        admitting: Duration,
        before: &Reading,
        after: &Reading,
        pace: &[Option<(Duration, u64)>; 2],
        times: &BTreeMap<String, Times>,
    ) -> Self {
        let cards = snapshot.boxed;
        let per_card = |count: u64| float(count) / float(cards.max(1));
        let ms = |time: Duration| time.as_secs_f64() * 1_000.0 / float(cards.max(1));
        let seconds = (after.at.saturating_sub(before.at)).as_secs_f64();
        let steady = match pace {
            [Some((from, first)), Some((to, last))] if to > from => {
                Some(float(last.saturating_sub(*first)) / to.saturating_sub(*from).as_secs_f64())
            }
            _ => None,
        };
        let spent = |effort: &Effort, cost: &Cost| {
            let known = before.costs.get(effort).copied().unwrap_or_default();
            cost.cpu.saturating_sub(known.cpu)
        };
        let admission = before.costs.get(&Effort::Admit).copied().unwrap_or_default();
        let (active, busy) = times.values().fold((0.0, 0.0), |(active, busy), times| {
            (
                active + times.active.as_secs_f64(),
                busy + times.busy.as_secs_f64(),
            )
        });
        Self {
            cards,
            spoiled: snapshot.spoiled.values().sum(),
            seconds,
            cards_per_second: float(cards) / seconds,
            steady_cards_per_second: steady,
            controller_ms: ms(after.controller.saturating_sub(before.controller)),
            work_ms: after
                .costs
                .iter()
                .filter(|(effort, _)| **effort != Effort::Admit)
                .map(|(effort, cost)| (effort.name(), ms(spent(effort, cost))))
                .collect(),
            thread_ms: after
                .threads
                .iter()
                .map(|(name, time)| {
                    let known = before.threads.get(name).copied().unwrap_or_default();
                    (name.clone(), ms(time.saturating_sub(known)))
                })
                .collect(),
            hall_ms: ms(after.hall.saturating_sub(before.hall)),
            disturbed_percent: disturbance(before, after),
            ledger_syncs: per_card(after.ledger_commits - before.ledger_commits),
            book_syncs: per_card(after.book_commits - before.book_commits),
            apdus: per_card(after.apdus - before.apdus),
            chip_bytes: per_card(after.chip_bytes - before.chip_bytes),
            serial_bytes: per_card(after.serial_bytes - before.serial_bytes),
            memory_mb: float(after.memory_kb.0) / 1_024.0,
            memory_peak_mb: float(after.memory_kb.1) / 1_024.0,
            waiting_percent: (active > 0.0).then(|| (1.0 - busy / active) * 100.0),
            admission_seconds: admitting.as_secs_f64(),
            admission_ms: admission.cpu.as_secs_f64() * 1_000.0 / float(admission.times.max(1)),
        }
    }

    /// In words.
    pub(super) fn print(&self) {
        let steady = self.steady_cards_per_second.map_or_else(String::new, |rate| {
            format!(", {rate:.1} between the first tenth and the last")
        });
        println!(
            "{} cards in {:.1} s: {:.1} cards/s{steady}; {} spoiled",
            self.cards, self.seconds, self.cards_per_second, self.spoiled
        );
        println!(
            "Controller: {:.2} ms of processor time a card",
            self.controller_ms
        );
        for (work, ms) in &self.work_ms {
            println!("  {work:<12} {ms:>6.2} ms");
        }
        println!("  by thread:");
        for (thread, ms) in &self.thread_ms {
            println!("  {thread:<16} {ms:>6.2} ms");
        }
        println!("Hall:       {:.2} ms of processor time a card", self.hall_ms);
        println!(
            "Others took {:.0} % of the machine's processors meanwhile",
            self.disturbed_percent
        );
        println!(
            "A card:     {:.1} syncs of the ledger, {:.1} of the order book; {:.0} APDUs, {:.0} bytes with chips, \
             {:.0} bytes on serial lines",
            self.ledger_syncs, self.book_syncs, self.apdus, self.chip_bytes, self.serial_bytes
        );
        println!(
            "Memory:     {:.0} MB, {:.0} MB at most",
            self.memory_mb, self.memory_peak_mb
        );
        if let Some(percent) = self.waiting_percent {
            println!("Machines:   {percent:.2} % of their time with a lot no device of theirs was at work");
        }
        println!(
            "Admission:  {:.1} s before the line began, {:.2} ms of its tasks a dossier",
            self.admission_seconds, self.admission_ms
        );
    }
}

/// What neither controller nor hall used of the processor time that was used at all, in percent of what there was.
fn disturbance(before: &Reading, after: &Reading) -> f64 {
    let passed = |part: fn(&Reading) -> Duration| part(after).saturating_sub(part(before)).as_secs_f64();
    let own = passed(|reading| reading.controller) + passed(|reading| reading.hall);
    let processors = std::thread::available_parallelism().map_or(1.0, |count| float(count.get() as u64));
    let all = passed(|reading| reading.at) * processors;
    ((passed(|reading| reading.machine) - own) / all * 100.0).max(0.0)
}

#[expect(clippy::cast_precision_loss, reason = "counts that are shown to people")]
fn float(count: u64) -> f64 {
    count as f64
}
