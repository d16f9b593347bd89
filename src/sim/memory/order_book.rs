//! The order book in memory, with the same answers as the one on disk.

mod retention;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use time::Date;

use super::{Power, locked};
use crate::base::Fault;
use crate::base::ids::{LotId, MachineId, OfficeCode, OrderKey};
use crate::job::lot::{Lot, Waiting, choose};
use crate::port::{
    Admission, NewOrder, OfficeCounts, Order, OrderBook, OrderChange, OrderState, Returned, SealedDossier,
};
use crate::store::fault::{NO_ORDER, TOO_LATE, TWICE};

/// A commit takes this long.
const COMMIT: Duration = Duration::from_millis(1);

/// The order book of a facility.
pub struct MemoryOrderBook {
    power: Arc<Power>,
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    orders: BTreeMap<OrderKey, Row>,
    lots: u64,
    returned: Vec<Returned>,
}

struct Row {
    order: Order,
    person: String,
    data: Option<Data>,
    until: Option<Date>,
    /// The ledger is to be told that the data is gone.
    untold: bool,
}

/// What goes when an order is erased.
struct Data {
    epoch: String,
    wrapped_key: Vec<u8>,
    sealed: Vec<u8>,
}

impl MemoryOrderBook {
    /// An empty order book.
    #[must_use]
    pub fn new(power: Arc<Power>) -> Self {
        Self {
            power,
            books: Mutex::default(),
        }
    }

    /// Changes the books.
    async fn write<T>(&self, change: impl FnOnce(&mut Books) -> T) -> T {
        self.power.act(COMMIT, || change(&mut locked(&self.books))).await
    }

    /// Asks the books.
    async fn ask<T>(&self, question: impl FnOnce(&Books) -> T) -> Result<T, Fault> {
        self.power.alive().await;
        Ok(question(&locked(&self.books)))
    }
}

#[async_trait]
impl OrderBook for MemoryOrderBook {
    async fn admit(&self, new: NewOrder) -> Result<Admission, Fault> {
        Ok(self.write(|books| books.admit(new)).await)
    }

    async fn keep_return(&self, returned: Returned) -> Result<bool, Fault> {
        Ok(self.write(|books| books.keep_return(returned)).await)
    }

    async fn returns(&self) -> Result<Vec<Returned>, Fault> {
        self.ask(|books| {
            let mut returned = books.returned.clone();
            returned.sort_by_key(|returned| returned.on);
            returned
        })
        .await
    }

    async fn claim(&self, machine: &MachineId, cards_max: usize) -> Result<Option<Lot>, Fault> {
        Ok(self.write(|books| books.claim(machine, cards_max)).await)
    }

    async fn order(&self, key: OrderKey) -> Result<Option<Order>, Fault> {
        self.ask(|books| books.orders.get(&key).map(|row| row.order.clone()))
            .await
    }

    async fn by_request(&self, request: &str) -> Result<Option<Order>, Fault> {
        self.ask(|books| books.of_request(request).cloned()).await
    }

    async fn by_person(&self, person: &str) -> Result<Vec<Order>, Fault> {
        self.ask(|books| {
            let rows = books.orders.values().rev().filter(|row| row.person == person);
            rows.map(|row| row.order.clone()).collect()
        })
        .await
    }

    async fn in_state(&self, state: OrderState, after: OrderKey, limit: u32) -> Result<Vec<Order>, Fault> {
        self.ask(|books| {
            let orders = books.orders.values().map(|row| &row.order);
            let found = orders.filter(|order| order.state == state && order.key > after);
            found
                .take(usize::try_from(limit).unwrap_or(usize::MAX))
                .cloned()
                .collect()
        })
        .await
    }

    async fn sealed(&self, key: OrderKey) -> Result<Option<SealedDossier>, Fault> {
        self.ask(|books| {
            let row = books.orders.get(&key)?;
            let data = row.data.as_ref()?;
            Some(SealedDossier {
                request: row.order.request.clone(),
                version: row.order.version,
                epoch: data.epoch.clone(),
                wrapped_key: data.wrapped_key.clone(),
                sealed: data.sealed.clone(),
            })
        })
        .await
    }

    async fn set_state(&self, key: OrderKey, state: OrderState, remake: bool) -> Result<(), Fault> {
        self.write(|books| books.set_state(key, state, remake)).await
    }

    async fn hold(&self, key: OrderKey, reason: &str) -> Result<(), Fault> {
        self.write(|books| books.hold(key, reason)).await
    }

    async fn change(&self, key: OrderKey, change: OrderChange) -> Result<Order, Fault> {
        self.write(|books| books.change(key, &change)).await
    }

    async fn counts(&self, today: Date) -> Result<BTreeMap<OfficeCode, OfficeCounts>, Fault> {
        self.ask(|books| books.counts(today)).await
    }
}

