//! What goes wrong on a day, drawn from its seed within a plan, and living through it.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::base::ids::MachineId;
use crate::base::{Blame, Fault};
use crate::sim::memory::ReaderTrouble;
use crate::sim::printer::{What, When};

use super::faults::Faults;
use super::{Day, End, judge};

/// Controllers that a day may wear out, those that die included.
const CONTROLLERS_MAX: usize = 16;
/// Moments at the doors that one card takes, about.
const MOMENTS_PER_CARD: usize = 250;
/// The first moments of a controller: start-up is recovery.
const FIRST_MOMENTS: u32 = 150;
/// Commands to a printer, one of which brings trouble.
const COMMANDS: [&str; 10] = [
    "Sic", "Sp;k", "Se", "Seb", "Ss", "Sv", "Dbc", "Rlr;p", "Rco", "Scs",
];
/// Commands of one card to its chip, about.
const CHIP_COMMANDS_PER_CARD: usize = 60;
/// Bytes that a printer is sent for a card, about.
const BYTES_PER_CARD: u32 = 110_000;
/// Seconds of the day that one card takes, about.
const SECONDS_PER_CARD: usize = 10;
/// Seconds until somebody has made room on a disk: a controller that has nothing else to do gives up sooner.
const SHORT_SECONDS_MAX: u32 = 15;
/// A printer's longest delay in milliseconds: longer than any deadline.
const DELAY_MAX_MS: u32 = 90_000;

/// What came of a day.
#[derive(Debug)]
pub struct Outcome {
    /// Whatever is wrong, in words.
    pub wrong: Vec<String>,
    /// How its controllers ended.
    pub ends: Vec<End>,
}

impl Outcome {
    /// How the controllers ended, in short.
    #[must_use]
    pub fn ends(&self) -> String {
        let word = |end: &End| match end {
            End::Failed(fault) => fault.code.id.to_owned(),
            other => format!("{other:?}").to_lowercase(),
        };
        self.ends.iter().map(word).collect::<Vec<_>>().join(" ")
    }
}

/// Lives through a day: everything is admitted in the morning, then what the plan allows and the seed decides goes
/// wrong until no order waits.
///
/// # Errors
/// The books', or broken built-in data.
pub async fn weather(day: &Day, faults: &Faults) -> Result<Outcome, Fault> {
    day.admit(day.requests()).await?;
    let mut dice = Dice(ChaCha8Rng::seed_from_u64(day.plan.seed));
    trouble(day, faults, &mut dice);
    power_of_printers(day, faults);
    second_thoughts(day, faults);
    full_disks(day, faults);
    let deaths = usize::try_from(dice.below(faults.power_cuts + 1)).unwrap_or(0);
    let moments = u32::try_from(day.requests().len() * MOMENTS_PER_CARD).unwrap_or(u32::MAX);
    let mut ends = Vec::new();
    for number in 0..CONTROLLERS_MAX {
        let span = if dice.below(3) == 0 {
            FIRST_MOMENTS
        } else {
            moments
        };
        let cut = dice.below(span).into();
        let end = day.work((number < deaths).then_some(cut)).await?;
        let stuck = end == End::Stuck;
        ends.push(end);
        if stuck || !day.broken().is_empty() {
            break;
        }
        // Also when all that is left are cards of which a person must say what becomes of them.
        let nothing_found = ends.last() == Some(&End::Done) && day.evening().await?;
        if nothing_found && day.is_done().await? {
            break;
        }
    }
    day.power.restore(None);
    let mut wrong = day.broken();
    wrong.extend(judge::judge(day).await?);
    if ends.last() != Some(&End::Done) {
        wrong.push("the last controller did not end in order".to_owned());
    }
    // Only the registry may keep a controller from ending in order: by not answering at the end.
    let failed = ends.iter().filter_map(|end| match end {
        End::Failed(fault) if fault.blame() != Blame::Registry => Some(fault),
        _ => None,
    });
    wrong.extend(failed.map(|fault| format!("a controller failed: {fault}")));
    Ok(Outcome { wrong, ends })
}

