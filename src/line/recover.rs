//! Start-up is recovery (law 8): settle what was in doubt by asking the world, then open for work.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::ids::{ChipId, LotId, MachineId, OrderKey};
use crate::base::{Blame, Fault};
use crate::chip::{Sealed, identify, probe_sealed};
use crate::job::decide::{Doubt, Question, Seen, SeenChip, in_doubt};
use crate::job::fault::{STEP_IN_DOUBT, STILL_STOPPED, STOPPED_BY_REGISTRY};
use crate::job::lot::Lot;
use crate::job::{Attempt, Event, Evidence, Fact, Phase, Step};
use crate::port::{Attempts, Instruction, OrderChange, OrderState, Renewed, Standing};
use crate::printer::Status;

use super::Line;
use super::blanks;
use super::context::Hand;
use super::settle::settle_once;
use super::station::Station;
use super::talk::{with_chip, with_serial};
use super::tenure::{self, is_away};

/// Orders that are looked at together.
const PAGE: u32 = 500;

/// What every machine goes on with.
#[derive(Debug, Default)]
pub struct Found {
    /// Lots that were not closed, by machine.
    pub lots: BTreeMap<MachineId, Vec<Lot>>,
    /// The attempt in each machine's path.
    pub in_machines: BTreeMap<MachineId, Attempt>,
}

/// Reads the books and puts them in agreement: what is over is reported, orders follow their attempts, trays
/// are set out.
///
/// # Errors
/// The books'.
pub async fn books(line: &Line) -> Result<Found, Fault> {
    greet_registry(line).await?;
    if line.ports.book.renew().await? == Renewed::Elsewhere {
        tenure::compare(line).await?;
    }
    adopt(line).await?;
    let mut found = Found::default();
    let open_lots = line.ports.ledger.open_lots().await?;
    let mut trays: BTreeMap<LotId, Vec<Attempt>> = BTreeMap::new();
    for attempt in line.ports.ledger.attempts(Attempts::Open).await? {
        match attempt.phase {
            Phase::Did(Step::Deliver | Step::Prove) | Phase::Doing(Step::Prove | Step::Box) => {
                trays.entry(attempt.lot).or_default().push(attempt);
            }
            _ if attempt.is_in_machine() => {
                found.in_machines.insert(attempt.machine.clone(), attempt);
            }
            // A card in doubt may lie in its lot's tray: many printers push out by themselves what they fail with.
            Phase::Quarantined => {
                trays.entry(attempt.lot).or_default().push(attempt);
            }
            _ => {}
        }
    }
    for (id, attempts) in trays {
        if open_lots.iter().any(|lot| lot.id == id) {
            continue;
        }
        let Some(first) = attempts.first() else { continue };
        let Some(order) = line.ports.book.order(first.id.order).await? else {
            continue;
        };
        line.tray(Lot {
            id,
            office: order.office,
            profile: order.profile,
            machine: first.machine.clone(),
            orders: attempts.iter().map(|attempt| attempt.id.order).collect(),
        });
    }
    for lot in open_lots {
        found.lots.entry(lot.machine.clone()).or_default().push(lot);
    }
    orders(line).await?;
    wishes(line).await?;
    Ok(found)
}

/// What people asked of orders a moment before a crash: it is on record before it is done (law 1), so it is done now.
async fn wishes(line: &Line) -> Result<(), Fault> {
    let size = line.ports.ledger.size().await?;
    let recent = size.saturating_sub(u64::from(PAGE));
    let mut wishes: BTreeMap<OrderKey, OrderChange> = BTreeMap::new();
    for entry in line.ports.ledger.entries_after(recent, PAGE).await? {
        match serde_json::from_slice(&entry.body) {
            // What came after it tells what became of it, a refusal too.
            Ok(Fact::OrderChanged {
                order,
                change,
                reason,
                ..
            }) => match OrderChange::recorded(&change, &reason) {
                Some(wish) => drop(wishes.insert(order, wish)),
                None => drop(wishes.remove(&order)),
            },
            Ok(Fact::Attempt { attempt, .. }) => drop(wishes.remove(&attempt.order)),
            _ => {}
        }
    }
    for (key, wish) in wishes {
        let Some(order) = line.ports.book.order(key).await? else {
            continue;
        };
        let is_due = match (&wish, order.state) {
            (OrderChange::Priority(wanted), OrderState::Waiting | OrderState::Held) => {
                order.priority != *wanted
            }
            (OrderChange::Hold(_), OrderState::Waiting)
            | (OrderChange::Release, OrderState::Held)
            | (OrderChange::Cancel, OrderState::Waiting | OrderState::Held) => true,
            _ => false,
        };
        if is_due {
            tracing::warn!(order = %key, "asked for before the start, and done now: {wish:?}");
            line.ports.book.change(key, wish).await?;
        }
    }
    Ok(())
}

