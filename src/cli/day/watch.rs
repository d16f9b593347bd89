//! Looks on while a day passes: after every commit the rules of the house must hold.
//!
//! What it knows it has from the facts alone, by its own count, so that a table or an index that went wrong is seen at
//! the commit that bent it, not at the end of the day.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::ids::{AttemptId, BlankId, ChipId, MachineId, OrderKey, PackId};
use crate::job::stock::{Stock, implied, told};
use crate::job::{Attempt, Event, Evidence, Fact, Output, Phase, Step, apply};
use crate::sim::memory::Commit;

/// Panels that one job prints: front and back.
const PANELS_PER_JOB: u64 = 2;
/// Broken rules that are told; the first one is what matters.
const TOLD_MAX: usize = 20;

/// What the world's own meters say at this moment.
pub(super) struct Meters {
    /// Panels that each printer has put on plastic.
    pub(super) panels: BTreeMap<MachineId, u64>,
    /// Signatures of the document signer, by the token's count.
    pub(super) signatures: u64,
}

/// The watch.
#[derive(Default)]
pub(super) struct Watch {
    records: u64,
    broken: Vec<String>,
    attempts: BTreeMap<AttemptId, Attempt>,
    stock: Stock,
    received: BTreeMap<PackId, u64>,
    chips: BTreeMap<ChipId, AttemptId>,
    blanks: BTreeMap<BlankId, AttemptId>,
    written_off: BTreeSet<BlankId>,
    /// Orders whose attempts changed in this commit.
    touched: BTreeSet<OrderKey>,
    /// Intents of this commit: none of their outcomes can be known yet.
    intended_now: BTreeSet<(AttemptId, Step)>,
    print_jobs: BTreeMap<MachineId, u64>,
    sign_intents: u64,
}

impl Watch {
    /// A commit was made.
    pub(super) fn commit(&mut self, commit: &Commit<'_>, meters: &Meters) {
        self.touched.clear();
        self.intended_now.clear();
        for fact in commit.facts {
            self.records += 1;
            if let Some(step) = told(fact) {
                self.shift(&step);
            }
            match fact {
                Fact::Attempt { attempt, event } => self.event(*attempt, event),
                Fact::PackReceived { pack, blanks, .. } => {
                    let count = u64::try_from(blanks.len()).unwrap_or(u64::MAX);
                    self.received.insert(pack.clone(), count);
                }
                Fact::WrittenOff { blank, .. } => self.off(blank),
                _ => {}
            }
        }
        self.orders();
        self.tables(commit);
        self.world(meters);
    }

    /// Broken rules, in the order in which they were broken.
    pub(super) fn broken(&self) -> &[String] {
        &self.broken
    }

    fn breaks(&mut self, what: impl std::fmt::Display) {
        if self.broken.len() < TOLD_MAX {
            self.broken.push(format!("record {}: {what}", self.records));
        }
    }

    fn event(&mut self, id: AttemptId, event: &Event) {
        let before = self.attempts.get(&id).cloned();
        let after = match apply(before.as_ref(), id, event) {
            Ok(after) => after,
            Err(illegal) => return self.breaks(illegal),
        };
        if let Some(step) = implied(before.as_ref(), &after) {
            self.shift(&step);
        }
        match event {
            Event::Planned { .. } => self.planned(id),
            Event::SignIntended { digest, .. } => {
                self.sign_intents += 1;
                let other = before
                    .and_then(|before| before.digest)
                    .is_some_and(|known| known != *digest);
                if other {
                    self.breaks(format!("{id}: two digests (law 4)"));
                }
            }
            Event::Intended { step, machine, .. } => {
                self.intended_now.insert((id, *step));
                if *step == Step::Print {
                    *self.print_jobs.entry(machine.clone()).or_default() += 1;
                    if before.is_some_and(|before| before.phase != Phase::Did(Step::Verify)) {
                        self.breaks(format!("{id}: printed before it was verified, or twice"));
                    }
                }
            }
            Event::Done { evidence } => self.done(id, evidence, &after),
            _ => {}
        }
        self.touched.insert(id.order);
        self.attempts.insert(id, after);
    }

    /// Law 3: what was used or written off is not written off again.
    fn off(&mut self, blank: &BlankId) {
        if self.blanks.contains_key(blank) || !self.written_off.insert(blank.clone()) {
            self.breaks(format!(
                "{blank} is written off, and was used or written off (law 3)"
            ));
        }
    }

