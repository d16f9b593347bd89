//! Telling the registry what became of cards. One report that it does not take keeps no other from being told: it is
//! set apart and offered again from time to time.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::base::Fault;
use crate::base::ids::AttemptId;
use crate::job::Attempt;
use crate::port::fault::NOT_TAKEN;
use crate::port::{Attempts, Report};

use super::Line;

/// How often the registry is asked again about what it did not take.
const AGAIN: Duration = Duration::from_secs(60);
/// So many may be set apart; a registry that takes still less has lost its books, and is waited for as one that does
/// not answer.
const APART_MAX: usize = 1_000;

/// Attempts whose reports the registry did not take, and when they were offered last, by the line's clock.
#[derive(Debug, Default)]
pub struct NotTaken(Mutex<BTreeMap<AttemptId, Duration>>);

impl NotTaken {
    /// Those that are set apart.
    #[must_use]
    pub fn attempts(&self) -> Vec<AttemptId> {
        self.lock().keys().copied().collect()
    }

    fn set_apart(&self, attempt: AttemptId, now: Duration) {
        self.lock().insert(attempt, now);
    }

    fn offer_again(&self, now: Duration) {
        self.lock()
            .retain(|_, offered| now.saturating_sub(*offered) < AGAIN);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<AttemptId, Duration>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Attempts of which the registry must hear now, at most so many.
///
/// # Errors
/// The ledger's.
pub(super) async fn untold(line: &Line, limit: u32) -> Result<Vec<Attempt>, Fault> {
    let apart = line.not_taken.attempts();
    let beside = u32::try_from(apart.len()).unwrap_or(u32::MAX);
    let all = Attempts::Unreported(limit.saturating_add(beside));
    let mut untold = line.ports.ledger.attempts(all).await?;
    untold.retain(|attempt| !apart.contains(&attempt.id));
    Ok(untold)
}

/// What was set apart long ago is offered again.
pub(super) fn offer_again(line: &Line) {
    // Who stops comes to an end; the next start offers everything.
    if line.is_stopping() {
        return;
    }
    line.not_taken.offer_again(line.clock.elapsed());
}

/// Tells these news in one exchange, or, if the registry does not take them all, one by one. What comes back was told.
///
/// # Errors
/// The registry's, if it does not answer.
pub(super) async fn tell(line: &Line, news: Vec<(Attempt, Report)>) -> Result<Vec<Attempt>, Fault> {
    let (attempts, reports): (Vec<Attempt>, Vec<Report>) = news.into_iter().unzip();
    match line.ports.registry.report(&reports).await {
        Ok(()) => return Ok(attempts),
        Err(fault) if *fault.code == NOT_TAKEN && line.not_taken.attempts().len() < APART_MAX => {}
        Err(fault) => return Err(fault),
    }
    let mut told = Vec::new();
    for (attempt, report) in attempts.into_iter().zip(&reports) {
        match line.ports.registry.report(std::slice::from_ref(report)).await {
            Ok(()) => told.push(attempt),
            Err(fault) if *fault.code == NOT_TAKEN => {
                tracing::error!(attempt = %attempt.id, code = fault.code.id, "set apart: {fault}");
                line.not_taken.set_apart(attempt.id, line.clock.elapsed());
            }
            Err(fault) => return Err(fault),
        }
    }
    Ok(told)
}
