//! Lots: consecutive orders of one office and profile, in the office's own order, no larger than a hopper.

use serde::{Deserialize, Serialize};

use crate::base::ids::{LotId, MachineId, OfficeCode, OrderKey};

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
    /// Due date as a number that sorts.
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

/// Chooses the orders of the next lot: the most urgent order names office and profile, the rest follows its office's
/// order.
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
    lot.sort_by_key(|order| (order.remake, &order.place, order.key));
    // A lot that is cut short keeps its most urgent order.
    if let Some(position) = lot.iter().position(|order| order.key == first.key)
        && position >= cards_max
    {
        let urgent = lot.remove(position);
        lot.truncate(cards_max.saturating_sub(1));
        lot.push(urgent);
        lot.sort_by_key(|order| (order.remake, &order.place, order.key));
    }
    lot.into_iter().take(cards_max).map(|order| order.key).collect()
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
}
