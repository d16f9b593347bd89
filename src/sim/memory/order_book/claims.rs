//! Leases, lots and fencing tokens, as the order book on disk has them.

use std::time::Duration;

use super::{Books, Claimed};
use crate::base::Fault;
use crate::base::ids::{LotId, MachineId, OrderKey};
use crate::base::limits::BOOK_LEASE;
use crate::job::lot::{Lot, Waiting, choose};
use crate::port::fault::REPLACED;
use crate::port::{Order, OrderState};

impl Books {
    /// Was it given to a machine of this controller, which was given up?
    pub(super) fn is_orphan(&self, controller: &str, order: &Order) -> bool {
        let lot = order.lot.and_then(|lot| self.lots.get(&lot));
        let given_up = self
            .controllers
            .get(controller)
            .is_some_and(|tenure| tenure.given_up);
        given_up && order.state == OrderState::InLot && lot.is_some_and(|lot| lot.controller == controller)
    }

    pub(super) fn must_be_ours(&self, controller: &str, fence: u64) -> Result<(), Fault> {
        match self.controllers.get(controller) {
            Some(tenure) if tenure.fence == fence => Ok(()),
            _ => Err(Fault::new(&REPLACED, controller)),
        }
    }

    pub(super) fn stay(&mut self, controller: &str, now: Duration) {
        if let Some(tenure) = self.controllers.get_mut(controller) {
            tenure.until = now + BOOK_LEASE;
        }
    }

    /// Takes back what controllers whose lease is over had only claimed.
    pub(super) fn free(&mut self, now: Duration) {
        let is_loose = |claimed: &Claimed| {
            let tenure = self.controllers.get(&claimed.controller);
            !claimed.granted && !claimed.freed && tenure.is_none_or(|tenure| tenure.until < now)
        };
        let lots = self.lots.iter().filter(|(_, claimed)| is_loose(claimed));
        let loose: Vec<LotId> = lots.map(|(id, _)| *id).collect();
        for id in loose {
            self.take_back(id);
        }
    }

    /// A lot that was not granted is no lot any more: its orders wait.
    pub(super) fn take_back(&mut self, id: LotId) {
        if let Some(claimed) = self.lots.get_mut(&id) {
            claimed.freed = true;
        }
        let inside = |order: &&mut Order| order.lot == Some(id) && order.state == OrderState::InLot;
        let orders = self.orders.values_mut().map(|row| &mut row.order);
        for order in orders.filter(inside) {
            (order.state, order.lot) = (OrderState::Waiting, Some(LotId(0)));
        }
    }

    /// A lot with the orders that are in it now.
    pub(super) fn lot(&self, id: LotId) -> Option<Lot> {
        let mut lot = self.lots.get(&id)?.lot.clone();
        let inside = |key: &OrderKey| {
            let order = self.orders.get(key).map(|row| &row.order);
            order.is_some_and(|order| order.lot == Some(id) && order.state == OrderState::InLot)
        };
        lot.orders.retain(inside);
        Some(lot)
    }

    pub(super) fn claim(
        &mut self,
        controller: &str,
        ticket: &str,
        machine: &MachineId,
        cards_max: usize,
    ) -> Option<Lot> {
        let waiting = self.orders.values().map(|row| &row.order);
        let waiting: Vec<_> = waiting
            .filter(|order| order.state == OrderState::Waiting)
            .map(|order| Waiting {
                key: order.key,
                priority: order.priority,
                due: order.due.to_julian_day(),
                office: order.office.clone(),
                profile: order.profile.clone(),
                remake: order.remake,
                place: order.place.clone(),
            })
            .collect();
        let orders = choose(&waiting, cards_max);
        let first = waiting.iter().find(|order| Some(&order.key) == orders.first())?;
        let last = self.lots.last_key_value().map_or(0, |(last, _)| last.0);
        let lot = Lot {
            id: LotId(last + 1),
            office: first.office.clone(),
            profile: first.profile.clone(),
            machine: machine.clone(),
            orders,
        };
        for key in &lot.orders {
            if let Some(row) = self.orders.get_mut(key) {
                (row.order.state, row.order.lot) = (OrderState::InLot, Some(lot.id));
                row.order.tries += 1;
            }
        }
        let claimed = Claimed {
            lot: lot.clone(),
            ticket: ticket.to_owned(),
            controller: controller.to_owned(),
            granted: false,
            freed: false,
        };
        self.lots.insert(lot.id, claimed);
        Some(lot)
    }
}
