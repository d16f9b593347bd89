//! Printers' own counters against print jobs: more prints than jobs means that a card may exist twice (law 7).

use std::collections::BTreeMap;

use crate::audit::{Discrepancy, Meter, balance::check_meters};
use crate::base::ids::MachineId;

/// Panels that one job prints at most: black on both faces.
const PANELS_PER_JOB: u64 = 2;

/// What is known of one printer's counter of panels.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Reading {
    /// The counter when it was last read.
    pub panels: Option<u64>,
    /// Jobs since then of which nobody knows what they printed.
    pub undecided: u64,
}

/// All printers, as the ledger knows them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Meters {
    machines: BTreeMap<MachineId, Reading>,
    found: Vec<(u64, Discrepancy)>,
}

impl Meters {
    /// A job was given to a printer.
    pub fn ask(&mut self, machine: &MachineId) {
        self.machine(machine).undecided += 1;
    }

    /// A job was printed, between these two readings of the counter.
    pub fn printed(&mut self, seq: u64, machine: &MachineId, before: u64, after: u64) {
        let reading = self.machine(machine);
        reading.undecided = reading.undecided.saturating_sub(1);
        self.read(seq, machine, before);
        self.compare(seq, machine, before, after, 1, 1);
        self.machine(machine).panels = Some(after);
    }

    /// The counter was read.
    pub fn read(&mut self, seq: u64, machine: &MachineId, panels: u64) {
        let Reading {
            panels: known,
            undecided,
        } = std::mem::take(self.machine(machine));
        if let Some(known) = known {
            self.compare(seq, machine, known, panels, 0, undecided);
        }
        self.machine(machine).panels = Some(panels);
    }

    /// A person has looked at the machine and let it go on: what was found before is explained.
    pub fn explain(&mut self, machine: &MachineId) {
        self.found.retain(|(_, found)| of(found) != Some(machine));
    }

    /// What is known of a printer.
    #[must_use]
    pub fn reading(&self, machine: &MachineId) -> Reading {
        self.machines.get(machine).copied().unwrap_or_default()
    }

    /// The same for one printer alone, nothing found yet.
    #[must_use]
    pub fn only(&self, machine: &MachineId) -> Self {
        Self {
            machines: self
                .machines
                .get_key_value(machine)
                .map(|(id, reading)| (id.clone(), *reading))
                .into_iter()
                .collect(),
            found: Vec::new(),
        }
    }

    /// All machines whose counter was ever read.
    pub fn machines(&self) -> impl Iterator<Item = (&MachineId, &Reading)> {
        self.machines.iter()
    }

    /// Everything that did not add up and is not explained, with the number of the record that shows it.
    #[must_use]
    pub fn found(&self) -> &[(u64, Discrepancy)] {
        &self.found
    }

    fn compare(&mut self, seq: u64, machine: &MachineId, before: u64, after: u64, least: u64, most: u64) {
        let prints = after.saturating_sub(before);
        let meter = Meter {
            machine: machine.clone(),
            before,
            after,
            // Jobs count in panels, as the counter does; of jobs in doubt any number may have been printed.
            jobs: prints.clamp(least, most * PANELS_PER_JOB),
        };
        let found = check_meters(&[meter]);
        self.found.extend(found.into_iter().map(|found| (seq, found)));
    }

    fn machine(&mut self, machine: &MachineId) -> &mut Reading {
        self.machines.entry(machine.clone()).or_default()
    }
}

fn of(found: &Discrepancy) -> Option<&MachineId> {
    match found {
        Discrepancy::CounterWentBack { machine, .. }
        | Discrepancy::FewerPrints { machine, .. }
        | Discrepancy::MorePrints { machine, .. } => Some(machine),
        Discrepancy::Missing { .. } | Discrepancy::NotFound { .. } | Discrepancy::Surplus { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine() -> MachineId {
        MachineId::new("S01")
    }

    #[test]
    fn jobs_and_prints_agree_over_a_restart_with_a_job_in_doubt() {
        let mut meters = Meters::default();
        meters.read(1, &machine(), 100);
        for card in 0..3 {
            meters.ask(&machine());
            meters.printed(2 + card, &machine(), 100 + 2 * card, 102 + 2 * card);
        }
        // The controller died while the fourth was printed: one panel, two, or none.
        meters.ask(&machine());
        for panels in [106, 107, 108] {
            let mut meters = meters.clone();
            meters.read(9, &machine(), panels);
            assert_eq!(meters.found(), &[]);
            assert_eq!(
                meters.reading(&machine()),
                Reading {
                    panels: Some(panels),
                    undecided: 0
                }
            );
        }
    }

    #[test]
    fn a_print_that_nobody_asked_for_stops_the_machine() {
        let mut meters = Meters::default();
        meters.read(1, &machine(), 100);
        meters.ask(&machine());
        meters.printed(2, &machine(), 100, 102);
        meters.read(3, &machine(), 103);
        let (seq, found) = &meters.found()[0];
        assert_eq!((*seq, found.stops()), (3, Some(&machine())));
        let mut between = Meters::default();
        between.read(1, &machine(), 100);
        between.ask(&machine());
        between.printed(2, &machine(), 102, 104);
        assert_eq!(between.found()[0].1.stops(), Some(&machine()));
    }

    #[test]
    fn a_counter_that_went_back_is_named() {
        let mut meters = Meters::default();
        meters.read(1, &machine(), 100);
        meters.read(2, &machine(), 4);
        assert!(matches!(meters.found()[0].1, Discrepancy::CounterWentBack { .. }));
        meters.explain(&MachineId::new("S02"));
        assert_eq!(meters.found().len(), 1);
        meters.explain(&machine());
        assert_eq!(meters.found(), &[]);
    }
}
