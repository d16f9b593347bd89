//! What follows the end of an attempt: the registry hears of it, then the order is done or made again. It hears also of
//! a card in quarantine, whose chip nobody may accept until it lies in its box.

use std::time::Duration;

use crate::base::ids::{MachineId, PackId, PersonId};
use crate::base::limits::ATTEMPTS_PER_ORDER;
use crate::base::{Blame, Code, Fault, Place};
use crate::job::brake::Pull;
use crate::job::fault::{BRAKE, STOPPING, TOO_MANY_ATTEMPTS};
use crate::job::{Attempt, Event, Fact, Phase, decide};
use crate::port::fault::STALE;
use crate::port::{Attempts, OrderState, Outcome, Report, Standing};

use super::Line;
use super::costs::Effort;
use super::progress::Activity;
use super::telling;
use super::tenure::is_away;

/// Reports in one transaction of the registry.
const BATCH: u32 = 100;
/// How often to look for ends when nobody rang.
const IDLE: Duration = Duration::from_millis(500);
/// How often a stopped position asks whether it may go on.
pub(super) const STOPPED: Duration = Duration::from_millis(200);
/// Pause before the registry is asked again after a failure: first, and most.
const BACK_OFF_MS: (u64, u64) = (200, 30_000);

/// Reports ends of attempts until the line stops and nothing is left to report.
///
/// # Errors
/// The ledger's or the order book's; the registry's faults are waited out.
pub async fn settle(line: &Line) -> Result<(), Fault> {
    let mut pause = BACK_OFF_MS.0;
    loop {
        match line.costs.of(Effort::Settle, settle_once(line)).await {
            Ok(0) if line.is_stopping() => return Ok(()),
            Ok(0) => {
                let _ = line.clock.within(IDLE, line.floor.settled()).await;
            }
            Ok(_) => pause = BACK_OFF_MS.0,
            // What is not told now is in the ledger, and told after the next start.
            Err(fault) if is_away(&fault) && line.is_stopping() => return Ok(()),
            Err(fault) if (fault.blame() == Blame::Registry || is_away(&fault)) && !line.is_stopping() => {
                tracing::warn!(code = fault.code.id, "told later: {fault}");
                line.clock.sleep(Duration::from_millis(pause)).await;
                pause = (pause * 2).min(BACK_OFF_MS.1);
            }
            Err(fault) => return Err(fault),
        }
    }
}

/// Reports one batch and answers how many there were.
///
/// # Errors
/// As [`settle`].
pub async fn settle_once(line: &Line) -> Result<usize, Fault> {
    // What is told must be what is recorded as told: nobody may revoke a card in between.
    let _told = line.telling.lock().await;
    telling::offer_again(line);
    let untold = telling::untold(line, BATCH).await?;
    if untold.is_empty() {
        return Ok(0);
    }
    let count = untold.len();
    let mut news = Vec::with_capacity(count);
    for attempt in untold {
        let report = report(line, &attempt).await?;
        news.push((attempt, report));
    }
    // The order book first: a controller that was given up by two people is refused there, and its cards, for which
    // others are made, are never told as good. Both are told before the ledger: a crash between them repeats this
    // batch, and the registry counts each key once.
    let good = news.iter().filter(|(attempt, _)| attempt.is_good());
    let boxed: Vec<Standing> = good.map(|(attempt, _)| is_boxed(attempt)).collect();
    line.ports.book.set_states(&boxed).await?;
    let told = telling::tell(line, news).await?;
    // A remake may begin only now: the registry knows of the chip that must never be accepted (law 2).
    for attempt in told.iter().filter(|attempt| !attempt.is_live()) {
        follow(line, attempt).await?;
    }
    let facts = told
        .iter()
        .map(|attempt| Fact::attempt(attempt.id, Event::Reported))
        .collect();
    line.record(facts, Vec::new()).await?;
    if boxed.len() < count {
        line.work.notify_waiters();
    }
    Ok(count)
}

/// A good card is in its box.
pub(super) fn is_boxed(attempt: &Attempt) -> Standing {
    Standing {
        lot: attempt.lot,
        order: attempt.id.order,
        state: OrderState::Boxed,
        remake: false,
    }
}

async fn report(line: &Line, attempt: &Attempt) -> Result<Report, Fault> {
    let order =
        line.ports.book.order(attempt.id.order).await?.ok_or_else(|| {
            super::fault::unreadable(format!("{} is not in the order book", attempt.id.order))
        })?;
    let outcome = match attempt.phase {
        Phase::NotFound => Outcome::NotFound,
        Phase::Quarantined => Outcome::Quarantined,
        _ if attempt.is_good() => Outcome::Made,
        _ => Outcome::Spoiled,
    };
    // The registry counts each key once, and it is told of a card again when it knows more than it knew.
    let kind = match outcome {
        Outcome::Quarantined => "/quarantined",
        _ if attempt.is_revoked() => "/revoked",
        _ => "",
    };
    Ok(Report {
        key: format!("{}/{}{kind}", line.rules.facility, attempt.id),
        request: order.request,
        version: order.version,
        outcome,
        chip: attempt.chip.clone(),
        sod: attempt.sod.clone(),
        label: attempt.boxed.as_ref().map(|(label, _)| label.clone()),
    })
}

