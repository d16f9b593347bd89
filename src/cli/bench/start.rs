//! `cardwright bench start`: from the start of a controller to its first record about a card, with many orders open.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use clap::Args;

use super::orders;
use crate::base::Clock;
use crate::base::ids::{AttemptId, MachineId};
use crate::cli::crash::recovery::first_card;
use crate::cli::facility::{Facility, with_environment};
use crate::cli::rehearse::outside::Hall;
use crate::cli::rehearse::{Scale, people, setup};
use crate::cli::run;
use crate::cli::say;
use crate::cli::scratch::Scratch;
use crate::job::{Event, Fact};
use crate::port::{Ledger, OrderBook};

/// Cards that can be made, several for every start.
const CARDS: usize = 40;
/// A machine that is not there: what lies on it stays open.
const ABSENT: &str = "S99";
/// Orders in a lot of that machine.
const LOT: usize = 50;
/// How often the ledger is looked at.
const TICK: Duration = Duration::from_millis(20);
/// A controller that has no card by now will never have one.
const PATIENCE_TICKS: u32 = 3_000;

/// Arguments of `bench start`.
#[derive(Args, Debug)]
pub struct Arguments {
    /// Orders that are open: half of them wait, half were given to a machine and have a planned attempt.
    #[arg(long, default_value_t = 10_000)]
    orders: usize,
    /// Starts, each after the SIGKILL of the controller before.
    #[arg(long, default_value_t = 5)]
    starts: u32,
    /// Make the facility in this folder, and leave it there.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// No start may take longer, in milliseconds.
    #[arg(long, default_value_t = 2_000)]
    within: u64,
}

/// Runs the verb: false if a start took too long.
///
/// # Errors
/// Whatever stops what is measured.
pub(super) fn main(arguments: &Arguments) -> anyhow::Result<bool> {
    let scratch = Scratch::new(arguments.dir.as_deref())?;
    with_environment(&scratch.dir)?;
    crate::cli::runtime()?.block_on(measure(arguments, &scratch))
}

async fn measure(arguments: &Arguments, scratch: &Scratch) -> anyhow::Result<bool> {
    let (dir, clock) = (&scratch.dir, Clock::system());
    let scale = Scale {
        cards: CARDS,
        ..Scale::default()
    };
    setup::facility(&scale, dir, &setup::Sharing::default(), clock).await?;
    let _hall = Hall::enter(&dir.join("hall"), clock).await?;
    let facility = Facility::open(dir, clock).await?;
    setup::receive_packs(&facility, &dir.join("hall")).await?;
    let line = Arc::new(run::line(&facility, clock).await?);
    orders::fill(&line, arguments.orders).await?;
    give(&facility, arguments.orders / 2).await?;
    people::admit(&scale, dir, &line, &facility).await?;
    let config = facility.config.clone();
    drop(line);
    facility.close().await?;
    let mut worst = Duration::ZERO;
    for start in 1..=arguments.starts {
        let (begun, before) = (clock.now(), crate::cli::crash::recovery::records(&config).await?);
        let mut controller = tokio::process::Command::new(std::env::current_exe()?)
            .args(["run", "--facility"])
            .arg(dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let mut ticks = 0;
        let took = loop {
            if let Some(took) = first_card(&config, begun, before).await? {
                break took;
            }
            if ticks == PATIENCE_TICKS || controller.try_wait()?.is_some() {
                bail!("start {start}: no card");
            }
            ticks += 1;
            clock.sleep(TICK).await;
        };
        controller.kill().await?;
        say(format_args!(
            "start {start}: first record about a card after {:.2} s",
            took.as_secs_f64()
        ));
        worst = worst.max(took);
    }
    say(format_args!(
        "{} orders open, worst of {} starts: {:.2} s",
        arguments.orders,
        arguments.starts,
        worst.as_secs_f64()
    ));
    Ok(worst <= Duration::from_millis(arguments.within))
}

/// Gives orders to the machine that is not there: claimed, and planned in the ledger.
async fn give(facility: &Facility, mut count: usize) -> anyhow::Result<()> {
    let machine = MachineId::new(ABSENT);
    while count > 0 {
        let ticket = format!("bench {count}");
        let Some(lot) = facility.order_book.claim(&ticket, &machine, LOT).await? else {
            return Ok(());
        };
        count = count.saturating_sub(lot.orders.len());
        let planned = lot.orders.iter().map(|order| {
            let planned = Event::Planned {
                lot: lot.id,
                machine: machine.clone(),
                replaces: None,
            };
            let id = AttemptId {
                order: *order,
                number: 1,
            };
            Fact::attempt(id, planned)
        });
        let mut facts = vec![Fact::LotClaimed { lot: lot.clone() }];
        facts.extend(planned);
        facility.ledger.append(facts, Vec::new()).await?;
    }
    Ok(())
}