/// A lot that was claimed, and of which the ledger knows nothing: the answer or the record was lost. It is this
/// controller's, so it is made.
async fn adopt(line: &Line) -> Result<(), Fault> {
    let open = line.ports.ledger.open_lots().await?;
    let mut known: BTreeSet<LotId> = open.into_iter().map(|lot| lot.id).collect();
    let mut after = OrderKey(0);
    loop {
        let page = line.ports.book.given(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.key;
        for id in page.into_iter().filter_map(|order| order.lot) {
            if !known.insert(id) || !line.ports.ledger.history(&id.to_string()).await?.is_empty() {
                continue;
            }
            if let Some(lot) = line.ports.book.lot(id).await? {
                tracing::warn!(lot = %id, machine = %lot.machine, "claimed before the start, and not recorded");
                line.record(vec![Fact::LotClaimed { lot }], Vec::new()).await?;
            }
        }
    }
}

/// A registry that does not answer keeps nobody from starting: no card is bound without a fresh stop list, and what it
/// must hear waits, as on any other day.
async fn greet_registry(line: &Line) -> Result<(), Fault> {
    let greeted = async {
        line.refresh_stop_list().await?;
        while settle_once(line).await? > 0 {}
        Ok::<(), Fault>(())
    };
    match greeted.await {
        Err(fault) if fault.blame() == Blame::Registry => {
            tracing::warn!(code = fault.code.id, "started without the registry: {fault}");
            Ok(())
        }
        greeted => greeted,
    }
}

/// Orders that a crash left given to a machine although their attempt is over, or was never planned. Thousands may be
/// given to machines, and only those whose attempt is not under way are asked about one by one.
///
/// # Errors
/// The books'.
pub(super) async fn orders(line: &Line) -> Result<(), Fault> {
    let open = line.ports.ledger.attempts(Attempts::Open).await?;
    let under_way: BTreeSet<OrderKey> = open.into_iter().map(|attempt| attempt.id.order).collect();
    let open_lots = line.ports.ledger.open_lots().await?;
    let in_open_lots: BTreeSet<(OrderKey, LotId)> = open_lots
        .iter()
        .flat_map(|lot| lot.orders.iter().map(|order| (*order, lot.id)))
        .collect();
    let mut after = OrderKey(0);
    loop {
        // What other controllers were given is theirs to say.
        let page = line.ports.book.given(after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.key;
        for order in page.into_iter().filter(|order| !under_way.contains(&order.key)) {
            let attempts = line.ports.ledger.attempts(Attempts::Of(order.key)).await?;
            let stands = |state, remake| Standing {
                lot: order.lot.unwrap_or(LotId(0)),
                order: order.key,
                state,
                remake,
            };
            match attempts.last() {
                Some(attempt) if attempt.is_good() => {
                    line.ports
                        .book
                        .set_state(stands(OrderState::Boxed, false))
                        .await?;
                }
                Some(attempt) if attempt.is_live() => {}
                // Its end was recorded and its order's was not.
                Some(attempt)
                    if attempt.phase == Phase::Withdrawn
                        && attempt.code.as_deref() == Some(STOPPED_BY_REGISTRY.id) =>
                {
                    line.ports
                        .book
                        .set_state(stands(OrderState::Cancelled, false))
                        .await?;
                }
                // What the registry must hear of first is followed up when it has heard.
                Some(attempt) if attempt.must_be_reported() => {}
                // Its lot is still to be made, and a lot makes an order once.
                last if order.lot.is_some_and(|lot| {
                    in_open_lots.contains(&(order.key, lot)) && last.is_none_or(|last| last.lot != lot)
                }) => {}
                _ => {
                    let waits = stands(OrderState::Waiting, !attempts.is_empty());
                    line.ports.book.set_state(waits).await?;
                }
            }
        }
    }
}

/// Orders of a lot that was closed without them: a server that was replaced did not know them as this lot's when their
/// turn came, and was told so a moment later. They wait again.
///
/// # Errors
/// The books'.
pub(super) async fn passed_over(line: &Line, lot: &Lot) -> Result<(), Fault> {
    if !line.ports.book.is_remote() {
        return Ok(());
    }
    for order in &lot.orders {
        let last = line.ports.ledger.attempts(Attempts::Of(*order)).await?.pop();
        if last.is_some_and(|last| last.lot >= lot.id) {
            continue;
        }
        let known = match line.ports.book.order(*order).await {
            // A start, or the next comparison, finds it.
            Err(fault) if is_away(&fault) => None,
            known => known?,
        };
        if let Some(known) =
            known.filter(|known| known.state == OrderState::InLot && known.lot == Some(lot.id))
        {
            line.say(Standing {
                lot: lot.id,
                order: *order,
                state: OrderState::Waiting,
                remake: known.remake,
            })
            .await?;
            line.work.notify_waiters();
        }
    }
    Ok(())
}

/// Positions that were stopped when the controller before this one ended stay stopped: a restart removes no cause, and
/// nobody but a person lets a position go on (law 6).
///
/// # Errors
/// The ledger's.
pub async fn positions(line: &Line, positions: &[MachineId]) -> Result<(), Fault> {
    for position in positions {
        if let Some(code) = stopped_for(line, position).await? {
            tracing::warn!(machine = %position, code, "stopped since before the start");
            line.progress.stopped(position, STILL_STOPPED.id);
        }
    }
    Ok(())
}

/// The attempt whose card is in this machine's path by the record, or may be.
///
/// # Errors
/// The ledger's.
pub async fn in_path(line: &Line, machine: &MachineId) -> Result<Option<Attempt>, Fault> {
    let open = line.ports.ledger.attempts(Attempts::Open).await?;
    Ok(open
        .into_iter()
        .find(|attempt| attempt.machine == *machine && attempt.is_in_machine()))
}

/// Cards in machines that the configuration does not have any more: nobody can ask such a machine, so a person finds
/// the card and taps it. Its lots stay open until it is back.
///
/// # Errors
/// The ledger's.
pub async fn without_machine(line: &Line, found: &Found, stations: &[MachineId]) -> Result<(), Fault> {
    for lot in found.lots.values().flatten() {
        if !stations.contains(&lot.machine) {
            tracing::error!(lot = %lot.id, machine = %lot.machine, "its machine is not in the configuration");
        }
    }
    for (machine, attempt) in &found.in_machines {
        if stations.contains(machine) {
            continue;
        }
        tracing::error!(%machine, attempt = %attempt.id, "in doubt: its machine is not in the configuration");
        let mut hand = Hand::new(attempt.clone());
        hand.add(Event::Quarantined {
            code: STEP_IN_DOUBT.id.to_owned(),
        })?;
        hand.record(line).await?;
    }
    Ok(())
}

/// The fault code a position is stopped for by the record, if it is.
///
/// # Errors
/// The ledger's.
pub async fn stopped_for(line: &Line, position: &MachineId) -> Result<Option<String>, Fault> {
    let history = line.ports.ledger.history(position.as_str()).await?;
    let last = history.into_iter().rev().find_map(|entry| match entry.fact {
        Fact::PositionStopped { code, .. } => Some(Some(code)),
        Fact::PositionResumed { .. } => Some(None),
        _ => None,
    });
    Ok(last.flatten())
}

/// A card in the path of a machine that has none by the books is taken out before anything is fed; whoever taps it
/// learns what it is.
///
/// # Errors
/// The screen's; a printer that does not answer is found out at its next card.
pub async fn empty_machine(station: &mut Station) -> Result<(), Fault> {
    let status = with_serial(&mut *station.printer, Status::new(&station.model)).await;
    if status.is_ok_and(|status| status.card_inside) {
        station.screen.ask(&Instruction::ClearPath).await?;
    }
    Ok(())
}

/// Asks a machine about the card in its path and says how to go on with it.
///
/// # Errors
/// The ledger's; a machine that does not answer leaves the card to a person.
pub async fn machine(line: &Line, station: &mut Station, attempt: Attempt) -> Result<Option<Hand>, Fault> {
    let mut hand = Hand::new(attempt);
    if let Err(fault) = settle_doubt(line, station, &mut hand).await {
        tracing::warn!(machine = %station.id, attempt = %hand.attempt().id, code = fault.code.id, "in doubt: {fault}");
        if hand.attempt().chip.is_some() || hand.attempt().phase == Phase::Doing(Step::Bind) {
            hand.add(Event::Quarantined {
                code: fault.code.id.to_owned(),
            })?;
        }
        hand.record(line).await?;
        station.screen.ask(&Instruction::ClearPath).await?;
        return Ok(None);
    }
    hand.record(line).await?;
    let goes_on = matches!(
        hand.attempt().phase,
        Phase::Did(_) | Phase::Doing(_) | Phase::Failed(_)
    ) && hand.attempt().phase != Phase::Did(Step::Deliver);
    Ok(goes_on.then_some(hand))
}

/// Asks what [`in_doubt`] wants to know and does what it says.
async fn settle_doubt(line: &Line, station: &mut Station, hand: &mut Hand) -> Result<(), Fault> {
    let mut seen = Seen::default();
    loop {
        match in_doubt(hand.attempt(), &seen) {
            Doubt::GoOn => return Ok(()),
            Doubt::Person(why) => return Err(why),
            Doubt::Settled(event) => {
                if let Event::Done {
                    evidence: Evidence::Bind { pack, .. },
                } = &event
                {
                    let moved = line.floor.came_from(line, &station.id, pack).await?;
                    moved.into_iter().for_each(|fact| hand.also(fact));
                }
                return hand.add(event);
            }
            Doubt::Ask(Question::Path) => {
                let status = with_serial(&mut *station.printer, Status::new(&station.model)).await?;
                seen.inside = Some(status.card_inside);
            }
            Doubt::Ask(Question::Chip) => {
                seen.chip = Some(chip_at(line, station, hand.attempt().chip.as_ref()).await?);
            }
            Doubt::Ask(Question::Seal) => {
                let sealed = with_chip(&mut *station.encoder, probe_sealed()).await?;
                seen.sealed = Some(sealed == Sealed::Sealed);
            }
        }
    }
}

/// The chip at a position, and what the books know of it. An attempt without a chip is looking for a blank: one that
/// was written before is a fault.
async fn chip_at(line: &Line, station: &mut Station, bound: Option<&ChipId>) -> Result<SeenChip, Fault> {
    let atr = station.encoder.power_on().await?;
    line.rules.chip.check_atr(&atr)?;
    let identity = with_chip(&mut *station.encoder, identify(&line.rules.chip)).await?;
    if bound == Some(&identity.chip) {
        return Ok(SeenChip::Bound);
    }
    if bound.is_none() {
        identity.require_blank()?;
    }
    let chip = identity.chip;
    let used = line.ports.ledger.attempts(Attempts::OfChip(chip.clone())).await?;
    Ok(match line.ports.ledger.blank(&chip).await? {
        Some((blank, pack)) if used.is_empty() && !blanks::is_written_off(line, &blank).await? => {
            SeenChip::Unused { chip, blank, pack }
        }
        _ => SeenChip::Other(chip),
    })
}
