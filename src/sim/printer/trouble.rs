//! What goes wrong, and when.

use serde::{Deserialize, Serialize};

/// When trouble strikes.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// At the n-th command from now, whatever it is; 1 is the next.
    Command(u64),
    /// At the n-th command from now whose text begins like this, such as `Sp` or `Rlr;p`.
    Named(String, u64),
}

/// What goes wrong.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The command is refused with this code and does nothing.
    Refuse(char),
    /// The command fails half-way with this code: a panel is half printed, a card has moved. Unless the error policy
    /// forbids it, the printer then recovers by itself, and makes a twin.
    Break(char),
    /// The command is not heard.
    Mute,
    /// The command is done, its answer lost.
    LoseReply,
    /// The command is acknowledged and not done.
    Pretend,
    /// The first byte of the answer is lost.
    DropByte,
    /// The answer comes twice.
    Repeat,
    /// The answer comes only before the next one.
    Hold,
    /// The answer comes this many milliseconds late.
    Delay(u64),
    /// These bytes come before the answer.
    Noise(Vec<u8>),
    /// The command is done, then the power fails and comes back; with true the printer then clears its path into the
    /// good output, as many do.
    PowerLoss(bool),
}

/// One event of a plan.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Trouble {
    /// When.
    pub when: When,
    /// What.
    pub what: What,
}

/// Troubles to come.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Plan(Vec<Trouble>);

impl Plan {
    /// Adds trouble.
    pub fn add(&mut self, when: When, what: What) {
        self.0.push(Trouble { when, what });
    }

    /// Counts this command; the trouble that strikes it, if any.
    pub(super) fn strike(&mut self, command: &str) -> Option<What> {
        let mut struck = None;
        self.0.retain_mut(|trouble| {
            let left = match &mut trouble.when {
                When::Command(left) => left,
                When::Named(name, left) if command.starts_with(name.as_str()) => left,
                When::Named(..) => return true,
            };
            *left = left.saturating_sub(1);
            if *left > 0 || struck.is_some() {
                return true;
            }
            struck = Some(trouble.what.clone());
            false
        });
        struck
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_strikes_once_and_in_its_turn() {
        let mut plan = Plan::default();
        plan.add(When::Command(2), What::Mute);
        plan.add(When::Named("Sp".into(), 2), What::Repeat);
        let struck: Vec<_> = ["Ss", "Sp;k", "Sp;k", "Sp;k"]
            .map(|command| plan.strike(command))
            .into();
        assert_eq!(struck, [None, Some(What::Mute), Some(What::Repeat), None]);
        assert_eq!(plan, Plan::default());
    }
}
