//! The order book in memory, with the same answers as the one on disk.

mod claims;
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
use crate::base::limits::BOOK_LEASE;
use crate::job::lot::Lot;
use crate::port::fault::{NAME_TAKEN, STALE};
use crate::port::{
    Admission, Controller, NewOrder, OfficeCounts, Order, OrderBook, OrderChange, OrderState, Renewed,
    Returned, SealedDossier, Standing,
};
use crate::store::fault::{NO_ORDER, TOO_LATE, TWICE};

/// A commit takes this long.
const COMMIT: Duration = Duration::from_millis(1);

/// The order book of a facility, as one of its controllers has it in hand.
pub struct MemoryOrderBook {
    power: Arc<Power>,
    controller: String,
    fence: u64,
    books: Arc<Mutex<Books>>,
}

#[derive(Default)]
struct Books {
    orders: BTreeMap<OrderKey, Row>,
    lots: BTreeMap<LotId, Claimed>,
    controllers: BTreeMap<String, Tenure>,
    returned: Vec<Returned>,
}

/// A lot as it was claimed.
struct Claimed {
    lot: Lot,
    ticket: String,
    controller: String,
    granted: bool,
    freed: bool,
}

/// A controller's word: its fencing token, and until when it is taken for alive.
#[derive(Default)]
struct Tenure {
    fence: u64,
    until: Duration,
    given_up: bool,
}

