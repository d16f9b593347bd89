//! What each kind of work costs the controller in processor time, and how long it takes, when somebody measures it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Serialize, Serializer};

use crate::base::clock::Stopwatch;
use crate::base::cpu;
use crate::job::Step;

/// Digits of a time that count.
const DIGITS: u8 = 2;

/// A kind of work.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Effort {
    /// A document comes in: opened, checked, entered or returned.
    Admit,
    /// A bundle is made and signed, the faces are composed.
    Prepare,
    /// A step of a card, at a station or a desk.
    Step(Step),
    /// A box is sealed: manifest, papers, signature.
    SealBox,
    /// The registry hears of ends, orders follow.
    Settle,
}

impl Effort {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Admit => "admit",
            Self::Prepare => "prepare",
            Self::Step(Step::Bind) => "bind",
            Self::Step(Step::Encode) => "encode",
            Self::Step(Step::Seal) => "seal",
            Self::Step(Step::Verify) => "verify",
            Self::Step(Step::Print) => "print",
            Self::Step(Step::Deliver) => "deliver",
            Self::Step(Step::Prove) => "prove",
            Self::Step(Step::Box) => "box",
            Self::SealBox => "seal box",
            Self::Settle => "settle",
        }
    }
}

impl Serialize for Effort {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// What a kind of work has cost so far.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Cost {
    /// Times it was done.
    pub times: u64,
    /// Processor time in the task's own polls: databases and the HSM have threads of their own.
    pub cpu: Duration,
}

/// The costs of a line. Nothing is measured until somebody asks for it: reading the thread's clock is a system call.
#[derive(Debug, Default)]
pub struct Costs {
    measuring: AtomicBool,
    spent: Mutex<BTreeMap<Effort, Spent>>,
}

#[derive(Debug)]
struct Spent {
    cost: Cost,
    /// Microseconds. Only more than five digits would be refused.
    took: Option<Histogram<u64>>,
}

impl Default for Spent {
    fn default() -> Self {
        Self {
            cost: Cost::default(),
            took: Histogram::new(DIGITS).ok(),
        }
    }
}

impl Costs {
    /// Measures from now on.
    pub fn measure(&self) {
        self.measuring.store(true, Ordering::Relaxed);
    }

    /// Does the work, and counts it if somebody measures.
    pub async fn of<F: Future>(&self, effort: Effort, task: F) -> F::Output {
        if !self.measuring.load(Ordering::Relaxed) {
            return task.await;
        }
        let watch = Stopwatch::start();
        let (output, cpu) = cpu::measured(task).await;
        let took = watch.elapsed();
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let spent = spent.entry(effort).or_default();
        spent.cost.times += 1;
        spent.cost.cpu += cpu;
        if let Some(times) = &mut spent.took {
            // It grows with what it is given; a time that fits nowhere is no time.
            let _ = times.record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        }
        output
    }

    /// All costs so far.
    #[must_use]
    pub fn so_far(&self) -> BTreeMap<Effort, Cost> {
        let spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        spent
            .iter()
            .map(|(effort, spent)| (*effort, spent.cost))
            .collect()
    }

    /// How long each kind of work took from its beginning to its end, in microseconds.
    #[must_use]
    pub fn took(&self) -> BTreeMap<Effort, Histogram<u64>> {
        let spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        spent
            .iter()
            .filter_map(|(effort, spent)| Some((*effort, spent.took.clone()?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_what_is_asked_for_is_counted() {
        let costs = Costs::default();
        assert_eq!(costs.of(Effort::Prepare, async { 1 }).await, 1);
        assert!(costs.so_far().is_empty());
        costs.measure();
        assert_eq!(costs.of(Effort::Prepare, async { 2 }).await, 2);
        assert_eq!(
            costs.so_far().get(&Effort::Prepare).map(|cost| cost.times),
            Some(1)
        );
        assert_eq!(
            costs.took().get(&Effort::Prepare).map(Histogram::len),
            Some(1),
            "and timed"
        );
    }
}
