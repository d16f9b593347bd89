//! A host in memory that runs short of room for a while.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use super::locked;
use crate::base::limits::{DISK_KEPT, DISK_PER_CARD};
use crate::base::{Clock, Fault};
use crate::port::{Host, Left};

/// A host with room for everything, but for some stretches of time.
#[derive(Debug)]
pub struct MemoryHost {
    clock: Clock,
    tight: Mutex<Vec<(Range<Duration>, u64)>>,
    hangs: AtomicBool,
}

impl MemoryHost {
    /// A host that is never short.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            tight: Mutex::default(),
            hangs: AtomicBool::new(false),
        }
    }

    /// Its disk hangs, or answers again.
    pub fn hang(&self, hangs: bool) {
        self.hangs.store(hangs, Ordering::Relaxed);
    }

    /// From then on and for so long its disk has room for so many cards.
    pub fn run_short(&self, from: Duration, length: Duration, cards: u64) {
        locked(&self.tight).push((from..from + length, cards));
    }
}

#[async_trait]
impl Host for MemoryHost {
    async fn left(&self) -> Result<Left, Fault> {
        if self.hangs.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        let now = self.clock.elapsed();
        let tight = locked(&self.tight);
        let fits = tight.iter().filter(|(when, _)| when.contains(&now));
        let disk = fits.map(|(_, cards)| DISK_KEPT + cards * DISK_PER_CARD).min();
        Ok(Left {
            disk: disk.unwrap_or(u64::MAX),
            memory: u64::MAX,
            handles: u64::MAX,
        })
    }
}
