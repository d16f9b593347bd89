//! Does every machine look through its own reader, and is there one card in its field at most?
//!
//! Readers of one kind swap their names when they are plugged in anew, and fields reach further than they should. A
//! machine that encodes the card in its neighbour and prints its own would make two wrong cards out of two right ones.
//! So before anything is fed a machine's field must be empty, and when a line starts, machines feed their first blanks
//! one after the other: while one does, no machine that has not done so yet may see a card appear, but itself must.
//! What was proven of a reader holds until it goes away. A machine whose reader does not work feeds nothing, and keeps
//! nobody else from feeding. One with a card of its own says nothing about others: when its pcscd is started again,
//! that card appears anew.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard as StdGuard, PoisonError};
use std::time::Duration;

use tokio::sync::MutexGuard;

use super::fault::{CROWDED, OVERLAP, SWAPPED};
use crate::base::ids::MachineId;
use crate::base::{Blame, Clock, Fault};
use crate::port::{Fields, Seen};

/// A card that has just left is still reported for a while: pcscd looks 2.5 times a second.
const EMPTIES: Duration = Duration::from_millis(1_500);
/// A card that one reader sees, another that can see it reports within this time.
const APPEARS: Duration = Duration::from_millis(500);

/// The pairs of machines and readers, as far as they are proven. Without eyes nothing is asked for.
#[derive(Default)]
pub struct Pairing {
    fields: Option<Arc<dyn Fields>>,
    proven: Mutex<BTreeSet<MachineId>>,
    excused: Mutex<BTreeSet<MachineId>>,
    holding: Mutex<BTreeSet<MachineId>>,
    turn: tokio::sync::Mutex<()>,
}

/// A machine's leave to feed a blank.
#[derive(Debug)]
pub struct Turn<'a> {
    pairing: &'a Pairing,
    machine: &'a MachineId,
    /// For its first blank: nobody else feeds a first one meanwhile, and this is what the readers saw before.
    first: Option<(MutexGuard<'a, ()>, Seen)>,
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

    /// The eyes, if there are any.
    pub(super) fn fields(&self) -> Option<&dyn Fields> {
        self.fields.as_deref()
    }

    /// What this place's reader sees says nothing about machines.
    pub(super) fn excuse(&self, place: &MachineId) {
        locked(&self.excused).insert(place.clone());
    }

    /// There is a card in this machine, or none any more.
    pub(super) fn holds(&self, machine: &MachineId, card: bool) {
        let mut holding = locked(&self.holding);
        if card {
            holding.insert(machine.clone());
        } else {
            holding.remove(machine);
        }
    }

    /// This machine's reader was away, and another may have come back in its place: its next blank is a first one.
    pub(super) fn withdraw(&self, machine: &MachineId) {
        locked(&self.proven).remove(machine);
    }

    /// Waits for a machine's turn to feed a blank. Its reader must work, and its field must be empty.
    ///
    /// # Errors
    /// `LIN-022` if a card is in it although the machine has none; what is wrong with the reader.
    pub async fn turn<'a>(&'a self, machine: &'a MachineId, clock: Clock) -> Result<Turn<'a>, Fault> {
        let mut turn = Turn {
            pairing: self,
            machine,
            first: None,
        };
        let Some(fields) = &self.fields else {
            return Ok(turn);
        };
        self.holds(machine, false);
        let mut seen = works(machine, fields.seen().await)?;
        let guard = match self.is_proven(machine) {
            true => None,
            false => {
                let guard = self.turn.lock().await;
                seen = works(machine, fields.seen().await)?;
                Some(guard)
            }
        };
        let until = clock.elapsed() + EMPTIES;
        while seen.get(machine) == Some(&Ok(true)) {
            let left = until.saturating_sub(clock.elapsed());
            let changed = clock.within(left, fields.other_than(&seen)).await;
            let changed = changed.ok_or_else(|| Fault::new(&CROWDED, machine.as_str()))?;
            seen = works(machine, changed)?;
        }
        self.holds(machine, true);
        turn.first = guard.map(|guard| (guard, seen));
        Ok(turn)
    }

    fn is_proven(&self, machine: &MachineId) -> bool {
        locked(&self.proven).contains(machine)
    }

    /// May a card that appears in this machine's field be another machine's?
    fn is_witness(&self, machine: &MachineId) -> bool {
        let excused = [&self.proven, &self.excused, &self.holding];
        !excused.iter().any(|names| locked(names).contains(machine))
    }
}

/// What is seen, if this machine's reader works.
fn works(machine: &MachineId, seen: Seen) -> Result<Seen, Fault> {
    match seen.get(machine) {
        Some(Err(fault)) => Err(fault.clone()),
        _ => Ok(seen),
    }
}

