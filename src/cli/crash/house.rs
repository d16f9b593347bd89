//! The facility whose controllers die, the hall that outlives them, and the offices that keep sending dossiers.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use time::OffsetDateTime;

use super::{people, recovery};
use crate::base::{Clock, Fault};
use crate::cli::facility::Facility;
use crate::cli::rehearse::outside::Hall;
use crate::cli::rehearse::people::{Cast, send};
use crate::cli::rehearse::{Scale, setup};
use crate::cli::run;
use crate::config::{Config, FILE};
use crate::sim::hall;
use crate::sim::kill::{Point, VARIABLE};
use crate::sim::postgres::Postgres;
use crate::sim::registry::Registry;

/// Machines and desks: enough that several cards are under way when a controller dies.
const STATIONS: usize = 3;
const DESKS: usize = 2;
/// Small packs, lots and boxes, so that all kinds of acts come often.
const PACK: u32 = 10;
const LOT: usize = 4;
const BOX: usize = 5;
/// When fewer orders than this are left, more dossiers are approved: this many.
const LEFT_MIN: usize = 12;
const BATCH: usize = 24;
/// Cards that one death costs at most, to lay in enough blanks.
const CARDS_PER_DEATH: usize = 8;
/// A supervisor comes round after this time, and again; a controller that neither dies nor ends meanwhile is stuck.
const ROUND: Duration = Duration::from_secs(6);
const ROUNDS_MAX: u32 = 20;
/// Controllers that may be needed until nothing is left to do: an order may have to wait for a report.
const LAST_LIVES: u32 = 3;
/// Lines of a controller's log that are shown when it failed.
const LOG_LINES: usize = 5;

/// How a controller's life went.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Life {
    /// SIGKILL.
    Killed,
    /// It had nothing more to do, and everything balanced.
    Ended,
    /// Otherwise.
    Failed(String),
    /// It neither died nor ended.
    Stuck,
}

impl fmt::Display for Life {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Killed => f.write_str("killed"),
            Self::Ended => f.write_str("the point was never reached"),
            Self::Failed(log) => write!(f, "failed: {log}"),
            Self::Stuck => f.write_str("stuck"),
        }
    }
}

/// The facility and its hall.
pub(super) struct House {
    pub(super) dir: PathBuf,
    pub(super) config: Config,
    clock: Clock,
    scale: Scale,
    /// Dossiers approved so far, and orders that came of them.
    approved: usize,
    admitted: usize,
    /// When the last controller was started, and how long the ledger was then.
    begun: (OffsetDateTime, u64),
    /// Cards that a person had to look for.
    pub(super) searched: u32,
    _hall: Hall,
}

/// A facility that is not built yet.
pub(super) struct Plan {
    dir: PathBuf,
    scale: Scale,
    sharing: setup::Sharing,
    clock: Clock,
}

impl Plan {
    /// The order book is on this server.
    pub(super) fn keep_orders_on(&mut self, server: &Postgres) {
        self.sharing.order_book = Some(server.url());
        self.sharing.password = Some(server.password_file());
    }

    /// Makes the facility, with a hall that runs.
    pub(super) async fn build(self) -> anyhow::Result<House> {
        let Self {
            dir,
            scale,
            sharing,
            clock,
        } = self;
        setup::facility(&scale, &dir, &sharing, clock).await?;
        let mut config = Config::load(&dir)?;
        (config.lot_cards, config.box_cards) = (LOT, BOX);
        std::fs::write(dir.join(FILE), config.render())?;
        let hall = Hall::enter(&dir.join("hall"), clock).await?;
        let mut house = House {
            dir,
            config,
            clock,
            scale,
            approved: 0,
            admitted: 0,
            begun: (clock.now(), 0),
            searched: 0,
            _hall: hall,
        };
        let facility = Box::pin(house.open()).await?;
        setup::receive_packs(&facility, &house.hall_dir()).await?;
        Box::pin(facility.close()).await?;
        Box::pin(house.approve(BATCH)).await?;
        Ok(house)
    }
}