/// What becomes of the order of a card that is no good.
async fn follow(line: &Line, attempt: &Attempt) -> Result<(), Fault> {
    let order = attempt.id.order;
    let owed = match line.stands(order).await? {
        Some(OrderState::InLot) => true,
        Some(OrderState::Boxed) => attempt.is_revoked(),
        _ => false,
    };
    if !owed {
        return Ok(());
    }
    // A crash came between this and the record that the registry knows: the remake has begun already, and the order
    // must not be given to a second machine.
    let attempts = line.ports.ledger.attempts(Attempts::Of(order)).await?;
    if attempts.last().is_some_and(|last| last.id != attempt.id) {
        return Ok(());
    }
    let followed = if attempt.id.number >= ATTEMPTS_PER_ORDER {
        line.progress.held();
        line.ports
            .book
            .hold(attempt.lot, order, TOO_MANY_ATTEMPTS.id)
            .await
    } else {
        let waits = Standing {
            lot: attempt.lot,
            order,
            state: OrderState::Waiting,
            remake: true,
        };
        line.ports.book.set_state(waits).await
    };
    match followed {
        // The same crash, and the remake was only claimed: its lot says so, and no attempt does yet.
        Err(fault) if *fault.code == STALE => Ok(()),
        // The book keeps one live order per person: if another was admitted since this card was boxed, its card
        // takes this one's place.
        Err(fault) if attempt.is_revoked() && fault.blame() == Blame::Bug => {
            tracing::warn!(%order, code = fault.code.id, "not made again: {fault}");
            Ok(())
        }
        followed => followed,
    }
}

impl Line {
    /// Stops a position until a person has looked.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn stop_position(&self, machine: &MachineId, fault: &Fault) -> Result<(), Fault> {
        self.stop_by_hand(machine, fault.code, Vec::new()).await
    }

    /// Stops a position because these people say so.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn stop_by_hand(
        &self,
        machine: &MachineId,
        code: &'static Code,
        by: Vec<PersonId>,
    ) -> Result<(), Fault> {
        if self.progress.waits_for_a_person(machine) {
            return Ok(());
        }
        self.progress.stopped(machine, code.id);
        let fact = Fact::PositionStopped {
            machine: machine.clone(),
            code: code.id.to_owned(),
            by,
        };
        self.record(vec![fact], Vec::new()).await
    }

    /// Does this fault stop the position it came up at, until a person has looked, and nothing else? A bug stops
    /// everything, and so does a ledger that cannot be written. While the line stops no person comes, but a machine
    /// that fails then is still that machine's matter: the next start finds it stopped.
    #[must_use]
    pub fn is_left_to_a_person(&self, fault: &Fault) -> bool {
        fault.blame() != Blame::Bug && !self.lacks_a_record()
    }

    /// Is there nothing to be done about this fault now? Nobody answered, or the HSM did not, and the line stops: the
    /// next start asks again.
    #[must_use]
    pub fn is_left_to_the_next_start(&self, fault: &Fault) -> bool {
        *fault.code == STOPPING || (self.is_stopping() && decide::is_waited_for(fault))
    }

    /// Waits while the position is stopped; false when the line stops meanwhile.
    pub async fn may_go_on(&self, machine: &MachineId) -> bool {
        while self.progress.is_stopped(machine) && !self.is_stopping() {
            self.progress.activity(machine, Activity::Waiting);
            self.clock.sleep(STOPPED).await;
        }
        !self.is_stopping()
    }

    /// Stops every position that feeds from a pack: a person takes it out.
    async fn stop_pack(&self, pack: &PackId, why: &Fault) -> Result<(), Fault> {
        let stock = self.ports.ledger.stock_of(pack).await?;
        for (_, place, _) in stock.rows() {
            if let Place::Feeder(machine) = place {
                self.stop_position(machine, why).await?;
            }
        }
        Ok(())
    }

    /// Does what the yield brake asks for (law 6).
    ///
    /// # Errors
    /// The ledger's or the order book's.
    pub async fn pull(&self, pulls: &[Pull], fault: &Fault) -> Result<(), Fault> {
        for pull in pulls {
            let why = Fault::new(&BRAKE, fault.code.id);
            match pull {
                Pull::Position(machine) => self.stop_position(machine, &why).await?,
                Pull::Pack(pack) => {
                    tracing::error!(%pack, code = BRAKE.id, "two positions fail on one pack");
                    self.stop_pack(pack, &why).await?;
                }
                Pull::Order(order) => {
                    tracing::error!(%order, code = BRAKE.id, "two positions fail on one order");
                }
            }
        }
        Ok(())
    }
}
