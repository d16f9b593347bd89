//! The supervisor of a day: finds out what became of cards in doubt, looks after what stopped, lets machines go on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use crate::base::ids::{BlankId, BoxId, LotId, MachineId, PackId, PersonId};
use crate::base::{Blame, Fault, Place};
use crate::control::{self, Answer, Who};
use crate::job::{Attempt, Fact, Phase};
use crate::line::fault::TASK;
use crate::line::{Line, blanks};
use crate::port::Attempts;
use crate::sim::hall::{Spot, Whereabouts};

use super::{Day, locked};

/// When the first round is made: what stood still when a controller ended stands still at the next start.
const FIRST: Duration = Duration::from_secs(1);
/// Times a card is brought to a desk; if no desk takes it, it is waste.
const VISITS_MAX: u32 = 2;

/// How often each card was brought to a desk: the supervisor remembers it whichever controller runs.
pub(super) type Visits = Mutex<BTreeMap<BlankId, u32>>;

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

/// The last round of a day, when no controller works any more: whatever was put aside at the very end is tapped too.
/// False if there was something to do, which the next controller must hear of.
pub(super) async fn evening(day: &Day, line: &Line) -> Result<bool, Fault> {
    let seen = async || Ok::<_, Fault>((line.ports.ledger.size().await?, day.hall.inventory().cards));
    let before = seen().await?;
    round(day, line).await?;
    Ok(seen().await? == before && !sift(day, line).await?)
}

async fn round(day: &Day, line: &Line) -> Result<(), Fault> {
    let cards: Vec<Whereabouts> = day.hall.inventory().cards;
    for attempt in line.ports.ledger.attempts(Attempts::Open).await? {
        if attempt.phase == Phase::Quarantined && attempt.chip.is_none() {
            // No blank was ever bound: whatever was fed lies among the waste or was never fed.
            let card = attempt.id.to_string();
            later(ask(line, control::cards::Request::NotFound { card }).await)?;
        }
    }
    for card in &cards {
        if matches!(card.spot, Spot::Quarantine | Spot::Reject) {
            later(tap(day, line, card).await)?;
        }
    }
    unbound(line, &cards).await?;
    loaded(line, &cards).await?;
    if day.hall.check_cables() {
        tracing::info!("readers were plugged in wrong");
    }
    let machines = line.progress.snapshot().machines;
    for (machine, _) in machines
        .into_iter()
        .filter(|(_, state)| state.waits_for_a_person())
    {
        resume(line, &machine).await?;
    }
    Ok(())
}

/// What the rules refuse just now is asked again in the next round; the rest of this round goes on.
fn later<T>(outcome: Result<T, Fault>) -> Result<(), Fault> {
    match outcome {
        Err(fault) if fault.blame() != Blame::Operator => Err(fault),
        Err(fault) => {
            tracing::info!(code = fault.code.id, "later: {fault}");
            Ok(())
        }
        Ok(_) => Ok(()),
    }
}

/// A card that lies where no good card lies names itself, and goes where it belongs.
async fn tap(day: &Day, line: &Line, card: &Whereabouts) -> Result<(), Fault> {
    let which = Attempts::OfBlank(card.blank.clone());
    let Some(attempt) = line.ports.ledger.attempts(which).await?.into_iter().next() else {
        return Ok(());
    };
    if !attempt.is_live() {
        return Ok(());
    }
    if card.spot == Spot::Reject {
        return waste(line, &attempt).await;
    }
    let visits = locked(&day.visits).get(&card.blank).copied().unwrap_or(0);
    if visits >= VISITS_MAX {
        return waste(line, &attempt).await;
    }
    let name = card.blank.to_string();
    let answer = ask(line, control::cards::Request::Found { card: name }).await?;
    let told = |what: &str| answer.data.get("do").and_then(|told| told.as_str()) == Some(what);
    let moved = if told("desk") {
        locked(&day.visits).insert(card.blank.clone(), visits + 1);
        day.hall.return_to_tray(&card.blank, LotId(attempt.lot.0))
    } else if told("box") {
        match attempt.boxed.clone() {
            Some((label, slot)) => day.hall.restore_to_box(&card.blank, &BoxId(label.0), slot),
            None => Ok(false),
        }
    } else if told("aside") && attempt.phase == Phase::Quarantined {
        return waste(line, &attempt).await;
    } else {
        Ok(true)
    };
    moved.map(|_| ()).map_err(out_of_reach)
}

