//! One task per machine that keeps signed cards ready for it: claims lots, prepares, signs.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use crate::base::ids::{AttemptId, MachineId, OrderKey};
use crate::base::{Blame, Fault, hex};
use crate::job::fault::STEP_IN_DOUBT;
use crate::job::lot::Lot;
use crate::job::{Attempt, Event, Fact, Phase};
use crate::pki::policy::may_not_sign;
use crate::port::{Attempts, OrderState, Standing};

use super::Line;
use super::costs::Effort;
use super::prepare::{Ready, prepare, resume};
use super::tenure::{is_away, pause};

/// What a machine is given, in order.
#[derive(Debug)]
pub enum Work {
    /// A card to make, of a lot of so many.
    Card(Box<Ready>, usize),
    /// The lot has no more cards: empty the hopper.
    EndOfLot(Lot),
}

/// How often to look for work when nobody rang.
const IDLE: Duration = Duration::from_secs(5);

/// How often an order book that is away is asked for work again.
const AWAY: Duration = Duration::from_secs(1);

/// How often to ask whether a spoiled card's end is recorded as told.
const TELLING: Duration = Duration::from_millis(20);

/// Feeds a machine until the line stops; lots that were open at the start come first.
///
/// # Errors
/// The ledger's or the order book's; faults of single orders hold these orders and go on.
pub async fn feed(
    line: Arc<Line>,
    machine: MachineId,
    open: Vec<Lot>,
    out: mpsc::Sender<Work>,
) -> Result<(), Fault> {
    for lot in open {
        if !lot_to(&line, lot, &out).await? {
            return Ok(());
        }
    }
    // A claim whose answer was lost is asked for again by the same ticket: it is one lot, not two.
    let mut ticket = None;
    while !line.is_stopping() {
        // Listens before it looks: what comes in between is not missed.
        let mut rung = pin!(line.work.notified());
        rung.as_mut().enable();
        let wanted = match &ticket {
            Some(wanted) => wanted,
            None => ticket.insert(hex::encode(&line.entropy.bytes::<16>()?)),
        };
        match claim(&line, &machine, wanted).await {
            Ok(Some(lot)) => {
                ticket = None;
                if !lot_to(&line, lot, &out).await? {
                    return Ok(());
                }
            }
            Ok(None) => {
                let _ = line.clock.within(IDLE, rung).await;
            }
            Err(fault) if is_away(&fault) => line.clock.sleep(AWAY).await,
            Err(fault) => return Err(fault),
        }
    }
    Ok(())
}

async fn claim(line: &Line, machine: &MachineId, ticket: &str) -> Result<Option<Lot>, Fault> {
    let Some(room) = line.room_for_a_lot().await? else {
        return Ok(None);
    };
    let claimed = line.ports.book.claim(ticket, machine, room.cards());
    let Some(lot) = claimed.await? else {
        return Ok(None);
    };
    line.record(vec![Fact::LotClaimed { lot: lot.clone() }], Vec::new())
        .await?;
    Ok(Some(lot))
}

/// Sends a lot's cards; false when the line stops before its end.
async fn lot_to(line: &Line, lot: Lot, out: &mpsc::Sender<Work>) -> Result<bool, Fault> {
    line.expect_tray(&lot);
    for order in &lot.orders {
        if line.is_stopping() {
            return Ok(false);
        }
        let Some(ready) = prepared(line, &lot, *order).await? else {
            continue;
        };
        if out
            .send(Work::Card(Box::new(ready), lot.orders.len()))
            .await
            .is_err()
        {
            return Ok(false);
        }
    }
    Ok(out.send(Work::EndOfLot(lot)).await.is_ok())
}

/// Waits until the ledger says that the registry has heard of an attempt's end (law 2): the order book may have been
/// told a moment before. False if the line stops first.
async fn told(line: &Line, attempt: AttemptId) -> Result<bool, Fault> {
    loop {
        match line.ports.ledger.attempt(attempt).await? {
            Some(attempt) if attempt.must_be_reported() && line.is_stopping() => return Ok(false),
            Some(attempt) if attempt.must_be_reported() => line.clock.sleep(TELLING).await,
            _ => return Ok(true),
        }
    }
}

