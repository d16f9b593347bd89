//! This controller's place among others: its lease, the lots it was granted, what it could not say while the order book
//! was away, and what it compares when the book's server was replaced.
//!
//! A cut network stops claiming, not making: lots that were granted are finished, what is to be said of their orders
//! waits here, and is in the ledger besides, from which the next start would say it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::base::Fault;
use crate::base::ids::{LotId, MachineId, OrderKey};
use crate::job::Attempt;
use crate::port::fault::{AWAY, STALE, UNVOUCHED};
use crate::port::{Attempts, Order, OrderState, Renewed, Standing};

use super::{Line, recover};

/// Beats of the heart in one lease: two may be missed.
const BEATS: u32 = 3;
/// How often a book that is away is asked whether it is back.
const BACK: Duration = Duration::from_secs(1);
/// How long the line's first and last acts wait for a book that is away.
const ENDURANCE: Duration = Duration::from_secs(30);
/// Orders that are compared at a time.
const PAGE: u32 = 500;

/// What this controller holds, as far as it knows.
#[derive(Debug, Default)]
pub struct Tenure(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Lots whose grant was answered.
    granted: BTreeSet<LotId>,
    /// What is still to be said of orders: of each the last word, which is all that counts.
    unsaid: BTreeMap<OrderKey, Word>,
    /// Since when the book does not answer, by the line's clock, and what it said last.
    away: Option<(Duration, String)>,
}

#[derive(Clone, Debug)]
enum Word {
    Stands(Standing),
    Held(LotId, String),
}

impl Tenure {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Since when the order book does not answer, why, and how many words wait for it; nothing if it answers.
    #[must_use]
    pub fn away(&self) -> Option<(Duration, String, usize)> {
        let state = self.lock();
        let (since, why) = state.away.clone()?;
        Some((since, why, state.unsaid.len()))
    }
}

/// Does this mean that the book must be asked again later, and nothing else?
#[must_use]
pub fn is_away(fault: &Fault) -> bool {
    *fault.code == AWAY || *fault.code == UNVOUCHED
}

impl Line {
    /// This lot is its machine's: no end of a lease frees it from now on. Asked of the book once.
    ///
    /// # Errors
    /// `BOOK-002` if others have its orders; `BOOK-001` if the book does not answer.
    pub async fn grant(&self, lot: LotId) -> Result<(), Fault> {
        if self.tenure.lock().granted.contains(&lot) {
            return Ok(());
        }
        self.ports.book.grant(lot).await?;
        self.tenure.lock().granted.insert(lot);
        Ok(())
    }

    /// A closed lot is granted no more.
    pub(super) fn forget_lot(&self, lot: LotId) {
        self.tenure.lock().granted.remove(&lot);
    }

    /// Says where an order stands; a book that is away is told when it is back.
    ///
    /// # Errors
    /// The order book's.
    pub async fn say(&self, standing: Standing) -> Result<(), Fault> {
        let said = self.ports.book.set_state(standing).await;
        self.or_later(said, standing.order, Word::Stands(standing))
    }

    /// A person must decide about an order before it goes on.
    ///
    /// # Errors
    /// The order book's.
    pub async fn hold(&self, lot: LotId, order: OrderKey, reason: &str) -> Result<(), Fault> {
        self.progress.held();
        let said = self.ports.book.hold(lot, order, reason).await;
        self.or_later(said, order, Word::Held(lot, reason.to_owned()))
    }

    fn or_later(&self, said: Result<(), Fault>, order: OrderKey, word: Word) -> Result<(), Fault> {
        match said {
            Err(fault) if is_away(&fault) => {
                tracing::warn!(%order, code = fault.code.id, "said when the order book is back");
                self.tenure.lock().unsaid.insert(order, word);
                Ok(())
            }
            said => said,
        }
    }

