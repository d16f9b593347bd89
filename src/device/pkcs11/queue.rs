//! The queue between callers, who wait with a deadline, and threads, which must not let their session fall asleep.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::worker::Job;
use crate::base::limits;

/// What a thread gets when it asks for work.
pub(super) enum Turn {
    /// Work.
    Job(Job),
    /// There was none for so long.
    Idle,
    /// There will be none any more.
    Closed,
}

/// A bounded queue.
pub(super) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    room: Semaphore,
}

struct State {
    jobs: VecDeque<Job>,
    open: bool,
}

impl Queue {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                jobs: VecDeque::new(),
                open: true,
            }),
            filled: Condvar::new(),
            room: Semaphore::new(limits::HSM_QUEUE),
        }
    }

    /// Waits for room; false if the queue is closed.
    pub(super) async fn put(&self, job: Job) -> bool {
        let Ok(room) = self.room.acquire().await else {
            return false;
        };
        // Given back by whoever takes the job.
        room.forget();
        let mut state = self.state();
        if state.open {
            state.jobs.push_back(job);
            self.filled.notify_one();
        }
        state.open
    }

    /// Waits for work, at most so long.
    pub(super) fn take(&self, patience: Duration) -> Turn {
        let mut state = self.state();
        loop {
            if let Some(job) = state.jobs.pop_front() {
                self.room.add_permits(1);
                return Turn::Job(job);
            }
            if !state.open {
                return Turn::Closed;
            }
            let (woken, waited) = self
                .filled
                .wait_timeout(state, patience)
                .unwrap_or_else(PoisonError::into_inner);
            state = woken;
            if waited.timed_out() && state.jobs.is_empty() && state.open {
                return Turn::Idle;
            }
        }
    }

    /// Takes no more; what is in it will be done.
    pub(super) fn close(&self) {
        self.state().open = false;
        self.room.close();
        self.filled.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
