//! What the printer knows of itself: counters and status. These dialogues touch no card.

use serde::{Deserialize, Serialize};

use super::{bad_value, presence};
use crate::base::{Dialogue, Fault, Reply, Step};
use crate::printer::command::Command;
use crate::printer::fault;
use crate::printer::model::Model;
use crate::printer::script::Script;

/// The printer's own counters.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Counters {
    /// Cards inserted since it was made (`Rco;c`).
    pub cards_inserted: u64,
    /// Panels printed since it was made (`Rco;p`).
    pub panels_printed: u64,
    /// Cards the ribbon will still do, approximately (`Rco;l`).
    pub ribbon_left: u64,
}

/// How far the counters went between two readings.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Used {
    /// Cards inserted.
    pub cards: u64,
    /// Panels printed.
    pub panels: u64,
}

impl Counters {
    /// What was used since an earlier reading.
    ///
    /// # Errors
    /// `COUNTER_WENT_BACK`.
    pub fn since(&self, earlier: &Self) -> Result<Used, Fault> {
        let grown = |now: u64, then: u64, name: &str| {
            now.checked_sub(then)
                .ok_or_else(|| Fault::new(&fault::COUNTER_WENT_BACK, format!("{name}: {then}, then {now}")))
        };
        Ok(Used {
            cards: grown(self.cards_inserted, earlier.cards_inserted, "cards inserted")?,
            panels: grown(self.panels_printed, earlier.panels_printed, "panels printed")?,
        })
    }
}

/// Reads the counters: around each card, and to find out in doubt whether something was fed or printed.
#[derive(Debug)]
pub struct ReadCounters {
    script: Script,
    counters: Counters,
}

impl ReadCounters {
    /// Reads all three. The question about the card at the end is answered by no number, so an answer that came twice
    /// and shifted the others is found out.
    #[must_use]
    pub fn new(model: &Model) -> Self {
        let commands = [
            Command::CardsInserted,
            Command::PanelsPrinted,
            Command::RibbonLeft,
            Command::CardPresence,
        ];
        Self {
            script: Script::new(model, commands),
            counters: Counters::default(),
        }
    }
}

impl Dialogue for ReadCounters {
    type Evidence = Counters;

    fn next(&mut self, reply: Reply<'_>) -> Result<Step<Counters>, Fault> {
        let Self { script, counters } = self;
        let step = script.next(reply, |command, text| {
            if *command == Command::CardPresence {
                return presence(text).map(|_| ());
            }
            let value = text.trim().parse().map_err(|_| bad_value(command, text))?;
            match command {
                Command::CardsInserted => counters.cards_inserted = value,
                Command::PanelsPrinted => counters.panels_printed = value,
                _ => counters.ribbon_left = value,
            }
            Ok(())
        })?;
        Ok(step.unwrap_or(Step::Done(*counters)))
    }
}

/// What the printer says when asked how it is.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct StatusReport {
    /// Is there a card inside?
    pub card_inside: bool,
    /// Does it want to be cleaned?
    pub cleaning_due: bool,
    /// Its last reply in words: `OK`, or an error.
    pub last_reply: String,
    /// Cards the ribbon will still do, approximately.
    pub ribbon_left: u64,
}

/// Asks the printer how it is.
#[derive(Debug)]
pub struct Status {
    script: Script,
    report: StatusReport,
}

impl Status {
    /// Four reads. The last is answered by a number and no other is, so a shifted answer is found out.
    #[must_use]
    pub fn new(model: &Model) -> Self {
        let commands = [
            Command::LastReply,
            Command::CleaningDue,
            Command::CardPresence,
            Command::RibbonLeft,
        ];
        Self {
            script: Script::new(model, commands),
            report: StatusReport::default(),
        }
    }
}

impl Dialogue for Status {
    type Evidence = StatusReport;

    fn next(&mut self, reply: Reply<'_>) -> Result<Step<StatusReport>, Fault> {
        let Self { script, report } = self;
        let step = script.next(reply, |command, text| {
            match command {
                Command::CardPresence => report.card_inside = presence(text)?,
                Command::RibbonLeft => {
                    report.ribbon_left = text.trim().parse().map_err(|_| bad_value(command, text))?;
                }
                Command::CleaningDue => report.cleaning_due = text == "ERR NEED CLEANING",
                _ => text.clone_into(&mut report.last_reply),
            }
            Ok(())
        })?;
        Ok(step.unwrap_or_else(|| Step::Done(std::mem::take(report))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_only_grow() {
        let before = Counters {
            cards_inserted: 10,
            panels_printed: 20,
            ribbon_left: 500,
        };
        let after = Counters {
            cards_inserted: 11,
            panels_printed: 22,
            ribbon_left: 499,
        };
        assert_eq!(after.since(&before), Ok(Used { cards: 1, panels: 2 }));
        assert_eq!(before.since(&after).unwrap_err().code, &fault::COUNTER_WENT_BACK);
    }
}