    /// Where an order stands, with what is still to be said of it.
    ///
    /// # Errors
    /// The order book's.
    pub async fn stands(&self, order: OrderKey) -> Result<Option<OrderState>, Fault> {
        let unsaid = self.tenure.lock().unsaid.get(&order).cloned();
        match unsaid {
            Some(Word::Stands(standing)) => Ok(Some(standing.state)),
            Some(Word::Held(..)) => Ok(Some(OrderState::Held)),
            None => Ok(self.ports.book.order(order).await?.map(|order| order.state)),
        }
    }
}

/// What could not be done at a position, and what follows: a book that is away is waited for, everything else waits for
/// a person. False if the line stops meanwhile.
///
/// # Errors
/// The ledger's.
pub async fn pause(line: &Line, position: &MachineId, fault: &Fault) -> Result<bool, Fault> {
    if is_away(fault) {
        tracing::warn!(%position, code = fault.code.id, "waits for the order book: {fault}");
        line.clock.sleep(BACK).await;
        return Ok(!line.is_stopping());
    }
    tracing::error!(%position, code = fault.code.id, "stopped: {fault}");
    line.stop_position(position, fault).await?;
    Ok(line.may_go_on(position).await)
}

/// Patience with an order book before the line runs and after it has ended, when nobody renews the lease and so nobody
/// notices that a book that was away is back.
pub(super) struct Endurance {
    until: Duration,
}

impl Endurance {
    pub(super) fn of(line: &Line) -> Self {
        Self {
            until: line.clock.elapsed() + ENDURANCE,
        }
    }

    /// Waits until a book that is away answers again, so that what failed can be done again. False for every other
    /// fault, and if the book stays away.
    pub(super) async fn outlasts(&self, line: &Line, fault: &Fault) -> bool {
        if !is_away(fault) {
            return false;
        }
        tracing::warn!(code = fault.code.id, "waits for the order book: {fault}");
        while line.clock.elapsed() < self.until {
            line.clock.sleep(BACK).await;
            if line.ports.book.renew().await.is_ok() {
                return true;
            }
        }
        false
    }
}

/// Renews the lease until the line stops.
///
/// # Errors
/// `BOOK-003` if another process works under this controller's name; the books'.
pub async fn keep(line: &Line) -> Result<(), Fault> {
    let beat = line.ports.book.lease() / BEATS;
    loop {
        let pause = match beat_once(line).await {
            Ok(()) => beat,
            Err(fault) if is_away(&fault) => {
                note_away(line, &fault);
                BACK.min(beat)
            }
            Err(fault) => return Err(fault),
        };
        tokio::select! {
            biased;
            () = line.stopped() => return Ok(()),
            () = line.clock.sleep(pause) => {}
        }
    }
}

async fn beat_once(line: &Line) -> Result<(), Fault> {
    if line.ports.book.renew().await? == Renewed::Elsewhere {
        compare(line).await?;
    }
    say_what_waits(line).await?;
    let away = line.tenure.lock().away.take();
    if let Some((since, _)) = away {
        let seconds = line.clock.elapsed().saturating_sub(since).as_secs();
        tracing::info!(seconds, "the order book is back");
        line.floor.settle();
        line.work.notify_waiters();
    }
    Ok(())
}

fn note_away(line: &Line, fault: &Fault) {
    let mut state = line.tenure.lock();
    if state.away.is_none() {
        tracing::error!(
            code = fault.code.id,
            "claiming stops, granted lots are finished: {fault}"
        );
    }
    let since = state
        .away
        .as_ref()
        .map_or_else(|| line.clock.elapsed(), |(since, _)| *since);
    state.away = Some((since, fault.to_string()));
}

/// What was to be said while the book was away. A word that comes too late is no harm: others have the order.
async fn say_what_waits(line: &Line) -> Result<(), Fault> {
    loop {
        let next = line
            .tenure
            .lock()
            .unsaid
            .iter()
            .next()
            .map(|(order, word)| (*order, word.clone()));
        let Some((order, word)) = next else { return Ok(()) };
        let said = match &word {
            Word::Stands(standing) => line.ports.book.set_state(*standing).await,
            Word::Held(lot, reason) => line.ports.book.hold(*lot, order, reason).await,
        };
        match said {
            Err(fault) if *fault.code == STALE => {
                tracing::error!(%order, code = fault.code.id, "too late: {fault}");
            }
            said => said?,
        }
        line.tenure.lock().unsaid.remove(&order);
    }
}

