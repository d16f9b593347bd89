//! What may go wrong on a day: a plan, from a file or one of those that come with the program.
//!
//! A plan says how much of each kind of trouble there is at most; the day's seed decides how much there really is,
//! where, and when.

use std::path::Path;

use anyhow::{Context, bail};
use serde::Deserialize;

use crate::sim::memory::Slip;

/// The plans that come with the program: name and TOML text.
pub const BUILTIN: &[(&str, &str)] = &[
    ("none", include_str!("plans/none.toml")),
    ("bad-day", include_str!("plans/bad-day.toml")),
    ("devices", include_str!("plans/devices.toml")),
    ("people", include_str!("plans/people.toml")),
    ("power", include_str!("plans/power.toml")),
    ("storm", include_str!("plans/storm.toml")),
];

/// How much of what may go wrong. Numbers are upper bounds; a number that is left out is 0.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Troubles of each printer: refusals, jams, half-printed panels, lost, late, doubled and garbled answers,
    /// restarts, commands acknowledged and not done, cards pushed out unasked.
    pub printer: u32,
    /// Troubles in each reader's field: a card torn away, an answer lost, a reader gone.
    pub reader: u32,
    /// Printers whose power fails at a byte of what they are sent.
    pub printer_power: u32,
    /// Controllers that die, each at one of its acts: before the act, or after it and before its outcome is known.
    pub power_cuts: u32,
    /// Exchanges in a row that the registry does not answer.
    pub registry_away: u32,
    /// Requests that the registry puts on its stop list.
    pub registry_stops: u32,
    /// Times at which the controller's disk has no room for new lots, or for small ones.
    pub short_of_disk: u32,
    /// Mistakes of the people in the hall.
    pub mistakes: u32,
    /// Which mistakes; all there are if none is named.
    pub slips: Vec<Slip>,
}

impl Faults {
    /// A plan by the name of one that comes with the program, or the path of a TOML file.
    ///
    /// # Errors
    /// When there is no such plan or file, or the file is no plan.
    pub fn named(name: &str) -> anyhow::Result<Self> {
        if let Some((_, text)) = BUILTIN.iter().find(|(known, _)| *known == name) {
            return Self::parse(text);
        }
        if !Path::new(name).exists() {
            let known: Vec<&str> = BUILTIN.iter().map(|(known, _)| *known).collect();
            bail!(
                "there is neither a plan nor a file named {name}; plans: {}",
                known.join(", ")
            );
        }
        let text = std::fs::read_to_string(name).with_context(|| name.to_owned())?;
        Self::parse(&text).with_context(|| name.to_owned())
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        Ok(toml::from_str(text)?)
    }

    /// The mistakes people may make.
    #[must_use]
    pub fn slips(&self) -> &[Slip] {
        if self.slips.is_empty() {
            &Slip::ALL
        } else {
            &self.slips
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plans_that_come_with_the_program_are_plans() {
        for (name, _) in BUILTIN {
            Faults::named(name).unwrap();
        }
        assert_eq!(Faults::named("none").unwrap(), Faults::default());
        assert!(Faults::named("storm").unwrap().power_cuts > 0);
    }

    #[test]
    fn a_plan_that_is_none_is_refused_with_its_name() {
        let unknown = Faults::named("sunshine").unwrap_err().to_string();
        assert!(
            unknown.contains("sunshine") && unknown.contains("bad-day"),
            "{unknown}"
        );
        assert!(Faults::parse("printers = 1").is_err());
    }
}
