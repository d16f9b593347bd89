//! What each kind of work costs the controller in processor time, when somebody measures it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::base::cpu;
use crate::job::Step;

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
    spent: Mutex<BTreeMap<Effort, Cost>>,
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
        let (output, cpu) = cpu::measured(task).await;
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        let cost = spent.entry(effort).or_default();
        cost.times += 1;
        cost.cpu += cpu;
        output
    }

    /// All costs so far.
    #[must_use]
    pub fn so_far(&self) -> BTreeMap<Effort, Cost> {
        self.spent.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
    }
}
