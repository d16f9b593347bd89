//! The only reader of time.
//!
//! A clock counts from a fixed wall time on tokio's monotonic clock, so that under tokio's paused time a whole day of
//! the hall runs in seconds and replays exactly.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use time::{Date, OffsetDateTime, UtcOffset};
use tokio::time::Instant;

/// Viet Nam's time: seven hours ahead of UTC, without daylight saving. Dates on cards and papers, and the days that
/// offices count by, are this zone's.
pub const VIET_NAM: UtcOffset = time::macros::offset!(+7);

/// Where Linux tells one start of the machine from another.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// What people have corrected since this program began, in nanoseconds; every clock of the system follows it.
static CORRECTION: AtomicI64 = AtomicI64::new(0);

/// Reads and waits for time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    wall: OffsetDateTime,
    started: Instant,
    /// It shows the system's time, not a simulation's.
    system: bool,
}

/// What two local sources say at one moment: the wall clock, which people and NTP set, and the time since the machine
/// started, which nobody can set.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reading {
    /// The wall clock, UTC.
    pub wall: OffsetDateTime,
    /// Since the machine started, suspended time included.
    pub boot: Duration,
    /// Which start of the machine that was.
    pub boot_id: String,
}

impl Clock {
    /// A clock that agrees with the system's wall time now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    pub fn system() -> Self {
        Self {
            system: true,
            ..Self::starting_at(OffsetDateTime::now_utc() - correction())
        }
    }

    /// What both sources say. A simulation's clock is its only source, and its own start.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    pub fn reading(&self) -> Reading {
        if !self.system {
            return Reading {
                wall: self.now(),
                boot: self.elapsed(),
                boot_id: "simulated".to_owned(),
            };
        }
        let since = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let seconds = u64::try_from(since.tv_sec).unwrap_or(0);
        let nanoseconds = u32::try_from(since.tv_nsec).unwrap_or(0);
        Reading {
            wall: OffsetDateTime::now_utc(),
            boot: Duration::new(seconds, nanoseconds),
            boot_id: std::fs::read_to_string(BOOT_ID)
                .map(|id| id.trim().to_owned())
                .unwrap_or_default(),
        }
    }

    /// Two people say that this is the time: every clock of this program follows.
    pub fn correct(&self, wall: OffsetDateTime) {
        if self.system {
            let step = (wall - self.now()).whole_nanoseconds();
            CORRECTION.fetch_add(i64::try_from(step).unwrap_or(0), Ordering::Relaxed);
        }
    }

    /// A clock that reads this wall time now.
    #[must_use]
    pub fn starting_at(wall: OffsetDateTime) -> Self {
        Self {
            wall,
            started: Instant::now(),
            system: false,
        }
    }

    /// The wall time, UTC.
    #[must_use]
    pub fn now(&self) -> OffsetDateTime {
        let read = self.wall + self.started.elapsed();
        if self.system { read + correction() } else { read }
    }

    /// Time since this clock was made, never going back.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// The date in [Viet Nam](VIET_NAM), which is the date offices count working days by.
    #[must_use]
    pub fn today(&self) -> Date {
        self.now().to_offset(VIET_NAM).date()
    }

    /// Waits.
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    pub async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// The outcome of `work`, or nothing if it takes longer than `limit`.
    pub async fn within<F: Future>(&self, limit: Duration, work: F) -> Option<F::Output> {
        tokio::time::timeout(limit, work).await.ok()
    }
}

fn correction() -> time::Duration {
    time::Duration::nanoseconds(CORRECTION.load(Ordering::Relaxed))
}

/// Waits on this thread: for processes that have nothing else to do meanwhile.
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Counts processor-independent elapsed time for measurements; never for decisions.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(std::time::Instant);

impl Stopwatch {
    /// Starts.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    pub fn start() -> Self {
        Self(std::time::Instant::now())
    }

    /// Time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[tokio::test(start_paused = true)]
    async fn virtual_time_moves_the_wall() {
        let clock = Clock::starting_at(datetime!(2026-11-22 20:00 UTC));
        clock.sleep(Duration::from_secs(3600)).await;
        assert_eq!(clock.now(), datetime!(2026-11-22 21:00 UTC));
        assert_eq!(clock.today(), time::macros::date!(2026 - 11 - 23));
    }
}
