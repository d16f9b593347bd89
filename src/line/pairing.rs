//! Does every machine look through its own reader, and is there one card in its field at most?
//!
//! Readers of one kind swap their names when they are plugged in anew, and fields reach further than they should. A
//! machine that encodes the card in its neighbour and prints its own would make two wrong cards out of two right ones.
//! So before anything is fed a machine's field must be empty, and when a line starts, machines feed their first blanks
//! one after the other: while one does, no machine that has not done so yet may see a card appear, but itself must.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::MutexGuard;

use super::fault::{CROWDED, OVERLAP, SWAPPED};
use crate::base::ids::MachineId;
use crate::base::{Blame, Clock, Fault};
use crate::port::Fields;

/// A card that has just left is still reported for a while: pcscd looks 2.5 times a second.
const EMPTIES: Duration = Duration::from_millis(1_500);
/// A card that one reader sees, another that can see it reports within this time.
const APPEARS: Duration = Duration::from_millis(500);
/// How often fields are looked at meanwhile.
const LOOK: Duration = Duration::from_millis(50);

/// The pairs of machines and readers, as far as they are proven. Without eyes nothing is asked for.
#[derive(Default)]
pub struct Pairing {
    fields: Option<Arc<dyn Fields>>,
    proven: Mutex<BTreeSet<MachineId>>,
    turn: tokio::sync::Mutex<()>,
}

/// A machine's leave to feed a blank.
#[derive(Debug)]
pub struct Turn<'a> {
    pairing: &'a Pairing,
    machine: &'a MachineId,
    /// For its first blank: nobody else feeds a first one meanwhile, and this is what the readers saw before.
    first: Option<(MutexGuard<'a, ()>, BTreeMap<MachineId, bool>)>,
}

impl fmt::Debug for Pairing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pairing({:?})", self.proven)
    }
}

impl Pairing {
    /// Nothing is proven yet.
    #[must_use]
    pub fn new(fields: Option<Arc<dyn Fields>>) -> Self {
        Self {
            fields,
            ..Self::default()
        }
    }

    /// Waits for a machine's turn to feed a blank. Its field must be empty.
    ///
    /// # Errors
    /// `LIN-022` if a card is in it although the machine has none.
    pub async fn turn<'a>(&'a self, machine: &'a MachineId, clock: Clock) -> Result<Turn<'a>, Fault> {
        let mut turn = Turn {
            pairing: self,
            machine,
            first: None,
        };
        let Some(fields) = &self.fields else {
            return Ok(turn);
        };
        let guard = match self.is_proven(machine) {
            true => None,
            false => Some(self.turn.lock().await),
        };
        let until = clock.elapsed() + EMPTIES;
        loop {
            let seen = fields.occupied().await;
            if seen.get(machine) != Some(&true) {
                turn.first = guard.map(|guard| (guard, seen));
                return Ok(turn);
            }
            if clock.elapsed() >= until {
                return Err(Fault::new(&CROWDED, machine.as_str()));
            }
            clock.sleep(LOOK).await;
        }
    }

    fn is_proven(&self, machine: &MachineId) -> bool {
        self.proven
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(machine)
    }
}

