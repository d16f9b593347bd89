//! Start-up is recovery (law 8): settle what was in doubt by asking the world, then open for work.

use std::collections::BTreeMap;

use crate::base::ids::{LotId, MachineId, OrderKey};
use crate::base::{Blame, Fault};
use crate::chip::{Sealed, identify, probe_sealed};
use crate::job::fault::{PRINT_IN_DOUBT, STEP_IN_DOUBT, STOPPED_BY_REGISTRY, WRONG_CHIP};
use crate::job::lot::Lot;
use crate::job::{Aim, Attempt, Event, Evidence, Output, Phase, Step};
use crate::port::{Attempts, Instruction, OrderState};
use crate::printer::Status;

use super::Line;
use super::context::Hand;
use super::settle::settle_once;
use super::station::Station;
use super::talk::{with_chip, with_serial};

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
    let mut found = Found::default();
    let open_lots = line.ports.ledger.open_lots().await?;
    let mut trays: BTreeMap<LotId, Vec<Attempt>> = BTreeMap::new();
    for attempt in line.ports.ledger.attempts(Attempts::Open).await? {
        match attempt.phase {
            Phase::Did(Step::Deliver | Step::Prove) | Phase::Doing(Step::Prove | Step::Box) => {
                trays.entry(attempt.lot).or_default().push(attempt);
            }
            Phase::Doing(_) | Phase::Did(_) | Phase::Failed(_) => {
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
        line.floor.tray(Lot {
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
    orders(line, &found).await?;
    Ok(found)
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

/// Orders that a crash left given to a machine although their attempt is over, or was never planned.
async fn orders(line: &Line, found: &Found) -> Result<(), Fault> {
    let mut after = OrderKey(0);
    loop {
        let page = line.ports.book.in_state(OrderState::InLot, after, 500).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.key;
        for order in page {
            let attempts = line.ports.ledger.attempts(Attempts::Of(order.key)).await?;
            // A lot in which a card of the order was spoiled does not make another: that is a later lot's.
            let after = attempts.last().map(|attempt| attempt.lot);
            let in_open_lot = found
                .lots
                .values()
                .flatten()
                .any(|lot| lot.orders.contains(&order.key) && Some(lot.id) > after);
            match attempts.last() {
                Some(attempt) if attempt.is_good() => {
                    line.ports
                        .book
                        .set_state(order.key, OrderState::Boxed, false)
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
                        .set_state(order.key, OrderState::Cancelled, false)
                        .await?;
                }
                // What the registry must hear of first is followed up when it has heard.
                Some(attempt) if attempt.must_be_reported() => {}
                _ if in_open_lot => {}
                _ => {
                    line.ports
                        .book
                        .set_state(order.key, OrderState::Waiting, !attempts.is_empty())
                        .await?;
                }
            }
        }
    }
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

async fn settle_doubt(line: &Line, station: &mut Station, hand: &mut Hand) -> Result<(), Fault> {
    let status = with_serial(&mut *station.printer, Status::new(&station.model)).await?;
    let inside = status.card_inside;
    let phase = hand.attempt().phase;
    let undone = |step, because: &str| Event::Undone {
        step,
        because: because.to_owned(),
    };
    match phase {
        Phase::Doing(Step::Bind) if !inside => return hand.add(undone(Step::Bind, "no card in the path")),
        Phase::Doing(Step::Deliver) if !inside => {
            let Some(Aim::Output(output)) = hand.attempt().aim.clone() else {
                return Err(Fault::new(&STEP_IN_DOUBT, "to which output?"));
            };
            return hand.add(Event::Done {
                evidence: Evidence::Deliver { output },
            });
        }
        _ if !inside => return Err(Fault::new(&STEP_IN_DOUBT, "the card is not in the machine")),
        Phase::Doing(Step::Print) => {
            // Nobody can tell what is on it: it leaves by the reject output.
            let code = PRINT_IN_DOUBT.id.to_owned();
            return hand.add(Event::Failed {
                step: Step::Print,
                code,
                detail: String::new(),
            });
        }
        Phase::Doing(Step::Deliver) => {
            let reject = hand.attempt().aim == Some(Aim::Output(Output::Reject));
            if reject {
                let code = hand
                    .attempt()
                    .code
                    .clone()
                    .unwrap_or_else(|| STEP_IN_DOUBT.id.to_owned());
                return hand.add(Event::Failed {
                    step: Step::Deliver,
                    code,
                    detail: String::new(),
                });
            }
            return hand.add(undone(Step::Deliver, "the card is still inside"));
        }
        Phase::Did(Step::Print) | Phase::Failed(_) => return Ok(()),
        _ => {}
    }
    // The chip is still in reach and names itself.
    let atr = station.encoder.power_on().await?;
    line.rules.chip.check_atr(&atr)?;
    let identity = with_chip(&mut *station.encoder, identify(&line.rules.chip)).await?;
    match (&hand.attempt().chip, phase) {
        (None, Phase::Doing(Step::Bind)) => {
            identity.require_blank()?;
            let chip = identity.chip;
            let known = line.ports.ledger.blank(&chip).await?;
            let used = !line
                .ports
                .ledger
                .attempts(Attempts::OfChip(chip.clone()))
                .await?
                .is_empty();
            match known {
                Some((blank, pack)) if !used => {
                    line.floor
                        .came_from(line, &station.id, &pack)
                        .await?
                        .into_iter()
                        .for_each(|fact| hand.also(fact));
                    hand.add(Event::Done {
                        evidence: Evidence::Bind { chip, blank, pack },
                    })
                }
                _ => Err(Fault::new(&WRONG_CHIP, chip.to_string())),
            }
        }
        (Some(bound), _) if *bound != identity.chip => {
            Err(Fault::new(&WRONG_CHIP, identity.chip.to_string()))
        }
        (_, Phase::Doing(Step::Seal)) => match with_chip(&mut *station.encoder, probe_sealed()).await? {
            Sealed::Sealed => hand.add(Event::Done {
                evidence: Evidence::Seal,
            }),
            Sealed::Open => hand.add(undone(Step::Seal, "the chip is still open")),
        },
        _ => Ok(()),
    }
}
