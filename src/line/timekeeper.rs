//! May the time be trusted? Usage periods, checkpoints and manifests go by it.
//!
//! Two local sources are compared: the wall clock, and an anchor in the ledger carried on by the time since the machine
//! started, which nobody can set. When they part, nothing is signed until two people have accepted the wall clock. A
//! machine that was started anew has only the wall clock: it is believed for a bounded time, with an alarm (holdover),
//! unless it is behind the newest record.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use time::OffsetDateTime;

use crate::base::clock::Reading;
use crate::base::ids::PersonId;
use crate::base::limits::{CLOCK_HOLDOVER, CLOCKS_DIFFER};
use crate::base::{Clock, Fault, Mode};
use crate::job::Fact;
use crate::job::fact::CLOCK;

use super::Line;
use super::fault::{CLOCK_BACKWARD, CLOCK_LOST, unreadable};

/// What the two sources amount to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Standing {
    /// They agree.
    Agreed,
    /// The machine was started so long ago, and nobody has accepted its clock since.
    Holdover(Duration),
    /// The wall clock is behind by so much.
    Backward(Duration),
    /// The wall clock is ahead by so much.
    Ahead(Duration),
    /// Holdover has lasted too long.
    Lost(Duration),
}

impl Standing {
    /// Both sources agree, or one may still be believed.
    fn permits(self) -> Result<(), Fault> {
        let fault = match self {
            Self::Agreed | Self::Holdover(_) => return Ok(()),
            Self::Backward(_) => &CLOCK_BACKWARD,
            Self::Ahead(_) | Self::Lost(_) => &CLOCK_LOST,
        };
        Err(Fault::new(fault, self.to_string()))
    }

    /// Nobody needs to do anything.
    #[must_use]
    pub fn is_certain(self) -> bool {
        self == Self::Agreed
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agreed => f.write_str("both sources agree"),
            Self::Holdover(time) => write!(
                f,
                "HOLDOVER: started {} h ago, and nobody has accepted the clock since; signing stops after {} h",
                time.as_secs() / 3600,
                CLOCK_HOLDOVER.as_secs() / 3600
            ),
            Self::Backward(by) => write!(f, "WENT BACK by {} s: nothing is signed", by.as_secs()),
            Self::Ahead(by) => write!(f, "JUMPED AHEAD by {} s: nothing is signed", by.as_secs()),
            Self::Lost(_) => {
                f.write_str("LOST: nobody has accepted the clock for too long, nothing is signed")
            }
        }
    }
}

/// Compares a reading with the anchor, which may be of an earlier start of the machine, and with the newest record.
#[must_use]
pub fn judge(anchor: Option<&Reading>, newest: Option<OffsetDateTime>, reading: &Reading) -> Standing {
    let apart = |expected: OffsetDateTime| {
        let by = reading.wall - expected;
        (by.is_negative(), by.unsigned_abs())
    };
    let same_start = anchor.filter(|anchor| !anchor.boot_id.is_empty() && anchor.boot_id == reading.boot_id);
    if let Some(anchor) = same_start {
        let (behind, by) = apart(anchor.wall + reading.boot.saturating_sub(anchor.boot));
        return match (by > CLOCKS_DIFFER, behind) {
            (false, _) => Standing::Agreed,
            (true, true) => Standing::Backward(by),
            (true, false) => Standing::Ahead(by),
        };
    }
    if let Some((true, by)) = newest.map(apart)
        && by > CLOCKS_DIFFER
    {
        return Standing::Backward(by);
    }
    if reading.boot > CLOCK_HOLDOVER {
        Standing::Lost(reading.boot)
    } else {
        Standing::Holdover(reading.boot)
    }
}

/// Keeps the anchor at hand.
pub struct Timekeeper {
    read: Box<dyn Fn() -> Reading + Send + Sync>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// Nothing is compared before the ledger was asked.
    asked: bool,
    anchor: Option<Reading>,
    newest: Option<OffsetDateTime>,
}