fn locked(names: &Mutex<BTreeSet<MachineId>>) -> StdGuard<'_, BTreeSet<MachineId>> {
    names.lock().unwrap_or_else(PoisonError::into_inner)
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
        let after = fields.seen().await;
        let other = after.into_iter().find(|(machine, occupied)| {
            let appeared = *occupied == Ok(true) && before.get(machine) == Some(&Ok(false));
            appeared && machine != self.machine && self.pairing.is_witness(machine)
        });
        match other {
            Some((other, _)) => {
                let code = if seen { &OVERLAP } else { &SWAPPED };
                let what = format!("the card in {} is in the field of {other}", self.machine);
                Err((Fault::new(code, what), Some(other)))
            }
            None => {
                if found.is_ok() {
                    locked(&self.pairing.proven).insert(self.machine.clone());
                }
                found.map_err(|fault| (fault, None))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use tokio::sync::watch;

    use super::*;
    use crate::line::fault::{ANSWER, TASK};

    /// What is in which reader's field.
    struct Eyes(watch::Sender<Seen>);

    #[async_trait]
    impl Fields for Eyes {
        async fn seen(&self) -> Seen {
            self.0.borrow().clone()
        }

        async fn other_than(&self, known: &Seen) -> Seen {
            let mut seen = self.0.subscribe();
            let other = seen.wait_for(|seen| seen != known).await.unwrap();
            other.clone()
        }
    }

    impl Eyes {
        fn of(machines: &[&str]) -> Arc<Self> {
            let seen = machines.iter().map(|name| (MachineId::new(*name), Ok(false)));
            Arc::new(Self(watch::Sender::new(seen.collect())))
        }

        fn see(&self, name: &str, occupied: bool) {
            self.tell(name, Ok(occupied));
        }

        fn tell(&self, name: &str, sight: Result<bool, Fault>) {
            self.0.send_modify(|seen| {
                seen.insert(MachineId::new(name), sight);
            });
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
    async fn a_machine_without_its_reader_feeds_nothing_and_holds_up_nobody() {
        let (eyes, clock) = (Eyes::of(&["S1", "S2"]), Clock::system());
        let (one, two) = (MachineId::new("S1"), MachineId::new("S2"));
        let pairing = Pairing::new(Some(eyes.clone()));
        let away = Fault::new(&TASK, "unplugged");
        eyes.tell("S1", Err(away.clone()));
        assert_eq!(pairing.turn(&one, clock).await.unwrap_err(), away);
        let first = pairing.turn(&two, clock).await.unwrap();
        // It waits for its turn, and its reader goes meanwhile.
        eyes.see("S1", false);
        let waiting = pairing.turn(&one, clock);
        let goes = async {
            clock.sleep(APPEARS).await;
            eyes.tell("S1", Err(away.clone()));
            // A card that appears with a reader that comes back is no other machine's.
            eyes.see("S2", true);
            assert_eq!(first.fed(Ok(1), clock).await, Ok(1));
        };
        let (refused, ()) = tokio::join!(waiting, goes);
        assert_eq!(refused.unwrap_err(), away);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_was_away_is_proven_anew() {
        let (eyes, clock, machine) = (Eyes::of(&["S1"]), Clock::system(), MachineId::new("S1"));
        let pairing = Pairing::new(Some(eyes.clone()));
        let turn = pairing.turn(&machine, clock).await.unwrap();
        assert_eq!(turn.fed(Ok(1), clock).await, Ok(1));
        pairing.withdraw(&machine);
        assert!(pairing.turn(&machine, clock).await.unwrap().first.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_card_on_a_desk_is_nobodys_blank() {
        let (eyes, clock, machine) = (Eyes::of(&["S1", "D1"]), Clock::system(), MachineId::new("S1"));
        let pairing = Pairing::new(Some(eyes.clone()));
        pairing.excuse(&MachineId::new("D1"));
        let turn = pairing.turn(&machine, clock).await.unwrap();
        eyes.see("D1", true);
        assert_eq!(turn.fed(Ok(1), clock).await, Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_card_that_was_there_before_is_nobodys_blank() {
        let (eyes, clock, machine) = (Eyes::of(&["S1", "S2"]), Clock::system(), MachineId::new("S1"));
        let pairing = Pairing::new(Some(eyes.clone()));
        pairing.holds(&MachineId::new("S2"), true);
        let turn = pairing.turn(&machine, clock).await.unwrap();
        // Its pcscd was started again, and finds it anew.
        eyes.see("S2", true);
        assert_eq!(turn.fed(Ok(1), clock).await, Ok(1));
        // One that is empty again is a witness again.
        pairing.withdraw(&machine);
        pairing.holds(&MachineId::new("S2"), false);
        eyes.see("S2", false);
        let turn = pairing.turn(&machine, clock).await.unwrap();
        eyes.see("S2", true);
        let (fault, _) = turn.fed(Ok(1), clock).await.unwrap_err();
        assert_eq!(fault.code, &OVERLAP);
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
