//! Personal data goes when its term is over: orders one by one, then their epoch's key in the HSM (law 10).
//!
//! The order book is the truth about what is kept, the HSM about which keys there are; the ledger says of both what
//! became of them. Each act is ordered so that a crash between any two of its steps leaves something to go on from:
//!
//! | act | first | then | last |
//! |---|---|---|---|
//! | an order's erasure | the order book removes its key and marks it | the ledger says so | the mark goes |
//! | an epoch's close | the ledger says that it closes (law 1) | the HSM destroys its key | the ledger says so |

mod epochs;

use std::collections::BTreeSet;
use std::time::Duration;

use crate::base::ids::{BoxId, OrderKey, PersonId};
use crate::base::limits::{RETENTION_BATCH, RETENTION_PERIOD};
use crate::base::{Blame, Fault};
use crate::job::{Attempt, Epoch, Fact};
use crate::port::{Attempts, OrderState};

use super::fault::NEEDED;
use super::{Line, packing};

pub use epochs::Epochs;

/// From the start to the first look: the machines come first.
const FIRST: Duration = Duration::from_secs(2);
/// How the ledger names what two people ask for before it is done.
const ERASE: &str = "erase";
/// Pause between two batches while the machines need the processor more.
const BREATH: Duration = Duration::from_millis(50);

/// What a crash cut off between two steps. An HSM or a database that fails keeps nobody from starting: every look
/// begins with the same.
///
/// # Errors
/// A bug's, or a ledger that took no record.
pub async fn recover(line: &Line) -> Result<(), Fault> {
    let finished = async {
        line.finish_erasing().await?;
        line.finish_closing().await
    };
    match finished.await {
        Err(fault) if fault.blame() != Blame::Bug && !line.lacks_a_record() => {
            tracing::warn!(code = fault.code.id, "personal data is erased later: {fault}");
            Ok(())
        }
        finished => finished,
    }
}

/// Erases and closes what is due until the line stops. An HSM, a database or a folder that fails is tried again at the
/// next look.
///
/// # Errors
/// A bug's, or a ledger that took no record.
pub async fn keep(line: &Line) -> Result<(), Fault> {
    let mut pause = FIRST;
    loop {
        tokio::select! {
            biased;
            () = line.stopped() => return Ok(()),
            () = line.clock.sleep(pause) => {}
        }
        pause = match line.retain().await {
            Ok(true) => BREATH,
            Ok(false) => RETENTION_PERIOD,
            Err(fault) if fault.blame() == Blame::Bug || line.lacks_a_record() => return Err(fault),
            Err(fault) => {
                tracing::warn!(code = fault.code.id, "personal data is erased later: {fault}");
                RETENTION_PERIOD
            }
        };
    }
}

impl Line {
    /// One look: finishes what was cut off, gives terms to orders that came to their end, erases what is due, makes and
    /// closes epochs. True if there is more to do at once.
    ///
    /// # Errors
    /// The HSM's, the books', the papers'. `LIN-032` or `LIN-033` if the time is not certain: a clock that runs ahead
    /// must not destroy what is needed.
    pub async fn retain(&self) -> Result<bool, Fault> {
        self.hsm.time.check()?;
        self.finish_erasing().await?;
        self.finish_closing().await?;
        self.make_epochs().await?;
        let until = self.rules.term.until(self.clock.today());
        let begun = self.ports.book.begin_terms(until, RETENTION_BATCH).await?;
        let erased = self.erase_due().await?;
        let moved = self.close_due().await?;
        let batch = u64::from(RETENTION_BATCH);
        Ok([begun, erased, moved].into_iter().any(|count| count >= batch))
    }

    /// Erases a batch of what is due, and answers how many orders it was. What is due and still needed is passed over.
    async fn erase_due(&self) -> Result<u64, Fault> {
        let (book, today) = (&self.ports.book, self.clock.today());
        let (mut after, mut erased) = (OrderKey(0), 0);
        while erased < u64::from(RETENTION_BATCH) && !self.is_stopping() {
            let page = book.due(today, after, RETENTION_BATCH).await?;
            let Some(last) = page.last() else { break };
            after = *last;
            let here = self.boxes_here().await?;
            let mut free = Vec::with_capacity(page.len());
            for order in page {
                if self.needed(order, &here).await?.is_none() {
                    free.push(order);
                }
            }
            erased += self.erase(&free, "", &[]).await?.len() as u64;
            self.clock.sleep(BREATH).await;
        }
        Ok(erased)
    }

    /// Erases an order because these two people ask for it before its term is over.
    ///
    /// # Errors
    /// `LIN-041` if it is still needed, `LIN-040` if it is erased already, and what [`Self::retain`] says.
    pub async fn erase_order(&self, order: OrderKey, reason: &str, by: &[PersonId]) -> Result<(), Fault> {
        if self.ports.book.sealed(order).await?.is_none() {
            return Err(Fault::new(&super::fault::ERASED, order.to_string()));
        }
        let state = self.ports.book.order(order).await?.map(|order| order.state);
        let over = matches!(state, Some(OrderState::Boxed | OrderState::Cancelled));
        let needed = match over {
            true => self.needed(order, &self.boxes_here().await?).await?,
            false => Some("the order is not over".to_owned()),
        };
        if let Some(why) = needed {
            return Err(Fault::new(&NEEDED, format!("{order}: {why}")));
        }
        self.erase(&[order], reason, by).await.map(|_| ())
    }

