//! The yield brake (law 6): a position that spoils card after card stops itself; a pack or an order that fails in
//! several places is the cause rather than the position.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::base::Blame;
use crate::base::ids::{AttemptId, MachineId, OrderKey, PackId};
use crate::base::limits::{BRAKE_IN_A_ROW, BRAKE_IN_WINDOW, BRAKE_POSITIONS_PER_PACK, BRAKE_WINDOW};

/// What the brake asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Pull {
    /// Stop this position.
    Position(MachineId),
    /// Stop using this pack.
    Pack(PackId),
    /// A person must look at this order.
    Order(OrderKey),
}

/// Remembers how cards ended, hall-wide.
#[derive(Debug, Default)]
pub struct Brake {
    recent: BTreeMap<MachineId, VecDeque<Option<Blame>>>,
    packs: BTreeMap<PackId, BTreeSet<MachineId>>,
    orders: BTreeMap<OrderKey, BTreeSet<MachineId>>,
}

impl Brake {
    /// A card ended well.
    pub fn good(&mut self, machine: &MachineId, attempt: AttemptId, pack: Option<&PackId>) {
        self.note(machine, None);
        self.orders.remove(&attempt.order);
        if let Some(pack) = pack {
            self.packs.remove(pack);
        }
    }

    /// A card or a blank failed. The answer lists what must stop.
    pub fn failed(
        &mut self,
        machine: &MachineId,
        blame: Blame,
        attempt: Option<AttemptId>,
        pack: Option<&PackId>,
    ) -> Vec<Pull> {
        self.note(machine, Some(blame));
        let mut pulls = Vec::new();
        if self.position_is_failing(machine, blame) {
            pulls.push(Pull::Position(machine.clone()));
        }
        if let Some(pack) = pack {
            let positions = self.packs.entry(pack.clone()).or_default();
            positions.insert(machine.clone());
            if positions.len() >= BRAKE_POSITIONS_PER_PACK {
                pulls.push(Pull::Pack(pack.clone()));
            }
        }
        if let Some(attempt) = attempt {
            let positions = self.orders.entry(attempt.order).or_default();
            positions.insert(machine.clone());
            if positions.len() >= BRAKE_POSITIONS_PER_PACK {
                pulls.push(Pull::Order(attempt.order));
            }
        }
        pulls
    }

    /// A person has looked: the position starts with a clean record.
    pub fn resume(&mut self, machine: &MachineId) {
        self.recent.remove(machine);
    }

    fn note(&mut self, machine: &MachineId, end: Option<Blame>) {
        let recent = self.recent.entry(machine.clone()).or_default();
        recent.push_back(end);
        if recent.len() > BRAKE_WINDOW {
            recent.pop_front();
        }
    }

    fn position_is_failing(&self, machine: &MachineId, blame: Blame) -> bool {
        let Some(recent) = self.recent.get(machine) else {
            return false;
        };
        let in_a_row = recent.iter().rev().take_while(|end| **end == Some(blame)).count();
        let in_window = recent.iter().filter(|end| **end == Some(blame)).count();
        in_a_row >= BRAKE_IN_A_ROW || in_window >= BRAKE_IN_WINDOW
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(name: &str) -> MachineId {
        MachineId::new(name)
    }

    fn attempt(order: u64) -> Option<AttemptId> {
        Some(AttemptId {
            order: OrderKey(order),
            number: 1,
        })
    }

    #[test]
    fn three_in_a_row_stop_the_position() {
        let mut brake = Brake::default();
        assert!(
            brake
                .failed(&machine("S1"), Blame::Card, attempt(1), None)
                .is_empty()
        );
        assert!(
            brake
                .failed(&machine("S1"), Blame::Card, attempt(2), None)
                .is_empty()
        );
        let pulls = brake.failed(&machine("S1"), Blame::Card, attempt(3), None);
        assert_eq!(pulls, vec![Pull::Position(machine("S1"))]);
        brake.resume(&machine("S1"));
        assert!(
            brake
                .failed(&machine("S1"), Blame::Card, attempt(4), None)
                .is_empty()
        );
    }

    #[test]
    fn five_in_fifty_stop_the_position() {
        let mut brake = Brake::default();
        let mut stopped = Vec::new();
        for card in 0..50u64 {
            if card % 10 == 9 {
                stopped = brake.failed(&machine("S1"), Blame::Card, attempt(card), None);
            } else {
                brake.good(
                    &machine("S1"),
                    AttemptId {
                        order: OrderKey(card),
                        number: 1,
                    },
                    None,
                );
            }
        }
        assert_eq!(stopped, vec![Pull::Position(machine("S1"))]);
    }

    #[test]
    fn two_positions_stop_the_pack_and_send_the_order_to_a_person() {
        let mut brake = Brake::default();
        let pack = PackId::new("P1");
        assert!(
            brake
                .failed(&machine("S1"), Blame::Card, attempt(1), Some(&pack))
                .is_empty()
        );
        let pulls = brake.failed(&machine("S2"), Blame::Card, attempt(1), Some(&pack));
        assert_eq!(pulls, vec![Pull::Pack(pack), Pull::Order(OrderKey(1))]);
    }
}
