//! Processor time, for measurements; never for decisions.
//!
//! A task wanders between threads, so its processor time is no thread's. But while it is polled it has a thread for
//! itself: what that thread's clock advances meanwhile is what the task has used.

use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

/// Does the work and says how much processor time it took in the threads that polled it. What it has other threads do
/// is not counted.
pub async fn measured<F: Future>(work: F) -> (F::Output, Duration) {
    let mut work = pin!(work);
    let mut spent = Duration::ZERO;
    let output = poll_fn(|context| {
        let before = of_thread();
        let polled = work.as_mut().poll(context);
        spent += of_thread().saturating_sub(before);
        polled
    })
    .await;
    (output, spent)
}

/// What this thread has used since it began.
#[must_use]
pub fn of_thread() -> Duration {
    duration(clock_gettime(ClockId::ThreadCPUTime))
}

/// What this process has used since it began, in all its threads.
#[must_use]
pub fn of_process() -> Duration {
    duration(clock_gettime(ClockId::ProcessCPUTime))
}

fn duration(time: Timespec) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_costs_nothing_and_working_is_counted_once() {
        let work = async {
            tokio::task::yield_now().await;
            let mut sum = 0_u64;
            while sum < 3_000_000 {
                sum = std::hint::black_box(sum + 1);
            }
            tokio::task::yield_now().await;
            sum
        };
        let before = of_thread();
        let (sum, spent) = measured(work).await;
        assert_eq!(sum, 3_000_000);
        assert!(spent > Duration::ZERO && spent <= of_thread() - before);
        assert!(of_process() >= spent);
    }
}