    /// Orders that are due and cannot be erased, with the reason; at most a batch of them.
    ///
    /// # Errors
    /// The books'.
    pub async fn overdue(&self) -> Result<Vec<(OrderKey, String)>, Fault> {
        let today = self.clock.today();
        let due = self.ports.book.due(today, OrderKey(0), RETENTION_BATCH).await?;
        let here = self.boxes_here().await?;
        let mut overdue = Vec::new();
        for order in due {
            if let Some(why) = self.needed(order, &here).await? {
                overdue.push((order, why));
            }
        }
        Ok(overdue)
    }

    /// Boxes that have not left the house.
    async fn boxes_here(&self) -> Result<BTreeSet<BoxId>, Fault> {
        let boxes = self.ports.ledger.boxes(false).await?;
        Ok(boxes.into_iter().map(|state| state.label).collect())
    }

    /// Why the data of an order that is over is still needed, if it is.
    async fn needed(&self, order: OrderKey, here: &BTreeSet<BoxId>) -> Result<Option<String>, Fault> {
        let attempts = self.ports.ledger.attempts(Attempts::Of(order)).await?;
        let why = |attempt: &Attempt| {
            if !attempt.is_over() {
                return Some(format!("card {} is not finished", attempt.id));
            }
            if attempt.must_be_reported() {
                return Some(format!("the registry does not know of card {}", attempt.id));
            }
            let (label, _) = attempt.boxed.as_ref().filter(|_| attempt.is_good())?;
            here.contains(label).then(|| format!("box {label} has not left"))
        };
        Ok(attempts.iter().find_map(why))
    }

    /// Erases orders that nothing needs any more; those that were.
    async fn erase(
        &self,
        orders: &[OrderKey],
        reason: &str,
        by: &[PersonId],
    ) -> Result<Vec<OrderKey>, Fault> {
        if orders.is_empty() {
            return Ok(Vec::new());
        }
        // The papers go first: as long as an order is due, they are looked for again.
        let mut labels = BTreeSet::new();
        for order in orders {
            let attempts = self.ports.ledger.attempts(Attempts::Of(*order)).await?;
            labels.extend(
                attempts
                    .into_iter()
                    .filter_map(|attempt| attempt.boxed)
                    .map(|(label, _)| label),
            );
        }
        for label in &labels {
            packing::forget(self, label).await?;
        }
        if !by.is_empty() {
            // Who wanted it stands in the ledger before it happens (law 1): after a crash nobody could say.
            let wanted = orders.iter().map(|order| Fact::OrderChanged {
                order: *order,
                change: ERASE.to_owned(),
                reason: reason.to_owned(),
                by: by.to_vec(),
            });
            self.record(wanted.collect(), Vec::new()).await?;
        }
        let erased = self.ports.book.erase(orders).await?;
        self.tell_erased(&erased, reason, by).await?;
        Ok(erased)
    }

    async fn tell_erased(&self, orders: &[OrderKey], reason: &str, by: &[PersonId]) -> Result<(), Fault> {
        let facts = orders.iter().map(|order| Fact::OrderErased {
            order: *order,
            reason: reason.to_owned(),
            by: by.to_vec(),
        });
        self.record(facts.collect(), Vec::new()).await?;
        self.ports.book.told_erased(orders).await
    }

    /// Orders that were erased before a crash, and of which the ledger may not know.
    async fn finish_erasing(&self) -> Result<(), Fault> {
        let untold = self.ports.book.erased(RETENTION_BATCH).await?;
        if untold.is_empty() {
            return Ok(());
        }
        for order in self.ports.book.erase(&untold).await? {
            let history = self.ports.ledger.history(&order.to_string()).await?;
            // An order that was erased, admitted anew and erased again has two such records, which harms nobody.
            let last = history.last().map(|entry| &entry.fact);
            match last {
                Some(Fact::OrderErased { .. }) => {}
                Some(Fact::OrderChanged {
                    change, reason, by, ..
                }) if change == ERASE => self.tell_erased(&[order], reason, by).await?,
                _ => self.tell_erased(&[order], "", &[]).await?,
            }
        }
        self.ports.book.told_erased(&untold).await
    }

    /// Moves what is left under epochs whose day has come, a batch at a time, and closes those that are empty; how many
    /// orders were moved.
    async fn close_due(&self) -> Result<u64, Fault> {
        let today = self.clock.today();
        let mut moved = 0;
        for epoch in self.rules.term.due(&self.open_epochs().await?, today) {
            moved += self.empty(epoch).await?;
            if moved >= u64::from(RETENTION_BATCH) || self.is_stopping() {
                return Ok(moved);
            }
            self.close_epoch(epoch, Vec::new()).await?;
        }
        Ok(moved)
    }

    /// Wraps a batch of what is under an epoch anew under those where it belongs; how many orders it was.
    async fn empty(&self, epoch: Epoch) -> Result<u64, Fault> {
        let (term, today, stem) = (self.rules.term, self.clock.today(), &self.rules.keys.wrap);
        let others = self.epochs_but(epoch).await?;
        let from = epoch.label(stem);
        let page = self.ports.book.wrapped_under(&from, RETENTION_BATCH).await?;
        for wrapped in &page {
            let home = term.home(&others, today, wrapped.until);
            let home = home.ok_or_else(|| Fault::new(&super::fault::NO_EPOCH, "none is open"))?;
            let to = home.label(stem);
            let anew = self.wrap_anew(wrapped, &from, &to).await?;
            self.ports.book.rewrap(wrapped, &to, &anew).await?;
        }
        Ok(page.len() as u64)
    }

    /// Empties an epoch to the last order, whatever its day.
    pub(super) async fn empty_wholly(&self, epoch: Epoch) -> Result<u64, Fault> {
        let mut moved = 0;
        loop {
            match self.empty(epoch).await? {
                0 => return Ok(moved),
                count => moved += count,
            }
        }
    }
}