    /// Law 2: a remake starts only when the registry has heard of the end of the attempt before.
    fn planned(&mut self, id: AttemptId) {
        let earlier = self
            .attempts
            .values()
            .filter(|earlier| earlier.id.order == id.order);
        let owed = earlier
            .filter(|earlier| earlier.is_live() || earlier.must_be_reported())
            .map(|earlier| {
                format!(
                    "{id} is planned and {} is {:?} (law 2)",
                    earlier.id, earlier.phase
                )
            });
        for what in owed.collect::<Vec<_>>() {
            self.breaks(what);
        }
    }

    fn done(&mut self, id: AttemptId, evidence: &Evidence, after: &Attempt) {
        let step = evidence.step();
        // Proving reads and changes nothing: its intent may share its outcome's commit.
        if step != Step::Prove && self.intended_now.contains(&(id, step)) {
            self.breaks(format!("{id}: {step} and its intent in one commit (law 1)"));
        }
        match evidence {
            Evidence::Bind { chip, blank, .. } => {
                let chips = self.chips.insert(chip.clone(), id).filter(|other| *other != id);
                if self.written_off.contains(blank) {
                    self.breaks(format!("{id} is bound to {blank}, which was written off (law 3)"));
                }
                let blanks = self.blanks.insert(blank.clone(), id).filter(|other| *other != id);
                if let Some(other) = chips.or(blanks) {
                    self.breaks(format!("{id} is bound to the chip or blank of {other} (law 3)"));
                }
            }
            Evidence::Deliver { output: Output::Good }
                if !(after.done.has(Step::Seal)
                    && after.done.has(Step::Verify)
                    && after.done.has(Step::Print)) =>
            {
                self.breaks(format!("{id}: unfinished in the good output"));
            }
            Evidence::Box { .. } if !(after.done.has(Step::Verify) && after.done.has(Step::Prove)) => {
                self.breaks(format!("{id}: boxed without proof (law 5)"));
            }
            _ => {}
        }
    }

    fn shift(&mut self, step: &crate::job::stock::Move) {
        if let Err(fault) = self.stock.apply(step) {
            self.breaks(fault);
        }
    }

    /// One live attempt, one good card.
    fn orders(&mut self) {
        for order in std::mem::take(&mut self.touched) {
            let of_order = || self.attempts.values().filter(|attempt| attempt.id.order == order);
            let live = of_order().filter(|attempt| attempt.is_live()).count();
            let good = of_order().filter(|attempt| attempt.is_good()).count();
            if live > 1 || good > 1 {
                self.breaks(format!(
                    "{order}: {live} live attempts, {good} good cards (law 2)"
                ));
            }
            self.touched.insert(order);
        }
    }

    /// The state tables are the fold of the record, and every blank that came in is somewhere.
    fn tables(&mut self, commit: &Commit<'_>) {
        let touched = std::mem::take(&mut self.touched);
        for (id, attempt) in self.attempts.clone() {
            if touched.contains(&id.order) && commit.attempts.get(&id) != Some(&attempt) {
                self.breaks(format!("{id} is not the fold of its events"));
            }
        }
        if !self.stock.rows().eq(commit.stock.rows()) {
            self.breaks("the stock is not the fold of its moves");
        }
        let mut counted: BTreeMap<&PackId, u64> = BTreeMap::new();
        for (pack, _, count) in commit.stock.rows() {
            *counted.entry(pack).or_default() += u64::from(count);
        }
        if !counted
            .into_iter()
            .eq(self.received.iter().map(|(pack, count)| (pack, *count)))
        {
            self.breaks("a blank is nowhere, or in two places (law 7)");
        }
    }

    /// Nothing is printed and nothing signed that was not intended first.
    fn world(&mut self, meters: &Meters) {
        for (machine, panels) in &meters.panels {
            let jobs = self.print_jobs.get(machine).copied().unwrap_or(0);
            if *panels > jobs * PANELS_PER_JOB {
                self.breaks(format!("{machine}: {panels} panels for {jobs} jobs"));
            }
        }
        if meters.signatures > self.sign_intents {
            let intents = self.sign_intents;
            self.breaks(format!(
                "{} signatures for {intents} intents (law 4)",
                meters.signatures
            ));
        }
    }
}