fn trouble(day: &Day, faults: &Faults, dice: &mut Dice) {
    let stations = day.hall.stations().count().max(1);
    let share = day.requests().len() / stations;
    let cards = u32::try_from(share).unwrap_or(u32::MAX).max(8);
    let chip_commands = u32::try_from(share * CHIP_COMMANDS_PER_CARD).unwrap_or(u32::MAX);
    for station in day.hall.stations() {
        for _ in 0..dice.below(faults.printer + 1) {
            let command = *dice.pick(&COMMANDS);
            let when = When::Named(command.to_owned(), dice.between(1, cards).into());
            day.hall.printer_trouble(station, when, printer_trouble(dice));
        }
    }
    for place in day.hall.stations().chain(day.hall.desks()) {
        for _ in 0..dice.below(faults.reader + 1) {
            let what = *dice.pick(&[
                ReaderTrouble::Tear,
                ReaderTrouble::LoseAnswer,
                ReaderTrouble::Vanish,
            ]);
            let command = dice.between(1, chip_commands).into();
            day.hall.reader_trouble(place, command, what);
        }
    }
    if faults.registry_away > 0 && dice.below(4) == 0 {
        day.registry.go_away(dice.between(1, faults.registry_away));
    }
    for _ in 0..dice.below(faults.registry_stops + 1) {
        day.registry.stop(&dice.pick(day.requests()).request_id, "held");
    }
    for _ in 0..dice.below(faults.mistakes + 1) {
        let slip = *dice.pick(faults.slips());
        day.hall.mistake(slip, dice.between(1, 6));
    }
}

/// Requests that the registry stops while their cards are made, or when they lie in their boxes already.
fn second_thoughts(day: &Day, faults: &Faults) {
    let mut random = ChaCha8Rng::seed_from_u64(day.plan.seed);
    random.set_stream(2);
    let mut dice = Dice(random);
    let exchanges = u32::try_from(day.requests().len()).unwrap_or(u32::MAX);
    for _ in 0..dice.below(faults.registry_stops + 1) {
        let request = &dice.pick(day.requests()).request_id;
        day.registry
            .stop_later(dice.between(1, exchanges.max(2)), request, "cancelled");
    }
}

/// Times at which the disk is nearly full, until somebody makes room.
fn full_disks(day: &Day, faults: &Faults) {
    let mut random = ChaCha8Rng::seed_from_u64(day.plan.seed);
    random.set_stream(3);
    let mut dice = Dice(random);
    let shift = u32::try_from(day.requests().len() * SECONDS_PER_CARD).unwrap_or(u32::MAX);
    for _ in 0..dice.below(faults.short_of_disk + 1) {
        let from = Duration::from_secs(dice.below(shift).into());
        let length = Duration::from_secs(dice.between(1, SHORT_SECONDS_MAX).into());
        day.host.run_short(from, length, dice.below(4).into());
    }
}

/// Power failures in the middle of what a printer is sent. Drawn by themselves, so that the days before they were
/// thought of are still the days they were.
fn power_of_printers(day: &Day, faults: &Faults) {
    let mut random = ChaCha8Rng::seed_from_u64(day.plan.seed);
    random.set_stream(1);
    let mut dice = Dice(random);
    let share = u32::try_from(day.requests().len() / day.hall.stations().count().max(1));
    let bytes = share.unwrap_or(u32::MAX).saturating_mul(BYTES_PER_CARD);
    let stations: Vec<MachineId> = day.hall.stations().cloned().collect();
    for _ in 0..dice.below(faults.printer_power + 1) {
        let bytes = dice.below(bytes).into();
        day.hall.printer_power_fails(dice.pick(&stations), bytes);
    }
}

fn printer_trouble(dice: &mut Dice) -> What {
    match dice.below(17) {
        0 => What::Refuse('T'),
        1 => What::Refuse('F'),
        2 => What::Refuse('R'),
        3 => What::Refuse('C'),
        4 => What::Break('T'),
        5 => What::Break('R'),
        6 => What::Break('F'),
        7 => What::Mute,
        8 => What::LoseReply,
        9 => What::Pretend,
        10 => What::DropByte,
        11 => What::Repeat,
        12 => What::Hold,
        13 => What::Delay(dice.between(1, DELAY_MAX_MS).into()),
        14 => What::Noise(dice.bytes(24)),
        _ => What::PowerLoss(dice.below(2) == 0),
    }
}

/// Chance from a seed; the slight bias does not matter here.
struct Dice(ChaCha8Rng);

impl Dice {
    fn below(&mut self, bound: u32) -> u32 {
        self.0.next_u32() % bound.max(1)
    }

    fn between(&mut self, low: u32, high: u32) -> u32 {
        low + self.below(high.saturating_sub(low).saturating_add(1))
    }

    fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        let index = self.below(u32::try_from(choices.len()).unwrap_or(u32::MAX));
        &choices[index as usize]
    }

    /// One byte or more.
    fn bytes(&mut self, most: u32) -> Vec<u8> {
        let mut bytes = vec![0; self.between(1, most) as usize];
        self.0.fill_bytes(&mut bytes);
        bytes
    }
}
