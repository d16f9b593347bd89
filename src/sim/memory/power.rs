//! The controller's power supply.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;

use super::locked;
use crate::base::Clock;

/// Counts every act that the controller does at its doors, and can be cut at any of them.
///
/// Each act has two moments: before it has any effect, and after its effect but before the controller learns of it.
/// A controller without power does nothing any more: its tasks wait for ever and are to be dropped.
pub struct Power {
    clock: Clock,
    state: Mutex<State>,
    cut: watch::Sender<bool>,
}

#[derive(Default)]
struct State {
    moments: u64,
    cut_at: Option<u64>,
}

impl Power {
    /// A supply that works.
    #[must_use]
    pub fn new(clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            clock,
            state: Mutex::default(),
            cut: watch::Sender::new(false),
        })
    }

    /// The clock all doors keep.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Moments passed since power was last restored.
    #[must_use]
    pub fn moments(&self) -> u64 {
        locked(&self.state).moments
    }

    /// Restores power; it will be cut when this many moments have passed, or never.
    pub fn restore(&self, cut_after: Option<u64>) {
        *locked(&self.state) = State {
            moments: 0,
            cut_at: cut_after,
        };
        self.cut.send_replace(false);
    }

    /// Returns once power is cut.
    pub async fn failed(&self) {
        let mut cut = self.cut.subscribe();
        // The sender lives as long as this, so this ends only by the value.
        let _ = cut.wait_for(|cut| *cut).await;
    }

    /// Does an act that takes this long.
    pub(super) async fn act<T>(&self, takes: Duration, act: impl FnOnce() -> T) -> T {
        self.moment().await;
        if !takes.is_zero() {
            self.clock.sleep(takes).await;
        }
        self.alive().await;
        let outcome = act();
        self.moment().await;
        outcome
    }

    /// Goes on only with power: for questions, which change nothing.
    pub(super) async fn alive(&self) {
        if *self.cut.borrow() {
            std::future::pending::<()>().await;
        }
    }

    /// One moment passes.
    async fn moment(&self) {
        self.alive().await;
        let cut = {
            let mut state = locked(&self.state);
            let cut = state.cut_at == Some(state.moments);
            state.moments += 1;
            cut
        };
        if cut {
            self.cut.send_replace(true);
            std::future::pending::<()>().await;
        }
    }
}

impl fmt::Debug for Power {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Power({} moments)", self.moments())
    }
}