impl House {
    /// A facility for so many deaths.
    pub(super) fn plan(dir: &Path, seed: u64, deaths: usize, clock: Clock) -> Plan {
        Plan {
            dir: dir.to_owned(),
            scale: Scale {
                cards: BATCH * 2 + deaths * CARDS_PER_DEATH,
                seed,
                stations: STATIONS,
                desks: DESKS,
                pack: PACK,
                ..Scale::default()
            },
            sharing: setup::Sharing::default(),
            clock,
        }
    }

    pub(super) fn hall_dir(&self) -> PathBuf {
        self.dir.join("hall")
    }

    /// Approves more dossiers when the orders are running out. No controller may be running.
    pub(super) async fn approve_enough(&mut self) -> anyhow::Result<()> {
        let boxed = hall::inventory(&self.hall_dir())?.boxes.len();
        if self.admitted.saturating_sub(boxed) < LEFT_MIN {
            Box::pin(self.approve(BATCH)).await?;
        }
        Ok(())
    }

    async fn approve(&mut self, count: usize) -> anyhow::Result<()> {
        let facility = Box::pin(Facility::open(&self.dir, self.clock)).await?;
        let line = Arc::new(run::line(&facility, self.clock).await?);
        let people = Cast::of(&self.dir)?.invent(self.scale.cards, Some(facility.intake_key));
        let authority = Registry::open(&self.dir.join("registry.db")).await?;
        for number in self.approved..self.approved + count {
            let request = people.request(number);
            authority
                .approve(std::slice::from_ref(&request.request_id))
                .await?;
            if send(&line, &request).await?.is_some_and(|held| !held) {
                self.admitted += 1;
            }
        }
        self.approved += count;
        authority.close().await;
        drop(line);
        Box::pin(facility.close()).await?;
        Ok(())
    }

    /// A controller works until there is nothing left to do, or until it dies at this coming of this point.
    pub(super) async fn live(&mut self, until: Option<(Point, u32)>) -> anyhow::Result<Life> {
        let log = self.dir.join("controller.log");
        let into = std::fs::File::create(&log)?;
        let mut controller = tokio::process::Command::new(std::env::current_exe()?);
        controller
            .args(["run", "--drain", "--facility"])
            .arg(&self.dir)
            .stdin(Stdio::null())
            .stdout(into.try_clone()?)
            .stderr(into)
            .kill_on_drop(true);
        if let Some((point, nth)) = until {
            controller.env(VARIABLE, format!("{point}:{nth}"));
        }
        self.begun = (self.clock.now(), recovery::records(&self.config).await?);
        let mut controller = controller.spawn().context("the controller does not start")?;
        let mut rounds = 0;
        let status = loop {
            match self.clock.within(ROUND, controller.wait()).await {
                Some(status) => break status?,
                None if rounds == ROUNDS_MAX => return Ok(Life::Stuck),
                None => {
                    rounds += 1;
                    self.searched += people::make_a_round(self).await?;
                }
            }
        };
        if status.success() {
            return Ok(Life::Ended);
        }
        if status.signal().is_some() {
            return Ok(Life::Killed);
        }
        let log = std::fs::read_to_string(log)?;
        let last: Vec<&str> = log.lines().rev().take(LOG_LINES).collect();
        Ok(Life::Failed(
            last.into_iter().rev().collect::<Vec<_>>().join(" / "),
        ))
    }

    /// Controllers work undisturbed until there is nothing left to do.
    pub(super) async fn work_to_the_end(&mut self) -> anyhow::Result<Vec<String>> {
        for _ in 1..LAST_LIVES {
            self.live(None).await?;
        }
        Ok(match self.live(None).await? {
            Life::Ended => Vec::new(),
            other => vec![format!("the last controller: {other}")],
        })
    }

    /// How long the last controller took from its start to its first record about a card, if it came so far.
    pub(super) async fn recovered(&self) -> Result<Option<Duration>, Fault> {
        recovery::first_card(&self.config, self.begun.0, self.begun.1).await
    }

    /// Opens the facility for a look at its books. No controller may be running.
    pub(super) async fn open(&self) -> Result<Facility, Fault> {
        Box::pin(Facility::open(&self.dir, self.clock)).await
    }

    pub(super) fn today(&self) -> time::Date {
        self.clock.today()
    }
}
