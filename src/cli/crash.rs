//! `cardwright sim crash`: kills the real daemon with SIGKILL at its kill points, starts it again against the same
//! hall, and lets the hall judge, whose books say what physically lies where.

mod house;
mod judge;
mod people;
pub(super) mod recovery;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::facility::with_environment;
use super::say;
use super::scratch::Scratch;
use crate::base::{Clock, Entropy};
use crate::job::Step;
use crate::sim::kill::{Act, Moment, Point};
use crate::sim::postgres::Postgres;
use house::{House, Life};
use judge::Judge;

/// Arguments of `sim crash`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  cardwright sim crash                            every kill point once
  cardwright sim crash --rounds 5 --seed 7        every kill point five times, at other comings
  cardwright sim crash --at print/mid-act         one of them
  cardwright sim crash --postgres                 every kill point once, with the order book on PostgreSQL

A line for each death: the point and at which of its comings, how long the next controller took from its start to its
first record about a card, and what is wrong, if anything. It ends with 1 if anything is.")]
pub struct Arguments {
    /// Only these points; `sim kill-points` lists them.
    #[arg(long = "at", value_name = "POINT")]
    at: Vec<Point>,
    /// So many times each.
    #[arg(long, default_value_t = 1)]
    rounds: u32,
    /// Decides at which coming of its point each controller dies.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The order book is on a PostgreSQL server, which is started for it, instead of in a file.
    #[arg(long)]
    postgres: bool,
    /// Make the facility in this folder, and leave it there.
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// Runs the verb.
///
/// # Errors
/// When the facility cannot be made, or a process cannot be started.
pub fn main(arguments: &Arguments) -> anyhow::Result<bool> {
    let scratch = Scratch::new(arguments.dir.as_deref())?;
    with_environment(&scratch.dir)?;
    super::runtime()?.block_on(crash(arguments, &scratch))
}

async fn crash(arguments: &Arguments, scratch: &Scratch) -> anyhow::Result<bool> {
    let points: Vec<Point> = match &arguments.at[..] {
        [] => Point::all().collect(),
        named => named.to_vec(),
    };
    let kills = points.len() * usize::try_from(arguments.rounds)?;
    let server = arguments.postgres.then(Postgres::start).transpose()?;
    let mut plan = House::plan(&scratch.dir, arguments.seed, kills, Clock::system());
    if let Some(server) = &server {
        plan.keep_orders_on(server);
    }
    let mut house = Box::pin(plan.build()).await?;
    let mut judge = Judge::new(&house);
    let dice = Entropy::seeded(arguments.seed);
    let (mut killed, mut breaks, mut worst) = (0u32, 0usize, Duration::ZERO);
    for round in 0..arguments.rounds {
        for point in &points {
            let nth = coming(*point, round, &dice)?;
            let (nth, life) = until_death(&mut house, *point, nth).await?;
            let mut wrong = judge.after_a_death().await?;
            let recovered = house.recovered().await?;
            match life {
                Life::Killed => killed += 1,
                other => wrong.push(other.to_string()),
            }
            worst = worst.max(recovered.unwrap_or_default());
            let time =
                recovered.map_or_else(|| "-".to_owned(), |time| format!("{:.2} s", time.as_secs_f64()));
            say(format_args!(
                "{:<28} {time:>8}  {}",
                format!("{point}:{nth}"),
                verdict(&wrong)
            ));
            breaks += wrong.len();
        }
    }
    let mut wrong = house.work_to_the_end().await?;
    wrong.extend(judge.at_the_end(&house).await?);
    breaks += wrong.len();
    say(format_args!(
        "{killed} kills at {} points, {breaks} breaks, worst time from start to the first record about a card {:.2} s",
        points.len(),
        worst.as_secs_f64()
    ));
    say(format_args!(
        "{} cards in boxes, {} looked for by a person: {}",
        judge.boxed(),
        house.searched,
        verdict(&wrong)
    ));
    Ok(breaks == 0)
}

fn verdict(wrong: &[String]) -> String {
    if wrong.is_empty() {
        "sound".to_owned()
    } else {
        format!("BROKEN: {}", wrong.join("; "))
    }
}

/// A controller that dies at this point. If it ends in order before this coming, the first one will do.
async fn until_death(house: &mut House, point: Point, nth: u32) -> anyhow::Result<(u32, Life)> {
    house.approve_enough().await?;
    match house.live(Some((point, nth))).await? {
        Life::Ended if nth > 1 => {
            house.approve_enough().await?;
            Ok((1, house.live(Some((point, 1))).await?))
        }
        life => Ok((nth, life)),
    }
}

/// At which coming: the first in the first round, then by lot. In the middle of an act each exchange with the device is
/// a coming, and so is each lot of commands that go together; acts take many.
fn coming(point: Point, round: u32, dice: &Entropy) -> anyhow::Result<u32> {
    let span = match (point.act, point.moment) {
        (Act::Step(Step::Encode), Moment::MidAct) => 60,
        (Act::Step(Step::Verify | Step::Prove), Moment::MidAct) => 40,
        (Act::Step(Step::Print), Moment::MidAct) => 20,
        (Act::Step(Step::Bind) | Act::SealBox, Moment::MidAct) => 6,
        (Act::Step(_) | Act::Sign | Act::Report, _) => 3,
        _ => 1,
    };
    let dice = u32::from_be_bytes(dice.bytes()?);
    let first = round == 0 && point.moment != Moment::MidAct;
    Ok(if first { 1 } else { 1 + dice % span })
}
