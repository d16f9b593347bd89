//! The supervisor of a day: lets stopped machines go on, and finds out what became of cards in doubt.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::base::ids::{BlankId, MachineId, PersonId};
use crate::base::{Fault, Place};
use crate::job::stock::Move;
use crate::job::{Attempt, Event, Fact, Phase};
use crate::line::Line;
use crate::port::Attempts;
use crate::sim::hall::{Spot, Whereabouts};

use super::Day;

/// When the first is made: what stood still when a controller ended stands still at the next start.
const FIRST: Duration = Duration::from_secs(1);

/// Makes rounds for ever.
pub(super) async fn supervise(day: &Day, line: &Line) {
    let mut pause = FIRST;
    loop {
        line.clock
            .sleep(std::mem::replace(&mut pause, day.plan.round))
            .await;
        // What cannot be done in this round is tried in the next: the ledger has refused it, and nothing has changed.
        if let Err(fault) = round(day, line).await {
            tracing::warn!(code = fault.code.id, "the supervisor comes again: {fault}");
        }
    }
}

async fn round(day: &Day, line: &Line) -> Result<(), Fault> {
    let cards: BTreeMap<BlankId, Whereabouts> = day
        .hall
        .inventory()
        .cards
        .into_iter()
        .map(|card| (card.blank.clone(), card))
        .collect();
    for attempt in line.ports.ledger.attempts(Attempts::Open).await? {
        if attempt.phase == Phase::Quarantined {
            settle(line, &attempt, &cards).await?;
        }
    }
    unbound(line, &cards).await?;
    let machines = line.progress.snapshot().machines;
    for (machine, _) in machines
        .into_iter()
        .filter(|(_, state)| state.waits_for_a_person())
    {
        resume(line, &machine).await?;
    }
    Ok(())
}

/// A card in doubt names itself by a tap; where it lies decides what becomes of it.
async fn settle(line: &Line, attempt: &Attempt, cards: &BTreeMap<BlankId, Whereabouts>) -> Result<(), Fault> {
    let by = vec![supervisor()];
    let spot = attempt
        .blank
        .as_ref()
        .and_then(|blank| cards.get(blank))
        .map(|card| &card.spot);
    let event = match spot {
        // No blank was ever bound: whatever was fed lies among the waste or was never fed.
        None => Event::NotFound {
            by: vec![supervisor(), PersonId::new("witness")],
        },
        Some(Spot::Quarantine | Spot::Reject) => Event::Spoiled {
            code: attempt.code.clone().unwrap_or_default(),
            by,
        },
        // It is on its way to a desk, which will put it aside; or in a machine, which will be cleared.
        Some(_) => return Ok(()),
    };
    line.event(attempt.id, event).await?;
    line.floor.settle();
    Ok(())
}

/// Blanks that lie in the quarantine tray and belong to no attempt: they are waste, and the counts must say so.
async fn unbound(line: &Line, cards: &BTreeMap<BlankId, Whereabouts>) -> Result<(), Fault> {
    let mut waiting: BTreeMap<_, BTreeSet<&BlankId>> = BTreeMap::new();
    for card in cards.values() {
        let lies_here = matches!(card.spot, Spot::Quarantine | Spot::Reject);
        let used = !line
            .ports
            .ledger
            .attempts(Attempts::OfChip(card.chip.clone()))
            .await?
            .is_empty();
        if lies_here && !used {
            waiting.entry(&card.pack).or_default().insert(&card.blank);
        }
    }
    let stock = line.ports.ledger.stock().await?;
    for (pack, blanks) in waiting {
        let known = stock.count(pack, &Place::Defective);
        let more = u32::try_from(blanks.len())
            .unwrap_or(u32::MAX)
            .saturating_sub(known);
        let feeder = stock
            .rows()
            .find(|(of, place, _)| *of == pack && matches!(place, Place::Feeder(_)));
        let (true, Some((_, from, _))) = (more > 0, feeder) else {
            continue;
        };
        let step = Move {
            pack: pack.clone(),
            from: Some(from.clone()),
            to: Place::Defective,
            count: more,
            by: vec![supervisor()],
            reason: "found in the quarantine tray".to_owned(),
        };
        line.record(vec![Fact::Stock { step }], Vec::new()).await?;
    }
    Ok(())
}

async fn resume(line: &Line, machine: &MachineId) -> Result<(), Fault> {
    let fact = Fact::PositionResumed {
        machine: machine.clone(),
        by: vec![supervisor()],
    };
    line.record(vec![fact], Vec::new()).await?;
    line.brake().resume(machine);
    line.progress.resumed(machine);
    Ok(())
}

fn supervisor() -> PersonId {
    PersonId::new("supervisor")
}