/// The server of the order book was replaced, and its last moments may be lost: what this ledger knows better is said
/// again. Nobody claims before every controller has done so, so nothing that is under way here is anybody else's.
///
/// # Errors
/// The books'.
pub async fn compare(line: &Line) -> Result<(), Fault> {
    tracing::warn!("the order book's server was replaced: comparing it with the ledger");
    line.tenure.lock().granted.clear();
    let (book, ledger) = (&line.ports.book, &line.ports.ledger);
    let mut again = 0_u64;
    for lot in ledger.open_lots().await? {
        for order in &lot.orders {
            let last = ledger.attempts(Attempts::Of(*order)).await?.pop();
            let inside = last.is_none_or(|last| last.lot <= lot.id && !is_done_with(&last));
            let known = book.order(*order).await?;
            if inside && known.as_ref().is_none_or(|known| known.lot != Some(lot.id)) {
                let standing = stands(lot.id, *order, known.as_ref(), OrderState::InLot);
                again += u64::from(reclaim(line, &lot.machine, standing, false).await?);
            }
        }
    }
    for state in [OrderState::Waiting, OrderState::Held, OrderState::InLot] {
        let mut after = OrderKey(0);
        loop {
            let page = book.in_state(state, after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.key;
            for order in page {
                let last = ledger.attempts(Attempts::Of(order.key)).await?.pop();
                let Some(last) = last.filter(Attempt::is_live) else {
                    continue;
                };
                let stands = if last.is_good() {
                    OrderState::Boxed
                } else {
                    OrderState::InLot
                };
                let is_told = |known: &Order| (known.state, known.lot) == (stands, Some(last.lot));
                if last.chip.is_none() || is_told(&order) {
                    continue;
                }
                // The page may be older than what the ledger says.
                let known = book.order(order.key).await?;
                if !known.as_ref().is_some_and(is_told) {
                    // A card that was finished while the book was away.
                    let is_untold =
                        !last.reported && known.as_ref().is_some_and(|known| known.lot == Some(last.lot));
                    let standing = self::stands(last.lot, order.key, known.as_ref(), stands);
                    again += u64::from(reclaim(line, &last.machine, standing, is_untold).await?);
                }
            }
        }
    }
    book.vouch().await?;
    recover::orders(line).await?;
    tracing::warn!(
        again,
        "compared with the ledger: what the order book does not know is said again"
    );
    Ok(())
}

fn is_done_with(attempt: &Attempt) -> bool {
    attempt.is_over() && !attempt.must_be_reported()
}

fn stands(lot: LotId, order: OrderKey, known: Option<&Order>, state: OrderState) -> Standing {
    Standing {
        lot,
        order,
        state,
        remake: known.is_some_and(|known| known.remake),
    }
}

/// False if the book is right after all. What it was not told yet, no server has lost.
async fn reclaim(
    line: &Line,
    machine: &MachineId,
    standing: Standing,
    is_untold: bool,
) -> Result<bool, Fault> {
    let Standing { lot, order, .. } = standing;
    match line.ports.book.reclaim(standing, machine).await {
        Ok(true) if is_untold => {
            tracing::info!(%order, %lot, "the order book is told where this order stands");
            Ok(true)
        }
        Ok(true) => {
            tracing::error!(%order, %lot, "the last server had lost where this order stands");
            Ok(true)
        }
        Ok(false) => {
            tracing::error!(%order, %lot, "the last server had lost this order");
            Ok(true)
        }
        Err(fault) if *fault.code == STALE => {
            tracing::error!(%order, %lot, code = fault.code.id, "another controller has it: {fault}");
            Ok(false)
        }
        Err(fault) => Err(fault),
    }
}
