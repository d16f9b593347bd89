//! Lots: consecutive orders of one office and profile, in the office's own order, no larger than a hopper.

use serde::{Deserialize, Serialize};

use crate::base::ids::{LotId, MachineId, OfficeCode, OrderKey};
use crate::base::limits::LOT_DUE_DAYS;

/// A lot given to a machine.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Lot {
    /// Which.
    pub id: LotId,
    /// The office its cards go to.
    pub office: OfficeCode,
    /// The card profile.
    pub profile: String,
    /// The machine.
    pub machine: MachineId,
    /// The orders, in the order the machine makes them: the office's order, remakes last.
    pub orders: Vec<OrderKey>,
}

/// An order that waits to be made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Waiting<P> {
    /// Which.
    pub key: OrderKey,
    /// 0 to 9, 9 first.
    pub priority: u8,
    /// Due date as the number of a day.
    pub due: i32,
    /// Office.
    pub office: OfficeCode,
    /// Card profile.
    pub profile: String,
    /// A new attempt after a spoiled one: it goes to the end of its box.
    pub remake: bool,
    /// Place in the office's order.
    pub place: P,
}

/// Chooses the orders of the next lot: the most urgent order names office and profile. Those of its office that are as
/// urgent are in before others: of no lower priority, and due within [`LOT_DUE_DAYS`] of it. They are taken in their
/// office's order, remakes last, so that lot follows lot as the office counts; the most urgent order's turn comes with
/// one of the next, because it decides for its office until it is in.
#[must_use]
pub fn choose<P: Ord>(waiting: &[Waiting<P>], cards_max: usize) -> Vec<OrderKey> {
    let Some(first) = waiting
        .iter()
        .min_by_key(|order| (9 - order.priority.min(9), order.due, order.key))
    else {
        return Vec::new();
    };
    let mut lot: Vec<&Waiting<P>> = waiting
        .iter()
        .filter(|order| order.office == first.office && order.profile == first.profile)
        .collect();
    let soon = first.due.saturating_add(LOT_DUE_DAYS);
    let has_time = |order: &Waiting<P>| order.priority < first.priority || order.due > soon;
    lot.sort_by_key(|order| (has_time(order), order.remake, &order.place, order.key));
    lot.truncate(cards_max);
    lot.sort_by_key(|order| (order.remake, &order.place, order.key));
    lot.into_iter().map(|order| order.key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(key: u64, office: &str, place: u32, priority: u8, remake: bool) -> Waiting<u32> {
        Waiting {
            key: OrderKey(key),
            priority,
            due: 0,
            office: OfficeCode::new(office),
            profile: "cc-2024".into(),
            remake,
            place,
        }
    }

    #[test]
    fn one_office_in_its_own_order_with_remakes_last() {
        let waiting = [
            order(1, "A", 3, 5, false),
            order(2, "B", 1, 5, false),
            order(3, "A", 1, 5, true),
            order(4, "A", 2, 5, false),
        ];
        assert_eq!(choose(&waiting, 10), vec![OrderKey(4), OrderKey(1), OrderKey(3)]);
        assert_eq!(choose(&waiting, 2), vec![OrderKey(4), OrderKey(1)]);
    }

    #[test]
    fn the_urgent_order_is_never_cut_off() {
        let waiting = [
            order(1, "A", 1, 5, false),
            order(2, "A", 2, 5, false),
            order(3, "A", 3, 9, false),
        ];
        assert_eq!(choose(&waiting, 2), vec![OrderKey(1), OrderKey(3)]);
        assert!(choose::<u32>(&[], 5).is_empty());
    }

    #[test]
    fn lot_follows_lot_as_the_office_counts() {
        // Due one by one, against the office's order; more are due next week.
        let due = |key: u64, place, due| Waiting {
            due,
            ..order(key, "A", place, 5, false)
        };
        let mut waiting: Vec<_> = [(1, 1, 4), (2, 2, 3), (3, 3, 2), (4, 4, 1), (5, 5, 0)]
            .map(|(key, place, day)| due(key, place, day))
            .to_vec();
        waiting.push(due(9, 0, LOT_DUE_DAYS + 1));
        let mut made = Vec::new();
        while !waiting.is_empty() {
            let lot = choose(&waiting, 2);
            waiting.retain(|order| !lot.contains(&order.key));
            made.extend(lot.iter().map(|key| key.0));
        }
        assert_eq!(made, [1, 2, 3, 4, 9, 5]);
    }

    #[test]
    fn a_remake_waits_for_its_office_but_for_nobody_who_came_later() {
        let later = |order| Waiting {
            due: LOT_DUE_DAYS + 1,
            ..order
        };
        let mut waiting = vec![
            order(1, "A", 1, 5, true),
            order(2, "B", 1, 5, false),
            order(3, "A", 2, 5, false),
            order(4, "A", 3, 5, false),
            later(order(5, "A", 0, 5, false)),
            later(order(6, "A", 0, 5, false)),
        ];
        let chosen = choose(&waiting, 2);
        assert_eq!(chosen, [OrderKey(3), OrderKey(4)]);
        waiting.retain(|order| !chosen.contains(&order.key));
        assert_eq!(choose(&waiting, 1), [OrderKey(1)]);
        assert_eq!(choose(&waiting, 2), [OrderKey(5), OrderKey(1)]);
    }
}