impl Timekeeper {
    /// Over this clock's two sources.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self::reading(move || clock.reading())
    }

    /// Over these.
    #[must_use]
    pub fn reading(read: impl Fn() -> Reading + Send + Sync + 'static) -> Self {
        Self {
            read: Box::new(read),
            known: Mutex::default(),
        }
    }

    /// What the sources amount to now.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let reading = (self.read)();
        let known = self.known();
        if known.asked {
            judge(known.anchor.as_ref(), known.newest, &reading)
        } else {
            Standing::Agreed
        }
    }

    /// May anything be signed?
    ///
    /// # Errors
    /// `LIN-032` if the clock went back, `LIN-033` if the time is not certain.
    pub fn check(&self) -> Result<(), Fault> {
        self.standing().permits()
    }

    /// What both sources say now, to be accepted.
    #[must_use]
    pub fn anchor_now(&self) -> Reading {
        (self.read)()
    }

    /// Goes by this from now on.
    pub fn accept(&self, anchor: Reading) {
        let mut known = self.known();
        known.asked = true;
        known.anchor = Some(anchor);
    }

    fn recall(&self, anchor: Option<Reading>, newest: Option<OffsetDateTime>) {
        *self.known() = Known {
            asked: true,
            anchor,
            newest,
        };
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Timekeeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timekeeper")
            .field("standing", &self.standing())
            .finish_non_exhaustive()
    }
}

impl Line {
    /// What the ledger knows of the time. At the first start of a facility, and in a rehearsal, which signs nothing
    /// that counts, a clock that did not go back is taken as it is.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn recall_clock(&self, starting: bool) -> Result<(), Fault> {
        let history = self.ports.ledger.history(CLOCK).await?;
        let anchor = history.iter().rev().find_map(|entry| anchor(&entry.fact));
        let last = self.ports.ledger.size().await?.saturating_sub(1);
        let newest = self.ports.ledger.entries_after(last, 1).await?;
        let newest = newest.last().map(|entry| entry.at_unix_ns);
        let newest = newest.map(|at| OffsetDateTime::from_unix_timestamp_nanos(at.into()));
        let newest = newest
            .transpose()
            .map_err(|error| unreadable(error.to_string()))?;
        let first = anchor.is_none();
        self.hsm.time.recall(anchor, newest);
        let free = first || self.rules.mode == Mode::Rehearsal;
        let alone = matches!(
            self.hsm.time.standing(),
            Standing::Holdover(_) | Standing::Lost(_)
        );
        let taken_as_it_is = free && alone;
        if starting && taken_as_it_is {
            self.accept_clock(Vec::new()).await?;
        }
        match self.hsm.time.standing() {
            Standing::Agreed => {}
            // The next start settles it, and nobody needs to come.
            _ if taken_as_it_is => {}
            standing => tracing::error!("the clock: {standing}"),
        }
        Ok(())
    }

    /// The wall clock is right, these people say.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn accept_clock(&self, by: Vec<PersonId>) -> Result<(), Fault> {
        let reading = self.hsm.time.anchor_now();
        let long = |_| unreadable("a time out of range");
        let fact = Fact::Clock {
            wall_unix_ns: i64::try_from(reading.wall.unix_timestamp_nanos()).map_err(long)?,
            boot_ns: u64::try_from(reading.boot.as_nanos()).map_err(long)?,
            boot_id: reading.boot_id.clone(),
            by,
        };
        self.record(vec![fact], Vec::new()).await?;
        self.clock.correct(reading.wall);
        self.hsm.time.accept(reading);
        Ok(())
    }
}

fn anchor(fact: &Fact) -> Option<Reading> {
    let Fact::Clock {
        wall_unix_ns,
        boot_ns,
        boot_id,
        ..
    } = fact
    else {
        return None;
    };
    Some(Reading {
        wall: OffsetDateTime::from_unix_timestamp_nanos((*wall_unix_ns).into()).ok()?,
        boot: Duration::from_nanos(*boot_ns),
        boot_id: boot_id.clone(),
    })
}

#[cfg(test)]
mod tests;