struct Row {
    order: Order,
    /// Why a person holds it, and the priority a person gave it: no new version of the dossier changes that.
    by_hand: Option<String>,
    ranked: Option<u8>,
    person: String,
    content: String,
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
        Self::enter(Arc::default(), power, "K1")
    }

    /// The same book in the hands of another controller, or of the next process of the same one.
    #[must_use]
    pub fn beside(&self, controller: &str) -> Self {
        Self::enter(Arc::clone(&self.books), Arc::clone(&self.power), controller)
    }

    fn enter(books: Arc<Mutex<Books>>, power: Arc<Power>, controller: &str) -> Self {
        let until = power.clock().elapsed() + BOOK_LEASE;
        let fence = {
            let mut books = locked(&books);
            let tenure = books.controllers.entry(controller.to_owned()).or_default();
            (tenure.fence, tenure.until) = (tenure.fence + 1, until);
            tenure.fence
        };
        Self {
            power,
            controller: controller.to_owned(),
            fence,
            books,
        }
    }

    /// Changes the books if nobody else has entered under this name.
    async fn write_ours<T>(&self, change: impl FnOnce(&mut Books) -> Result<T, Fault>) -> Result<T, Fault> {
        self.write(|books| {
            books.must_be_ours(&self.controller, self.fence)?;
            change(books)
        })
        .await
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

    async fn returned(&self, whose: &str) -> Result<Vec<Returned>, Fault> {
        let mut returned = self.returns().await?;
        returned.retain(|kept| [&kept.request, &kept.person].contains(&&Some(whose.to_owned())));
        Ok(returned)
    }

    async fn claim(&self, ticket: &str, machine: &MachineId, cards_max: usize) -> Result<Option<Lot>, Fault> {
        let now = self.power.clock().elapsed();
        self.write_ours(|books| {
            books.stay(&self.controller, now);
            let mut lots = books.lots.values();
            if let Some(known) =
                lots.find(|known| known.ticket == ticket && known.controller == self.controller)
            {
                return Ok(books.lot(known.lot.id));
            }
            books.free(now);
            Ok(books.claim(&self.controller, ticket, machine, cards_max))
        })
        .await
    }

    async fn grant(&self, lot: LotId) -> Result<(), Fault> {
        let now = self.power.clock().elapsed();
        self.write_ours(|books| {
            books.stay(&self.controller, now);
            let known = books.lots.get_mut(&lot);
            let known = known.filter(|known| known.controller == self.controller && !known.freed);
            known.ok_or_else(|| Fault::new(&STALE, lot.to_string()))?.granted = true;
            Ok(())
        })
        .await
    }

    /// A beat of the heart changes nothing that a crash could leave half done: it is no act.
    async fn renew(&self) -> Result<Renewed, Fault> {
        self.power.alive().await;
        let now = self.power.clock().elapsed();
        let mut books = locked(&self.books);
        books.must_be_ours(&self.controller, self.fence)?;
        books.stay(&self.controller, now);
        Ok(Renewed::Same)
    }

    async fn lot(&self, lot: LotId) -> Result<Option<Lot>, Fault> {
        self.ask(|books| books.lot(lot)).await
    }

    async fn given(&self, after: OrderKey, limit: u32) -> Result<Vec<Order>, Fault> {
        self.ask(|books| {
            let ours = |order: &&Order| {
                order.state == OrderState::InLot
                    && order.key > after
                    && order
                        .lot
                        .and_then(|lot| books.lots.get(&lot))
                        .is_some_and(|lot| lot.controller == self.controller)
            };
            let orders = books.orders.values().map(|row| &row.order).filter(ours);
            orders
                .take(usize::try_from(limit).unwrap_or(usize::MAX))
                .cloned()
                .collect()
        })
        .await
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

    async fn set_states(&self, standings: &[Standing]) -> Result<(), Fault> {
        // Each is an act of its own here, so that a cut may come between any two.
        for standing in standings {
            self.write_ours(|books| books.set_state(standing)).await?;
        }
        Ok(())
    }

    async fn hold(&self, lot: LotId, key: OrderKey, reason: &str) -> Result<(), Fault> {
        self.write_ours(|books| books.hold(lot, key, reason)).await
    }

    async fn change(&self, key: OrderKey, change: OrderChange) -> Result<Order, Fault> {
        self.write(|books| books.change(key, &change)).await
    }

    async fn counts(&self, today: Date) -> Result<BTreeMap<OfficeCode, OfficeCounts>, Fault> {
        self.ask(|books| books.counts(today)).await
    }

    async fn reclaim(&self, standing: Standing, machine: &MachineId) -> Result<bool, Fault> {
        self.write_ours(|books| {
            let Some(row) = books.orders.get(&standing.order) else {
                return Ok(false);
            };
            let other = row.order.lot.and_then(|lot| books.lots.get(&lot));
            if let Some(other) = other.filter(|lot| lot.controller != self.controller) {
                if other.granted {
                    return Err(Fault::new(&STALE, standing.order.to_string()));
                }
                let other = other.lot.id;
                books.take_back(other);
            }
            let Some(row) = books.orders.get_mut(&standing.order) else {
                return Ok(false);
            };
            row.order.lot = Some(standing.lot);
            (row.order.state, row.order.remake, row.order.hold) = (standing.state, standing.remake, None);
            row.until = None;
            row.order.tries = row.order.tries.max(1);
            books.lots.entry(standing.lot).or_insert_with(|| Claimed {
                lot: Lot {
                    id: standing.lot,
                    office: row.order.office.clone(),
                    profile: row.order.profile.clone(),
                    machine: machine.clone(),
                    orders: vec![standing.order],
                },
                ticket: format!("reclaimed {}", standing.lot),
                controller: self.controller.clone(),
                granted: true,
                freed: false,
            });
            Ok(true)
        })
        .await
    }

    /// Memory is one history.
    async fn vouch(&self) -> Result<(), Fault> {
        self.ask(|_| ()).await
    }

    async fn controllers(&self) -> Result<Vec<Controller>, Fault> {
        let now = self.power.clock().elapsed();
        self.ask(|books| {
            let count = |name: &str, granted: bool| {
                let rows = books.orders.values().map(|row| &row.order);
                let in_lot = rows.filter(|order| order.state == OrderState::InLot);
                let lots = in_lot.filter_map(|order| books.lots.get(&order.lot?));
                let ours = lots.filter(|lot| lot.controller == name && lot.granted == granted);
                u64::try_from(ours.count()).unwrap_or(u64::MAX)
            };
            let told = |(name, tenure): (&String, &Tenure)| Controller {
                name: name.clone(),
                lease: tenure.until.checked_sub(now).filter(|left| !left.is_zero()),
                given: count(name, true),
                claimed: count(name, false),
                vouched: true,
                given_up: tenure.given_up,
            };
            books.controllers.iter().map(told).collect()
        })
        .await
    }

    async fn give_up(&self, controller: &str) -> Result<(), Fault> {
        let now = self.power.clock().elapsed();
        self.write_ours(|books| {
            let tenure = books.controllers.get_mut(controller);
            let tenure = tenure.ok_or_else(|| Fault::new(&NO_ORDER, controller))?;
            if tenure.until > now {
                return Err(Fault::new(&NAME_TAKEN, controller));
            }
            (tenure.given_up, tenure.fence) = (true, tenure.fence + 1);
            books.free(now);
            Ok(())
        })
        .await
    }

    async fn orphans(&self, controller: &str) -> Result<Vec<Order>, Fault> {
        self.ask(|books| {
            let orders = books.orders.values().map(|row| &row.order);
            let orphans = orders.filter(|order| books.is_orphan(controller, order));
            orphans.cloned().collect()
        })
        .await
    }

    async fn release_orphan(&self, controller: &str, key: OrderKey) -> Result<(), Fault> {
        self.write_ours(|books| {
            let order = books.orders.get(&key).map(|row| &row.order);
            if !order.is_some_and(|order| books.is_orphan(controller, order)) {
                return Err(Fault::new(&TOO_LATE, key.to_string()));
            }
            if let Some(Row { order, until, .. }) = books.orders.get_mut(&key) {
                (order.state, order.remake, order.lot) = (OrderState::Waiting, true, Some(LotId(0)));
                *until = None;
            }
            Ok(())
        })
        .await
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
                Ordering::Equal
                    if self
                        .orders
                        .get(&key)
                        .is_some_and(|row| row.content == new.content) =>
                {
                    return Admission::Known(key);
                }
                Ordering::Equal => return Admission::Contradicts(key),
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
        let row = self.orders.get(&admitted);
        let by_hand = row.and_then(|row| row.by_hand.clone());
        let ranked = row.and_then(|row| row.ranked);
        let before = row.map(|row| &row.order);
        let remake = before.is_some_and(|order| order.remake);
        let (tries, lot) = before.map_or((0, None), |order| (order.tries, order.lot));
        let hold: Vec<_> = by_hand.clone().into_iter().chain(new.hold).collect();
        let hold = (!hold.is_empty()).then(|| hold.join(", "));
        let state = if hold.is_some() {
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
            priority: ranked.unwrap_or(new.priority),
            place: new.place,
            received: new.received,
            admitted: before.map_or(new.admitted, |order| order.admitted),
            due: new.due,
            state,
            hold,
            flags: new.flags,
            remake,
            tries,
            lot,
        };
        let row = Row {
            order,
            by_hand,
            ranked,
            person: new.person,
            content: new.content,
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

    fn set_state(&mut self, standing: &Standing) -> Result<(), Fault> {
        let (key, state) = (standing.order, standing.state);
        let missing = || Fault::new(&NO_ORDER, key.to_string());
        let row = self.orders.get(&key).ok_or_else(missing)?;
        if row.order.lot.is_some_and(|lot| lot != standing.lot) {
            return Err(Fault::new(&STALE, key.to_string()));
        }
        let person = row.person.clone();
        if is_live(state) && self.live_order_of(&person, Some(key)).is_some() {
            return Err(Fault::new(&TWICE, key.to_string()));
        }
        let row = self.orders.get_mut(&key).ok_or_else(missing)?;
        (row.order.state, row.order.remake) = (state, standing.remake);
        row.order.lot = Some(standing.lot);
        row.until = None;
        Ok(())
    }

    fn hold(&mut self, lot: LotId, key: OrderKey, reason: &str) -> Result<(), Fault> {
        let row = self.orders.get_mut(&key);
        let Row { order, until, .. } = row.ok_or_else(|| Fault::new(&NO_ORDER, key.to_string()))?;
        if !matches!(
            order.state,
            OrderState::InLot | OrderState::Held | OrderState::Boxed
        ) {
            return Err(Fault::new(&TOO_LATE, format!("{key} is {:?}", order.state)));
        }
        if order.lot.is_some_and(|other| other != lot) {
            return Err(Fault::new(&STALE, key.to_string()));
        }
        order.lot = Some(lot);
        (order.state, order.hold, order.remake) = (OrderState::Held, Some(reason.to_owned()), true);
        *until = None;
        Ok(())
    }

    fn change(&mut self, key: OrderKey, change: &OrderChange) -> Result<Order, Fault> {
        let row = self.orders.get_mut(&key);
        let row = row.ok_or_else(|| Fault::new(&NO_ORDER, key.to_string()))?;
        let order = &mut row.order;
        let waits = matches!(order.state, OrderState::Waiting | OrderState::Held);
        match change {
            OrderChange::Hold(reason) if waits => {
                (order.state, order.hold) = (OrderState::Held, Some(reason.clone()));
                row.by_hand = Some(reason.clone());
                order.lot = order.lot.map(|_| LotId(0));
            }
            OrderChange::Release if order.state == OrderState::Held => {
                (order.state, order.hold) = (OrderState::Waiting, None);
                row.by_hand = None;
            }
            OrderChange::Priority(priority) if waits => {
                order.priority = *priority;
                row.ranked = Some(*priority);
            }
            OrderChange::Cancel if waits => {
                (order.state, order.hold) = (OrderState::Cancelled, None);
                order.lot = order.lot.map(|_| LotId(0));
            }
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
