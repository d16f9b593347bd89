//! An order book that may be away, with a memory of what this controller has in hand: the orders of its lots and their
//! sealed dossiers, so that cards are finished, proven and boxed while nobody answers.
//!
//! Memory is bounded by what is in flight: an order is forgotten when it stands anywhere else than in a lot. Once the
//! book was away, only the beat of the heart asks it; everybody else learns at once that it is.

mod retention;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use time::Date;

use crate::base::Fault;
use crate::base::ids::{LotId, MachineId, OfficeCode, OrderKey};
use crate::job::lot::Lot;
use crate::port::fault::AWAY;
use crate::port::{
    Admission, Controller, NewOrder, OfficeCounts, Order, OrderBook, OrderChange, OrderState, Renewed,
    Returned, SealedDossier, Standing,
};

/// The order book, and what is remembered of it.
pub(super) struct Remembered {
    book: Arc<dyn OrderBook>,
    away: AtomicBool,
    kept: Mutex<BTreeMap<OrderKey, Kept>>,
}

#[derive(Default)]
struct Kept {
    order: Option<Order>,
    sealed: Option<SealedDossier>,
}

impl Remembered {
    pub(super) fn new(book: Arc<dyn OrderBook>) -> Self {
        Self {
            book,
            away: AtomicBool::new(false),
            kept: Mutex::default(),
        }
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<OrderKey, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The book's answer, unless it is known to be away.
    async fn ask<T>(&self, asked: impl Future<Output = Result<T, Fault>> + Send) -> Result<T, Fault> {
        if self.away.load(Ordering::Relaxed) {
            return Err(Fault::new(&AWAY, "it did not answer a moment ago"));
        }
        self.heard(asked.await)
    }

    fn heard<T>(&self, answer: Result<T, Fault>) -> Result<T, Fault> {
        if answer.as_ref().is_err_and(|fault| *fault.code == AWAY) {
            self.away.store(true, Ordering::Relaxed);
        }
        answer
    }

    /// What was remembered, if nobody answers.
    fn or_kept<T>(
        &self,
        answer: Result<Option<T>, Fault>,
        key: OrderKey,
        part: impl FnOnce(&Kept) -> Option<T>,
    ) -> Result<Option<T>, Fault> {
        match answer {
            Err(fault) if *fault.code == AWAY => {
                let kept = self.kept().get(&key).and_then(part);
                kept.map(Some).ok_or(fault)
            }
            answer => answer,
        }
    }
}

#[async_trait]
impl OrderBook for Remembered {
    fn is_remote(&self) -> bool {
        self.book.is_remote()
    }

    fn lease(&self) -> Duration {
        self.book.lease()
    }

    async fn admit(&self, order: NewOrder) -> Result<Admission, Fault> {
        self.ask(self.book.admit(order)).await
    }

    async fn keep_return(&self, returned: Returned) -> Result<bool, Fault> {
        self.ask(self.book.keep_return(returned)).await
    }

    async fn returns(&self) -> Result<Vec<Returned>, Fault> {
        self.ask(self.book.returns()).await
    }

    async fn returned(&self, whose: &str) -> Result<Vec<Returned>, Fault> {
        self.ask(self.book.returned(whose)).await
    }

    async fn claim(&self, ticket: &str, machine: &MachineId, cards_max: usize) -> Result<Option<Lot>, Fault> {
        let lot = self.ask(self.book.claim(ticket, machine, cards_max)).await?;
        for order in lot.iter().flat_map(|lot| &lot.orders) {
            // What cannot be fetched now is asked for when it is needed.
            let _ = self.order(*order).await;
            let _ = self.sealed(*order).await;
        }
        Ok(lot)
    }

    async fn grant(&self, lot: LotId) -> Result<(), Fault> {
        self.ask(self.book.grant(lot)).await
    }

    /// Asks, away or not: whoever answers is back.
    async fn renew(&self) -> Result<Renewed, Fault> {
        let renewed = self.heard(self.book.renew().await);
        if renewed.is_ok() {
            self.away.store(false, Ordering::Relaxed);
        }
        renewed
    }

    async fn lot(&self, lot: LotId) -> Result<Option<Lot>, Fault> {
        self.ask(self.book.lot(lot)).await
    }

    async fn given(&self, after: OrderKey, limit: u32) -> Result<Vec<Order>, Fault> {
        self.ask(self.book.given(after, limit)).await
    }

    async fn order(&self, key: OrderKey) -> Result<Option<Order>, Fault> {
        let answer = self.ask(self.book.order(key)).await;
        if let Ok(Some(order)) = &answer {
            if order.state == OrderState::InLot {
                self.kept().entry(key).or_default().order = Some(order.clone());
            } else {
                self.kept().remove(&key);
            }
        }
        self.or_kept(answer, key, |kept| kept.order.clone())
    }

    async fn by_request(&self, request: &str) -> Result<Option<Order>, Fault> {
        self.ask(self.book.by_request(request)).await
    }

    async fn by_person(&self, person: &str) -> Result<Vec<Order>, Fault> {
        self.ask(self.book.by_person(person)).await
    }

    async fn in_state(&self, state: OrderState, after: OrderKey, limit: u32) -> Result<Vec<Order>, Fault> {
        self.ask(self.book.in_state(state, after, limit)).await
    }

    async fn sealed(&self, key: OrderKey) -> Result<Option<SealedDossier>, Fault> {
        let answer = self.ask(self.book.sealed(key)).await;
        if let (Ok(Some(sealed)), Some(kept)) = (&answer, self.kept().get_mut(&key)) {
            kept.sealed = Some(sealed.clone());
        }
        self.or_kept(answer, key, |kept| kept.sealed.clone())
    }

    async fn set_states(&self, standings: &[Standing]) -> Result<(), Fault> {
        self.ask(self.book.set_states(standings)).await?;
        let mut kept = self.kept();
        for standing in standings.iter().filter(|one| one.state != OrderState::InLot) {
            kept.remove(&standing.order);
        }
        Ok(())
    }

    async fn hold(&self, lot: LotId, key: OrderKey, reason: &str) -> Result<(), Fault> {
        self.ask(self.book.hold(lot, key, reason)).await?;
        self.kept().remove(&key);
        Ok(())
    }

    async fn change(&self, key: OrderKey, change: OrderChange) -> Result<Order, Fault> {
        self.ask(self.book.change(key, change)).await
    }

    async fn counts(&self, today: Date) -> Result<BTreeMap<OfficeCode, OfficeCounts>, Fault> {
        self.ask(self.book.counts(today)).await
    }

    async fn reclaim(&self, standing: Standing, machine: &MachineId) -> Result<bool, Fault> {
        self.ask(self.book.reclaim(standing, machine)).await
    }

    async fn vouch(&self) -> Result<(), Fault> {
        self.ask(self.book.vouch()).await
    }

    async fn controllers(&self) -> Result<Vec<Controller>, Fault> {
        self.ask(self.book.controllers()).await
    }

    async fn give_up(&self, controller: &str) -> Result<(), Fault> {
        self.ask(self.book.give_up(controller)).await
    }

    async fn orphans(&self, controller: &str) -> Result<Vec<Order>, Fault> {
        self.ask(self.book.orphans(controller)).await
    }

    async fn release_orphan(&self, controller: &str, key: OrderKey) -> Result<(), Fault> {
        self.ask(self.book.release_orphan(controller, key)).await
    }
}
