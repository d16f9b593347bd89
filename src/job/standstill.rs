//! How long no card moved: what an outage and the recovery from it cost together, by the ledger's own times.

use std::time::Duration;

use time::OffsetDateTime;

use super::Fact;

/// The longest time between two records about cards while one controller ran, or from its start to the first of them.
/// Records are to be shown in their order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Standstill {
    since: Option<OffsetDateTime>,
    longest: Duration,
}

impl Standstill {
    /// The next record, and when it was made.
    pub fn see(&mut self, at: OffsetDateTime, fact: &Fact) {
        match fact {
            Fact::Started { .. } => self.since = Some(at),
            Fact::Attempt { .. } => {
                if let Some(since) = self.since.replace(at) {
                    // A clock may have been set back meanwhile.
                    let stood = Duration::try_from(at - since).unwrap_or_default();
                    self.longest = self.longest.max(stood);
                }
            }
            // What comes after it is another controller's, or the same one's next start.
            Fact::Stopped => self.since = None,
            _ => {}
        }
    }

    /// The longest one so far.
    #[must_use]
    pub fn longest(&self) -> Duration {
        self.longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::{AttemptId, OrderKey};
    use crate::job::Event;

    #[test]
    fn time_without_a_controller_or_without_a_card_is_none() {
        let started = Fact::Started {
            version: String::new(),
        };
        let card = Fact::attempt(
            AttemptId {
                order: OrderKey(1),
                number: 1,
            },
            Event::Reported,
        );
        let mut standstill = Standstill::default();
        let mut longest = |second: i64, fact: &Fact| {
            standstill.see(OffsetDateTime::from_unix_timestamp(second).unwrap(), fact);
            standstill.longest().as_secs()
        };
        assert_eq!(longest(5, &card), 0);
        assert_eq!(longest(10, &started), 0);
        assert_eq!(longest(13, &card), 3);
        assert_eq!(longest(20, &card), 7);
        assert_eq!(longest(21, &Fact::Stopped), 7);
        assert_eq!(longest(90, &card), 7);
        // Killed at 92: what counts is the time from the next start on.
        assert_eq!(longest(200, &started), 7);
        assert_eq!(longest(209, &card), 9);
        assert_eq!(longest(100, &card), 9, "set back");
    }
}
