//! The only reader of time.
//!
//! A clock counts from a fixed wall time on tokio's monotonic clock, so that under tokio's paused time a whole day of
//! the hall runs in seconds and replays exactly.

use std::time::Duration;

use time::{Date, OffsetDateTime, UtcOffset};
use tokio::time::Instant;

/// Viet Nam's time: seven hours ahead of UTC, without daylight saving. Dates on cards and papers, and the days that
/// offices count by, are this zone's.
pub const VIET_NAM: UtcOffset = time::macros::offset!(+7);

/// Reads and waits for time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    wall: OffsetDateTime,
    started: Instant,
}

impl Clock {
    /// A clock that agrees with the system's wall time now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    pub fn system() -> Self {
        Self::starting_at(OffsetDateTime::now_utc())
    }

    /// A clock that reads this wall time now.
    #[must_use]
    pub fn starting_at(wall: OffsetDateTime) -> Self {
        Self {
            wall,
            started: Instant::now(),
        }
    }

    /// The wall time, UTC.
    #[must_use]
    pub fn now(&self) -> OffsetDateTime {
        self.wall + self.started.elapsed()
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
