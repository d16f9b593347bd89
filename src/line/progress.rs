//! What a supervisor sees: counts and what every machine is doing. Decisions never depend on it, but for the one state
//! it keeps for the line: stopped positions.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;

use crate::base::ids::{LotId, MachineId};
use crate::base::{Clock, Code};
use crate::job::{Attempt, Phase, Step};

/// What a machine or a desk is doing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// Nothing to do.
    Waiting,
    /// This step of a card.
    Step(Step),
    /// Stopped, for this fault code.
    Stopped(&'static str),
}

/// A lot at a machine, or its tray at a desk.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct LotProgress {
    /// Which.
    pub lot: LotId,
    /// Cards that are through, good or not, since it was begun here.
    pub done: u64,
    /// Cards in it.
    pub of: u64,
}

/// One machine.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct MachineProgress {
    /// What it is doing.
    pub activity: Activity,
    /// The lot it is at, or was at last.
    pub lot: Option<LotProgress>,
    /// Cards that left it finished.
    pub made: u64,
    /// Cards it spoiled.
    pub spoiled: u64,
    /// It stands: a person must let it go on, its reader is away, or it has no blanks.
    pub stopped: bool,
    /// Its reader cannot work, for this fault; it goes on by itself when the reader is back.
    #[serde(serialize_with = "id")]
    pub reader: Option<&'static Code>,
    /// It has no blanks, for this fault; it goes on by itself when it is given some.
    #[serde(serialize_with = "id")]
    pub feeder: Option<&'static Code>,
    /// Why a person must let it go on.
    #[serde(skip)]
    code: Option<&'static str>,
}

impl MachineProgress {
    /// Must a person let it go on, whatever else it waits for?
    #[must_use]
    pub fn waits_for_a_person(&self) -> bool {
        self.code.is_some()
    }

    /// Something that it waits for has changed.
    fn come_to(&mut self) {
        let reason = self.reason();
        self.stopped = reason.is_some();
        if !matches!(self.activity, Activity::Step(_)) {
            self.activity = reason.map_or(Activity::Waiting, Activity::Stopped);
        }
    }

    fn card_is_through(&mut self) {
        if let Some(lot) = &mut self.lot {
            lot.done += 1;
        }
    }

    /// Why it stands, if it does.
    fn reason(&self) -> Option<&'static str> {
        let by_itself = self.reader.or(self.feeder);
        self.code.or_else(|| by_itself.map(|code| code.id))
    }
}

fn id<S: serde::Serializer>(code: &Option<&'static Code>, to: S) -> Result<S::Ok, S::Error> {
    code.map(|code| code.id).serialize(to)
}

/// The whole line at a moment.
#[derive(Clone, Debug, Serialize)]
pub struct Snapshot {
    /// Since the line started.
    pub elapsed: Duration,
    /// Orders known when it started or admitted since, that get a card unless somebody says otherwise.
    pub wanted: u64,
    /// Cards that left the machines finished.
    pub made: u64,
    /// Cards in boxes.
    pub boxed: u64,
    /// Cards spoiled, by fault code.
    pub spoiled: BTreeMap<String, u64>,
    /// Orders that wait for a person's word.
    pub held: u64,
    /// Every machine and desk.
    pub machines: BTreeMap<MachineId, MachineProgress>,
}

#[derive(Debug, Default)]
struct State {
    wanted: u64,
    made: u64,
    boxed: u64,
    spoiled: BTreeMap<String, u64>,
    held: u64,
    machines: BTreeMap<MachineId, MachineProgress>,
}

/// Live counts of the line.
#[derive(Debug)]
pub struct Progress {
    clock: Clock,
    state: Mutex<State>,
}

