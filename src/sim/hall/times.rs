//! Devices that take their time, and how a machine spent its own: busy, or waiting for the controller.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::disk;
use super::plan::{Plan, ReaderPace};
use crate::base::Clock;

/// A machine's file.
const FILE: &str = "times.json";

/// A timer is set in whole milliseconds, and whoever waits for it is woken within another.
const GRAIN: Duration = Duration::from_millis(2);

/// How a machine spent its time. What it was not busy while it made lots, it waited: for the controller, or for this
/// hall's own computing.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Times {
    /// Making lots: from the beginning of a lot's first act to the end of its last. Between lots there may be no work.
    pub active: Duration,
    /// Its reader, its printer or its line at work, as long as they are built to take.
    pub busy: Duration,
}

/// How the machines of the hall in this directory spent their time since they were opened, as of its last stop; empty
/// for a hall whose devices take no time.
///
/// # Errors
/// The disk's.
pub fn times(dir: &Path) -> io::Result<BTreeMap<String, Times>> {
    let mut times = BTreeMap::new();
    for station in Plan::read(dir)?.stations {
        if let Some(spent) = disk::read_json(&dir.join("stations").join(&station).join(FILE))? {
            times.insert(station, spent);
        }
    }
    Ok(times)
}

/// Lets a machine's devices take their time, and keeps count of it.
pub(super) struct Timekeeper {
    clock: Clock,
    real_time: bool,
    reader: ReaderPace,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// When the last act of the present lot ended.
    last: Option<Duration>,
    /// What the acts so far took too long for the grain of timers alone.
    late: Duration,
    times: Times,
}

impl Timekeeper {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            clock: Clock::system(),
            real_time: plan.real_time,
            reader: plan.reader,
            state: Mutex::default(),
        }
    }

    /// A device is at work for so long, if delays are waited for. What timers are too coarse for, the next acts make
    /// good, or hundreds of short ones would make a device slower than it is built; whatever else delays it counts as
    /// waiting.
    pub(super) async fn pause(&self, time: Duration) {
        if !self.real_time {
            return;
        }
        let begun = self.clock.elapsed();
        let left = {
            let mut state = self.state();
            let made_good = time.min(state.late);
            state.late -= made_good;
            time - made_good
        };
        if !left.is_zero() {
            self.clock.sleep(left).await;
        }
        let mut state = self.state();
        let now = self.clock.elapsed();
        state.late += now.saturating_sub(begun).saturating_sub(left).min(GRAIN);
        let since = state.last.replace(now).unwrap_or(begun);
        state.times.busy += time;
        state.times.active += now.saturating_sub(since);
    }

    /// The reader exchanges so many bytes with a chip.
    pub(super) async fn exchange(&self, bytes: usize) {
        self.pause(self.reader.time(bytes)).await;
    }

    /// A lot is made: until the next act there may be nothing to do.
    pub(super) fn lot_ended(&self) {
        self.state().last = None;
    }

    /// Puts the times into a machine's folder.
    pub(super) fn save(&self, folder: &Path) -> io::Result<()> {
        if !self.real_time {
            return Ok(());
        }
        disk::write_json(&folder.join(FILE), &self.state().times)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Timers are set in whole milliseconds, and virtual ones wake exactly then.
    #[tokio::test(start_paused = true)]
    async fn many_short_acts_take_as_long_as_they_should() {
        let keeper = Timekeeper {
            clock: Clock::system(),
            real_time: true,
            reader: ReaderPace::default(),
            state: Mutex::default(),
        };
        let act = Duration::from_micros(300);
        for _ in 0..1_000 {
            keeper.pause(act).await;
        }
        let Times { active, busy } = keeper.state().times;
        assert_eq!(busy, act * 1_000);
        assert!(
            active.saturating_sub(busy) <= Duration::from_millis(1),
            "{active:?}"
        );
    }
}