impl Books {
    fn admit(&mut self, new: NewOrder) -> Admission {
        let known = self
            .of_request(&new.request)
            .map(|order| (order.key, order.version, order.state));
        let key = known.map(|(key, ..)| key);
        if let Some((key, version, state)) = known {
            match new.version.cmp(&version) {
                Ordering::Equal => return Admission::Known(key),
                Ordering::Less => return Admission::Outdated(key),
                Ordering::Greater if !matches!(state, OrderState::Waiting | OrderState::Held) => {
                    return Admission::TooLate(key);
                }
                Ordering::Greater => {}
            }
        }
        if let Some(other) = self.live_order_of(&new.person, key) {
            return Admission::SecondForPerson(other);
        }
        let next = OrderKey(self.orders.last_key_value().map_or(0, |(last, _)| last.0) + 1);
        let (admitted, admission) = match key {
            Some(key) => (key, Admission::Replaced(key)),
            None => (next, Admission::New(next)),
        };
        let remake = self.orders.get(&admitted).is_some_and(|row| row.order.remake);
        let state = if new.hold.is_some() {
            OrderState::Held
        } else {
            OrderState::Waiting
        };
        let order = Order {
            key: admitted,
            request: new.request,
            version: new.version,
            office: new.office,
            profile: new.profile,
            priority: new.priority,
            place: new.place,
            received: new.received,
            due: new.due,
            state,
            hold: new.hold,
            remake,
        };
        let row = Row {
            order,
            person: new.person,
            data: Some(Data {
                epoch: new.epoch,
                wrapped_key: new.wrapped_key,
                sealed: new.sealed,
            }),
            until: None,
            untold: false,
        };
        self.orders.insert(admitted, row);
        admission
    }

    fn keep_return(&mut self, returned: Returned) -> bool {
        let known = self
            .returned
            .iter()
            .any(|kept| kept.document == returned.document);
        if !known {
            self.returned.push(returned);
        }
        !known
    }

    fn claim(&mut self, machine: &MachineId, cards_max: usize) -> Option<Lot> {
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
        self.lots += 1;
        for key in &orders {
            if let Some(row) = self.orders.get_mut(key) {
                row.order.state = OrderState::InLot;
            }
        }
        Some(Lot {
            id: LotId(self.lots),
            office: first.office.clone(),
            profile: first.profile.clone(),
            machine: machine.clone(),
            orders,
        })
    }

    fn set_state(&mut self, key: OrderKey, state: OrderState, remake: bool) -> Result<(), Fault> {
        let missing = || Fault::new(&NO_ORDER, key.to_string());
        let person = self.orders.get(&key).ok_or_else(missing)?.person.clone();
        if is_live(state) && self.live_order_of(&person, Some(key)).is_some() {
            return Err(Fault::new(&TWICE, key.to_string()));
        }
        let row = self.orders.get_mut(&key).ok_or_else(missing)?;
        (row.order.state, row.order.remake, row.until) = (state, remake, None);
        Ok(())
    }

    fn hold(&mut self, key: OrderKey, reason: &str) -> Result<(), Fault> {
        let row = self.orders.get_mut(&key);
        let order = &mut row.ok_or_else(|| Fault::new(&NO_ORDER, key.to_string()))?.order;
        if !matches!(order.state, OrderState::InLot | OrderState::Held) {
            return Err(Fault::new(&TOO_LATE, format!("{key} is {:?}", order.state)));
        }
        (order.state, order.hold, order.remake) = (OrderState::Held, Some(reason.to_owned()), true);
        Ok(())
    }

    fn change(&mut self, key: OrderKey, change: &OrderChange) -> Result<Order, Fault> {
        let row = self.orders.get_mut(&key);
        let order = &mut row.ok_or_else(|| Fault::new(&NO_ORDER, key.to_string()))?.order;
        let waits = matches!(order.state, OrderState::Waiting | OrderState::Held);
        match change {
            OrderChange::Hold(reason) if waits => {
                (order.state, order.hold) = (OrderState::Held, Some(reason.clone()));
            }
            OrderChange::Release if order.state == OrderState::Held => {
                (order.state, order.hold) = (OrderState::Waiting, None);
            }
            OrderChange::Priority(priority) if waits => order.priority = *priority,
            OrderChange::Cancel if waits => (order.state, order.hold) = (OrderState::Cancelled, None),
            _ => return Err(Fault::new(&TOO_LATE, format!("{key} is {:?}", order.state))),
        }
        Ok(order.clone())
    }

    fn counts(&self, today: Date) -> BTreeMap<OfficeCode, OfficeCounts> {
        let mut counts: BTreeMap<OfficeCode, OfficeCounts> = BTreeMap::new();
        for Row { order, .. } in self.orders.values() {
            let office = counts.entry(order.office.clone()).or_default();
            *office.orders.entry(order.state).or_default() += 1;
            office.late += u64::from(order.due < today && is_live(order.state));
        }
        for returned in &self.returned {
            let office = returned.office.clone().unwrap_or_else(|| OfficeCode::new("?"));
            counts.entry(office).or_default().returned += 1;
        }
        counts
    }

    fn of_request(&self, request: &str) -> Option<&Order> {
        let orders = self.orders.values().map(|row| &row.order);
        orders.into_iter().find(|order| order.request == request)
    }

    /// The live order of this person other than this one.
    fn live_order_of(&self, person: &str, but: Option<OrderKey>) -> Option<OrderKey> {
        let rows = self.orders.values();
        let mut others = rows.filter(|row| row.person == person && Some(row.order.key) != but);
        others
            .find(|row| is_live(row.order.state))
            .map(|row| row.order.key)
    }
}

fn is_live(state: OrderState) -> bool {
    matches!(state, OrderState::Waiting | OrderState::Held | OrderState::InLot)
}

impl std::fmt::Debug for MemoryOrderBook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MemoryOrderBook({} orders)", locked(&self.books).orders.len())
    }
}
