//! Signature counters: exact after a clean end, never too low after a crash.
//!
//! A count is reserved on disk in blocks *before* the first signature of the block leaves, so that the hot path costs
//! one uncontended lock. A clean end writes the exact figure back; after a crash the counter stands at the end of the
//! block.

use std::sync::{Mutex, PoisonError};

use super::store::Store;
use crate::rv::Outcome;

/// Signatures reserved at a time: at most so many too high after a crash.
pub(crate) const BLOCK: u64 = 1_024;

/// The counter of one private key.
#[derive(Debug)]
pub(crate) struct Counter {
    store: Store,
    object: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The last number given out by this process; zero before the first.
    used: u64,
    /// The last number this process may give out.
    reserved: u64,
}

impl Counter {
    /// The counter of the object with this number.
    pub(crate) fn new(store: &Store, object: u64) -> Self {
        Self {
            store: store.clone(),
            object,
            state: Mutex::default(),
        }
    }

    /// Counts one signature that is about to leave.
    pub(crate) fn next(&self) -> Outcome<u64> {
        let mut state = self.state();
        if state.used == state.reserved {
            let _lock = self.store.lock()?;
            let base = self.store.count(self.object)?.max(state.reserved);
            self.store.keep_count(self.object, base + BLOCK)?;
            *state = State {
                used: base,
                reserved: base + BLOCK,
            };
        }
        state.used += 1;
        Ok(state.used)
    }

    /// Signatures made: exact while this process alone uses the key, else what the file has reserved.
    pub(crate) fn value(&self) -> Outcome<u64> {
        let state = self.state();
        let kept = self.store.count(self.object)?;
        Ok(if kept == state.reserved { state.used } else { kept })
    }

    /// Writes the exact figure, unless another process has reserved beyond it.
    pub(crate) fn settle(&self) -> Outcome<()> {
        let mut state = self.state();
        if state.used == state.reserved {
            return Ok(());
        }
        let _lock = self.store.lock()?;
        if self.store.count(self.object)? == state.reserved {
            self.store.keep_count(self.object, state.used)?;
        }
        state.reserved = state.used;
        Ok(())
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_after_a_clean_end_and_too_high_after_a_crash() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        store.create().unwrap();
        let counter = Counter::new(&store, 1);
        assert_eq!(counter.value(), Ok(0));
        for n in 1..=3 {
            assert_eq!(counter.next(), Ok(n));
        }
        assert_eq!(counter.value(), Ok(3));
        assert_eq!(store.count(1), Ok(BLOCK));

        let after_crash = Counter::new(&store, 1);
        assert_eq!(after_crash.next(), Ok(BLOCK + 1));

        counter.settle().unwrap();
        assert_eq!(store.count(1), Ok(2 * BLOCK), "another process has gone on");
        after_crash.settle().unwrap();
        assert_eq!(store.count(1), Ok(BLOCK + 1));
        assert_eq!(Counter::new(&store, 1).value(), Ok(BLOCK + 1));
    }

    #[test]
    fn blocks_follow_each_other_without_a_gap() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path());
        store.create().unwrap();
        let counter = Counter::new(&store, 9);
        for n in 1..=2 * BLOCK + 1 {
            assert_eq!(counter.next(), Ok(n));
        }
    }
}