/// The next card. A key or a door that fails while it is prepared stops its machine; when a person lets that go on, the
/// same card is tried again.
async fn prepared(line: &Line, lot: &Lot, order: OrderKey) -> Result<Option<Ready>, Fault> {
    loop {
        let next = Box::pin(next_attempt(line, lot, order));
        match line.costs.of(Effort::Prepare, next).await {
            Err(fault) if line.is_left_to_the_next_start(&fault) => return Ok(None),
            Err(fault) if line.is_left_to_a_person(&fault) => {
                if !pause(line, &lot.machine, &fault).await? {
                    return Ok(None);
                }
            }
            prepared => return prepared,
        }
    }
}

/// The attempt to make at this order now, if there is one to make in this lot.
async fn next_attempt(line: &Line, lot: &Lot, order: OrderKey) -> Result<Option<Ready>, Fault> {
    // Another lot's by now, if it was taken back and claimed again.
    let known = line.ports.book.order(order).await?;
    let Some(known) = known.filter(|order| order.state == OrderState::InLot && order.lot == Some(lot.id))
    else {
        return Ok(None);
    };
    let last = line.ports.ledger.attempts(Attempts::Of(order)).await?.pop();
    let made = match last {
        // A lot that was open at a restart still lists orders that were spoiled in it and claimed again since: those
        // are another lot's now, and perhaps another machine's.
        Some(last) if last.lot > lot.id => return Ok(None),
        Some(last) if last.lot == lot.id => match last.phase {
            Phase::Planned | Phase::Signing | Phase::Ready => match resume(line, last.clone()).await {
                // Its bundle is for a key that signs no more: another key, another attempt.
                Err(fault) if may_not_sign(&fault) => {
                    call_back(line, lot, &last, &fault).await?;
                    return Ok(None);
                }
                resumed => resumed,
            },
            // A card that is in a machine already is the station's; one that is over is the registry's.
            _ => return Ok(None),
        },
        // A try of another lot: the remake is under way in a later one, where it will be made. If that lot is closed
        // nobody will make it, and a person finds out what became of it.
        Some(last) if last.is_live() => {
            let open = line.ports.ledger.open_lots().await?;
            if !open.iter().any(|other| other.id == last.lot) {
                tracing::error!(%order, lot = %lot.id, "held: {} is of lot {}, which is closed", last.id, last.lot);
                line.hold(lot.id, order, STEP_IN_DOUBT.id).await?;
            }
            return Ok(None);
        }
        Some(last) => {
            if !told(line, last.id).await? {
                return Ok(None);
            }
            let number = known.tries.max(last.id.number.saturating_add(1));
            let id = AttemptId { order, number };
            prepare(line, id, lot.id, &lot.machine, Some(last.id)).await
        }
        None => {
            let number = known.tries.max(1);
            // A card that another controller spoiled: its ledger says which.
            let replaces = (known.remake && number > 1).then(|| AttemptId {
                order,
                number: number - 1,
            });
            prepare(line, AttemptId { order, number }, lot.id, &lot.machine, replaces).await
        }
    };
    match made {
        Ok(ready) => Ok(Some(ready)),
        // This order cannot be made as it is: a person decides, the lot goes on.
        Err(fault) if fault.blame() == Blame::Dossier => {
            tracing::warn!(%order, code = fault.code.id, "held: {fault}");
            line.hold(lot.id, order, fault.code.id).await?;
            Ok(None)
        }
        Err(fault) => Err(fault.at(order)),
    }
}

/// No blank was touched: the order waits for a machine again.
async fn call_back(line: &Line, lot: &Lot, attempt: &Attempt, fault: &Fault) -> Result<(), Fault> {
    tracing::warn!(attempt = %attempt.id, code = fault.code.id, "called back: {fault}");
    let code = fault.code.id.to_owned();
    line.event(attempt.id, Event::Withdrawn { code }).await?;
    let waits = Standing {
        lot: lot.id,
        order: attempt.id.order,
        state: OrderState::Waiting,
        remake: attempt.replaces.is_some(),
    };
    line.say(waits).await?;
    line.work.notify_waiters();
    Ok(())
}
