//! What goes wrong on a bad day, drawn from a seed.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::base::{Blame, Fault};
use crate::sim::dossiers::Request;
use crate::sim::memory::ReaderTrouble;
use crate::sim::printer::{What, When};

use super::{Day, End, judge};

/// Controllers that a day may wear out, those that die included.
const CONTROLLERS_MAX: usize = 12;
/// The first moments of a controller: start-up is recovery.
const FIRST_MOMENTS: u32 = 150;
/// Commands to a printer, one of which brings trouble.
const COMMANDS: [&str; 10] = [
    "Sic", "Sp;k", "Se", "Seb", "Ss", "Sv", "Dbc", "Rlr;p", "Rco", "Scs",
];
/// Every command of one card to its chip comes within this number.
const CHIP_COMMANDS: u32 = 700;

/// What came of a bad day.
#[derive(Debug)]
pub struct Outcome {
    /// Whatever is wrong at its end, in words.
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
            other => format!("{other:?}"),
        };
        self.ends.iter().map(word).collect::<Vec<_>>().join(" ")
    }
}

/// Lives through a bad day: devices fail, the registry is away or stops a request, and controllers die. A calm day has
/// so many moments.
///
/// # Errors
/// The books', or broken built-in data.
pub async fn weather(day: &Day, requests: &[Request], moments: u64, seed: u64) -> Result<Outcome, Fault> {
    let mut dice = Dice(ChaCha8Rng::seed_from_u64(seed));
    trouble(day, requests, &mut dice);
    let deaths = dice.below(4);
    let moments = u32::try_from(moments).unwrap_or(u32::MAX);
    let mut ends = Vec::new();
    for number in 0..CONTROLLERS_MAX {
        let dies = number < usize::try_from(deaths).unwrap_or(0);
        let span = if dice.below(3) == 0 {
            FIRST_MOMENTS
        } else {
            moments
        };
        let cut = dice.below(span).into();
        let end = day.work(dies.then_some(cut)).await?;
        let stuck = end == End::Stuck;
        ends.push(end);
        if stuck || (ends.last() == Some(&End::Done) && day.is_done().await?) {
            break;
        }
    }
    day.power.restore(None);
    let mut wrong = judge::judge(day).await?;
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

fn trouble(day: &Day, requests: &[Request], dice: &mut Dice) {
    for station in day.hall.stations() {
        for _ in 0..dice.below(3) {
            let command = *dice.pick(&COMMANDS);
            let when = When::Named(command.to_owned(), dice.between(1, 8).into());
            day.hall.printer_trouble(station, when, printer_trouble(dice));
        }
    }
    for place in day.hall.stations().chain(day.hall.desks()) {
        for _ in 0..dice.below(3) {
            let what = *dice.pick(&[
                ReaderTrouble::Tear,
                ReaderTrouble::LoseAnswer,
                ReaderTrouble::Vanish,
            ]);
            let command = dice.between(1, CHIP_COMMANDS).into();
            day.hall.reader_trouble(place, command, what);
        }
    }
    if dice.below(4) == 0 {
        day.registry.go_away(dice.between(1, 12));
    }
    if dice.below(3) == 0 {
        day.registry.stop(&dice.pick(requests).request_id, "held");
    }
}

fn printer_trouble(dice: &mut Dice) -> What {
    match dice.below(14) {
        0 => What::Refuse('T'),
        1 => What::Refuse('F'),
        2 => What::Refuse('R'),
        3 => What::Refuse('C'),
        4 => What::Break('T'),
        5 => What::Break('R'),
        6 => What::Mute,
        7 => What::LoseReply,
        8 => What::Pretend,
        9 => What::DropByte,
        10 => What::Repeat,
        11 => What::Hold,
        12 => What::Delay(dice.between(1, 90_000).into()),
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
        low + self.below(high - low + 1)
    }

    fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        let index = self.below(u32::try_from(choices.len()).unwrap_or(u32::MAX));
        &choices[index as usize]
    }
}