impl Turn<'_> {
    /// A blank was fed, and this is how the machine's own reader found it. Where another reader sees it, the fault says
    /// so, and names the machine of that reader.
    ///
    /// # Errors
    /// `LIN-021` if only another reader sees it, `LIN-023` if another one sees it too; otherwise what the own one said.
    pub async fn fed<T>(
        self,
        found: Result<T, Fault>,
        clock: Clock,
    ) -> Result<T, (Fault, Option<MachineId>)> {
        let (Some(fields), Some((_guard, before))) = (&self.pairing.fields, &self.first) else {
            return found.map_err(|fault| (fault, None));
        };
        // A chip that answers badly was seen all the same.
        let seen = found
            .as_ref()
            .err()
            .is_none_or(|fault| fault.blame() == Blame::Card);
        if seen {
            clock.sleep(APPEARS).await;
        }
        let after = fields.occupied().await;
        let other = after.into_iter().find(|(machine, occupied)| {
            let appeared = *occupied && before.get(machine) == Some(&false);
            appeared && machine != self.machine && !self.pairing.is_proven(machine)
        });
        match other {
            Some((other, _)) => {
                let code = if seen { &OVERLAP } else { &SWAPPED };
                let what = format!("the card in {} is in the field of {other}", self.machine);
                Err((Fault::new(code, what), Some(other)))
            }
            None => {
                let mut proven = self.pairing.proven.lock().unwrap_or_else(PoisonError::into_inner);
                if found.is_ok() {
                    proven.insert(self.machine.clone());
                }
                found.map_err(|fault| (fault, None))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;
    use crate::line::fault::{ANSWER, TASK};

    /// What is in which reader's field.
    #[derive(Default)]
    struct Eyes(Mutex<BTreeMap<MachineId, bool>>);

    #[async_trait]
    impl Fields for Eyes {
        async fn occupied(&self) -> BTreeMap<MachineId, bool> {
            self.0.lock().unwrap().clone()
        }
    }

    impl Eyes {
        fn of(machines: &[&str]) -> Arc<Self> {
            let seen = machines.iter().map(|name| (MachineId::new(*name), false));
            Arc::new(Self(Mutex::new(seen.collect())))
        }

        fn see(&self, name: &str, occupied: bool) {
            self.0.lock().unwrap().insert(MachineId::new(name), occupied);
        }
    }

    fn nobody() -> Fault {
        Fault::new(&TASK, "nothing in the field")
    }

    #[tokio::test(start_paused = true)]
    async fn a_machine_that_sees_its_own_blank_is_proven() {
        let (eyes, clock, machine) = (Eyes::of(&["S1", "S2"]), Clock::system(), MachineId::new("S1"));
        let pairing = Pairing::new(Some(eyes.clone()));
        let turn = pairing.turn(&machine, clock).await.unwrap();
        assert!(turn.first.is_some());
        eyes.see("S1", true);
        assert_eq!(turn.fed(Ok(7), clock).await, Ok(7));
        eyes.see("S1", false);
        assert!(
            pairing.turn(&machine, clock).await.unwrap().first.is_none(),
            "once"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_blank_in_the_neighbours_field_names_the_neighbour() {
        let (clock, machine) = (Clock::system(), MachineId::new("S1"));
        for (own, code) in [(Err(nobody()), &SWAPPED), (Ok(7), &OVERLAP)] {
            let eyes = Eyes::of(&["S1", "S2"]);
            let pairing = Pairing::new(Some(eyes.clone()));
            let turn = pairing.turn(&machine, clock).await.unwrap();
            eyes.see("S1", own.is_ok());
            eyes.see("S2", true);
            let (fault, other) = turn.fed(own, clock).await.unwrap_err();
            assert_eq!((fault.code, other), (code, Some(MachineId::new("S2"))));
            assert!(!pairing.is_proven(&machine));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_blank_that_nobody_sees_is_the_readers_own_fault() {
        let (eyes, clock, machine) = (Eyes::of(&["S1", "S2"]), Clock::system(), MachineId::new("S1"));
        let pairing = Pairing::new(Some(eyes.clone()));
        // The neighbour has had a card all the time, which says nothing.
        eyes.see("S2", true);
        let turn = pairing.turn(&machine, clock).await.unwrap();
        assert_eq!(turn.fed::<()>(Err(nobody()), clock).await, Err((nobody(), None)));
        assert!(!pairing.is_proven(&machine));
    }

    #[tokio::test(start_paused = true)]
    async fn a_card_in_an_empty_machine_stops_it_and_one_that_just_left_does_not() {
        let (eyes, clock, machine) = (Eyes::of(&["S1"]), Clock::system(), MachineId::new("S1"));
        let pairing = Pairing::new(Some(eyes.clone()));
        eyes.see("S1", true);
        assert_eq!(pairing.turn(&machine, clock).await.unwrap_err().code, &CROWDED);
        let leaving = async {
            clock.sleep(EMPTIES / 2).await;
            eyes.see("S1", false);
        };
        let (turn, ()) = tokio::join!(pairing.turn(&machine, clock), leaving);
        assert!(turn.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn first_blanks_are_fed_one_after_the_other() {
        let (eyes, clock) = (Eyes::of(&["S1", "S2"]), Clock::system());
        let (one, two) = (MachineId::new("S1"), MachineId::new("S2"));
        let pairing = Pairing::new(Some(eyes.clone()));
        let first = pairing.turn(&one, clock).await.unwrap();
        let soon = Duration::from_secs(60);
        assert!(clock.within(soon, pairing.turn(&two, clock)).await.is_none());
        // A mute chip was seen; the pair is not proven by it.
        let mute = Fault::new(&ANSWER, "");
        assert_eq!(first.fed::<()>(Err(mute.clone()), clock).await, Err((mute, None)));
        assert!(clock.within(soon, pairing.turn(&two, clock)).await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn without_eyes_nothing_is_asked_for() {
        let (pairing, clock, machine) = (Pairing::default(), Clock::system(), MachineId::new("S1"));
        let first = pairing.turn(&machine, clock).await.unwrap();
        let second = pairing.turn(&machine, clock).await.unwrap();
        assert_eq!(first.fed(Ok(1), clock).await, Ok(1));
        assert_eq!(
            second.fed::<()>(Err(nobody()), clock).await,
            Err((nobody(), None))
        );
    }
}
