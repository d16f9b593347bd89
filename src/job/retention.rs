//! How long personal data stays, and under which key (law 10).
//!
//! Each order's data is sealed under a key of its own, and that key is wrapped by the HSM key of a *retention epoch*: a
//! span of some days. Data goes in two steps, each of which is enough by itself:
//!
//! 1. so many days after the order's end its wrapped key and what is sealed under it are removed;
//! 2. when the epoch closes, its key is destroyed in the HSM. Whatever backups, replicas and worn-out disks still hold
//!    of that epoch opens for nobody any more. An order that is still needed is wrapped anew under another epoch first.
//!
//! An epoch closes when it has taken in orders for [`Term::epoch_days`] and then waited [`Term::keep_days`]: most of
//! its orders are erased by then, and few must be wrapped anew. An order whose term runs goes to the epoch that closes
//! soonest after it, so that no copy of it anywhere can be opened later than `epoch_days + keep_days` after its end.
//!
//! The card schemes' rules for personalization bureaus ask for 30 days at most after personalization (PCI Card
//! Production and Provisioning, Logical Security Requirements, section 4: data retention). The defaults come to 21.
//! An office that finds a wrong card says so within days: a term shorter than that means a new dossier for each remake.

use serde::{Deserialize, Serialize};
use time::{Date, Duration, Month};

/// How long data stays.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Term {
    /// Days in which one wrapping key takes in new orders.
    pub epoch_days: u16,
    /// Days for which an order's data stays after its end: its card boxed and reported, or the order cancelled.
    pub keep_days: u16,
}

impl Default for Term {
    fn default() -> Self {
        Self {
            epoch_days: 7,
            keep_days: 14,
        }
    }
}

/// One retention epoch. Its key's label tells both parts.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Epoch {
    /// The first day on which it takes in orders.
    pub first: Date,
    /// The how-manieth that begins on this day, from 1: an epoch that is closed early has a successor on the same day,
    /// and no label ever names two keys.
    pub turn: u16,
}

impl Epoch {
    /// The label of its key: the facility's stem, the first day, and from the second on the turn.
    #[must_use]
    pub fn label(self, stem: &str) -> String {
        let (year, month, day) = self.first.to_calendar_date();
        let month = u8::from(month);
        match self.turn {
            1 => format!("{stem}-{year:04}-{month:02}-{day:02}"),
            turn => format!("{stem}-{year:04}-{month:02}-{day:02}.{turn}"),
        }
    }

    /// The epoch whose key has this label; nothing for a key that is no epoch's.
    #[must_use]
    pub fn parse(stem: &str, label: &str) -> Option<Self> {
        let rest = label.strip_prefix(stem)?.strip_prefix('-')?;
        let (date, turn) = match rest.split_once('.') {
            Some((date, turn)) => (date, turn.parse().ok()?),
            None => (rest, 1),
        };
        let mut parts = date.splitn(3, '-');
        let year = parts.next()?.parse().ok()?;
        let month = Month::try_from(parts.next()?.parse::<u8>().ok()?).ok()?;
        let day = parts.next()?.parse().ok()?;
        let first = Date::from_calendar_date(year, month, day).ok()?;
        let epoch = Self { first, turn };
        // One epoch, one label: what is written otherwise is somebody else's.
        (epoch.label(stem) == label).then_some(epoch)
    }

    /// The next one that may begin on this day, after all that ever did.
    #[must_use]
    pub fn beginning(first: Date, known: &[Self]) -> Self {
        let turns = known
            .iter()
            .filter(|epoch| epoch.first == first)
            .map(|epoch| epoch.turn);
        let turn = turns.max().unwrap_or(0).saturating_add(1);
        Self { first, turn }
    }
}

impl Term {
    /// The day from which on an epoch takes in nothing new.
    #[must_use]
    pub fn ends(self, epoch: Epoch) -> Date {
        after(epoch.first, self.epoch_days)
    }

    /// The day on which its key is to be destroyed.
    #[must_use]
    pub fn closes(self, epoch: Epoch) -> Date {
        after(self.ends(epoch), self.keep_days)
    }

    /// The day on which the data of an order that ended today is erased.
    #[must_use]
    pub fn until(self, today: Date) -> Date {
        after(today, self.keep_days)
    }

    /// The epoch that takes in new orders today, among those that are open.
    #[must_use]
    pub fn current(self, open: &[Epoch], today: Date) -> Option<Epoch> {
        let takes_in = |epoch: &&Epoch| epoch.first <= today && today < self.ends(**epoch);
        open.iter().filter(takes_in).max().copied()
    }

    /// The first day of the next epoch, if its key should be made today: a day ahead, so that an HSM that is away at
    /// midnight keeps nobody from admitting.
    #[must_use]
    pub fn ahead(self, open: &[Epoch], today: Date) -> Option<Date> {
        let current = self.current(open, today)?;
        let next = self.ends(current);
        let made = open.iter().any(|epoch| epoch.first >= next);
        (after(today, 1) >= next && !made).then_some(next)
    }

    /// Where an order's key belongs: under the epoch that closes soonest after its term, or, while the order is not
    /// over, under the current one.
    #[must_use]
    pub fn home(self, open: &[Epoch], today: Date, until: Option<Date>) -> Option<Epoch> {
        let current = self.current(open, today);
        let Some(until) = until else { return current };
        open.iter()
            .filter(|epoch| epoch.first <= today && self.closes(**epoch) >= until)
            .min_by_key(|epoch| (self.closes(**epoch), **epoch))
            .copied()
            .or(current)
    }

    /// Epochs whose keys are to be destroyed: their day has come, or they lie so far ahead that only a clock that was
    /// wrong can have made them.
    #[must_use]
    pub fn due(self, open: &[Epoch], today: Date) -> Vec<Epoch> {
        let current = self.current(open, today);
        let strange = after(after(today, self.epoch_days), 1);
        let mut due: Vec<Epoch> = open
            .iter()
            .filter(|epoch| Some(**epoch) != current)
            .filter(|epoch| self.closes(**epoch) <= today || epoch.first > strange)
            .copied()
            .collect();
        due.sort();
        due
    }
}

fn after(day: Date, days: u16) -> Date {
    day.saturating_add(Duration::days(days.into()))
}

#[cfg(test)]
mod tests;