impl Progress {
    /// All zero.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            state: Mutex::default(),
        }
    }

    /// The line at this moment.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let state = self.state();
        Snapshot {
            elapsed: self.clock.elapsed(),
            wanted: state.wanted,
            made: state.made,
            boxed: state.boxed,
            spoiled: state.spoiled.clone(),
            held: state.held,
            machines: state.machines.clone(),
        }
    }

    /// More orders want a card.
    pub fn want(&self, orders: u64) {
        self.state().wanted += orders;
    }

    /// An order wants no card any more.
    pub fn drop_order(&self) {
        let mut state = self.state();
        state.wanted = state.wanted.saturating_sub(1);
    }

    /// So many orders wait for a person's word, and none of them counts as wanted.
    pub fn hold(&self, orders: u64) {
        self.state().held += orders;
    }

    /// A held order got its word.
    pub fn unhold(&self) {
        let mut state = self.state();
        state.held = state.held.saturating_sub(1);
    }

    /// An order that wanted a card is held.
    pub fn held(&self) {
        self.drop_order();
        self.hold(1);
    }

    /// A machine or a desk is at this lot, with so many cards.
    pub fn lot(&self, machine: &MachineId, lot: LotId, cards: usize) {
        self.machine(machine, |state| {
            if state.lot.is_none_or(|at| at.lot != lot) {
                let of = cards as u64;
                state.lot = Some(LotProgress { lot, done: 0, of });
            }
        });
    }

    /// A machine does this now; one that has nothing to do because it is stopped is shown as stopped.
    pub fn activity(&self, machine: &MachineId, activity: Activity) {
        self.machine(machine, |state| {
            state.activity = match (activity, state.reason()) {
                (Activity::Waiting, Some(reason)) => Activity::Stopped(reason),
                (other, _) => other,
            };
        });
    }

    /// A card left a machine, or stays with a person.
    pub fn card_left(&self, machine: &MachineId, attempt: &Attempt) {
        self.machine(machine, MachineProgress::card_is_through);
        match attempt.phase {
            Phase::Did(Step::Deliver) => {
                self.machine(machine, |state| state.made += 1);
                self.state().made += 1;
            }
            Phase::Spoiled | Phase::Quarantined => {
                self.machine(machine, |state| state.spoiled += 1);
                let code = attempt.code.clone().unwrap_or_default();
                *self.state().spoiled.entry(code).or_default() += 1;
            }
            _ => {}
        }
    }

    /// A card lies in its box.
    pub fn boxed(&self, desk: &MachineId) {
        self.machine(desk, |state| {
            state.made += 1;
            state.card_is_through();
        });
        self.state().boxed += 1;
    }

    /// A desk refused a card.
    pub fn refused(&self, desk: &MachineId, code: &str) {
        self.machine(desk, |state| {
            state.spoiled += 1;
            state.card_is_through();
        });
        *self.state().spoiled.entry(code.to_owned()).or_default() += 1;
    }

    /// A position is stopped until a person has looked.
    pub fn stopped(&self, machine: &MachineId, code: &'static str) {
        self.machine(machine, |state| {
            state.code = Some(code);
            state.stopped = true;
            state.activity = Activity::Stopped(code);
        });
    }

    /// A person lets a position go on.
    pub fn resumed(&self, machine: &MachineId) {
        self.machine(machine, |state| {
            state.code = None;
            state.come_to();
        });
    }

    /// A position's reader cannot work, or can again. What the position is at goes on as long as it can.
    pub fn reader(&self, machine: &MachineId, away: Option<&'static Code>) {
        self.machine(machine, |state| {
            state.reader = away;
            state.come_to();
        });
    }

    /// A machine has no blanks, or has some again.
    pub fn feeder(&self, machine: &MachineId, empty: Option<&'static Code>) {
        self.machine(machine, |state| {
            state.feeder = empty;
            state.come_to();
            if let Some(reason) = state.reason() {
                state.activity = Activity::Stopped(reason);
            }
        });
    }

    /// Must this position wait, for a person, for its reader or for blanks?
    #[must_use]
    pub fn is_stopped(&self, machine: &MachineId) -> bool {
        self.state()
            .machines
            .get(machine)
            .is_some_and(|state| state.stopped)
    }

    /// Does this position do nothing, whatever the reason and whoever must see to it?
    #[must_use]
    pub fn stands(&self, machine: &MachineId) -> bool {
        let state = self.state();
        let known = state.machines.get(machine);
        known.is_some_and(|state| state.stopped || matches!(state.activity, Activity::Stopped(_)))
    }

    /// Must this position wait for a person, whatever else it waits for?
    #[must_use]
    pub fn waits_for_a_person(&self, machine: &MachineId) -> bool {
        self.state()
            .machines
            .get(machine)
            .is_some_and(MachineProgress::waits_for_a_person)
    }

    fn machine(&self, machine: &MachineId, change: impl FnOnce(&mut MachineProgress)) {
        let idle = MachineProgress {
            activity: Activity::Waiting,
            lot: None,
            made: 0,
            spoiled: 0,
            stopped: false,
            reader: None,
            feeder: None,
            code: None,
        };
        change(self.state().machines.entry(machine.clone()).or_insert(idle));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