fn out_of_reach(error: std::io::Error) -> Fault {
    Fault::new(&TASK, error.to_string())
}

/// Nobody can say that the card is good.
async fn waste(line: &Line, attempt: &Attempt) -> Result<(), Fault> {
    let request = control::cards::Request::Spoil {
        card: attempt.id.to_string(),
        code: "mixed-up".to_owned(),
        reason: "nobody can say that it is good".to_owned(),
    };
    ask(line, request).await.map(|_| ())
}

/// Two people stand at the control: who asks, and who asked for the same before.
async fn ask(line: &Line, request: control::cards::Request) -> Result<Answer, Fault> {
    let who = Who {
        person: supervisor(),
        first: request.needs_two().then(|| PersonId::new("witness")),
    };
    control::cards::act(line, &who, request).await
}

/// When nothing else is left to do, cards that should lie with the waste and do not are searched for among the blanks:
/// a printed one among white ones is soon found. True if one was.
async fn sift(day: &Day, line: &Line) -> Result<bool, Fault> {
    let mut found = false;
    for card in day.hall.inventory().cards {
        let Spot::Feeder { station } = &card.spot else {
            continue;
        };
        let attempts = line.ports.ledger.attempts(Attempts::OfBlank(card.blank.clone()));
        let missing = |attempt: &Attempt| attempt.phase == Phase::Quarantined;
        if attempts.await?.iter().any(missing) {
            found |= day.hall.sift(station, &card.blank).map_err(out_of_reach)?;
        }
    }
    Ok(found)
}

/// Blanks that lie with the waste and are no cards: the supervisor reads their numbers, writes them off, and counts
/// them pack by pack. One that has no place in the books waits until what is open at its machine is settled.
async fn unbound(line: &Line, cards: &[Whereabouts]) -> Result<(), Fault> {
    let mut waste: BTreeMap<&PackId, u32> = BTreeMap::new();
    for card in cards {
        let lies_here = matches!(card.spot, Spot::Quarantine | Spot::Reject);
        let of_chip = Attempts::OfChip(card.chip.clone());
        if !lies_here || !line.ports.ledger.attempts(of_chip).await?.is_empty() {
            continue;
        }
        *waste.entry(&card.pack).or_default() += 1;
        if blanks::is_written_off(line, &card.blank).await? {
            continue;
        }
        let request = control::cards::Request::Spoil {
            card: card.blank.to_string(),
            code: "damaged".to_owned(),
            reason: "found with the waste".to_owned(),
        };
        later(ask(line, request).await)?;
    }
    let stock = line.ports.ledger.stock().await?;
    for (pack, _, books) in stock.rows().filter(|(_, place, _)| **place == Place::Defective) {
        let is = waste.get(pack).copied().unwrap_or(0);
        if is < books && blanks::unnamed(line, pack).await? > 0 {
            let request = control::stock::Request::CountedWaste {
                pack: pack.clone(),
                is,
            };
            later(control::stock::act(line, &Who::new(supervisor()), request).await)?;
        }
    }
    Ok(())
}

/// A pack that lies in a feeder although the books have it on the floor: it was loaded when the controller died.
async fn loaded(line: &Line, cards: &[Whereabouts]) -> Result<(), Fault> {
    let stock = line.ports.ledger.stock().await?;
    let mut seen = BTreeSet::new();
    for card in cards {
        let Spot::Feeder { station } = &card.spot else {
            continue;
        };
        if stock.count(&card.pack, &Place::Issued) == 0 || !seen.insert(&card.pack) {
            continue;
        }
        let request = control::stock::Request::Load {
            pack: card.pack.clone(),
            machine: station.clone(),
        };
        later(control::stock::act(line, &Who::new(supervisor()), request).await)?;
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
