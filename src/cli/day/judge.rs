//! The judge of a day: what physically lies in the hall, against the ledger, the order book and the registry.

use std::collections::BTreeMap;

use crate::audit::{Balance, Hash};
use crate::base::ids::{AttemptId, BoxId, ChipId, OrderKey, PackId, SodHash};
use crate::base::{Fault, Place};
use crate::document::FileId;
use crate::job::{Attempt, Fact, Phase, apply};
use crate::port::{BoxStanding, Ledger, OrderBook, OrderState, Registry, Statement};

use super::Day;

/// Whatever is wrong at the end of a day, in words; nothing if all is well.
///
/// # Errors
/// The books'.
pub async fn judge(day: &Day) -> Result<Vec<String>, Fault> {
    let mut wrong = Vec::new();
    one_good_card(day, &mut wrong).await?;
    every_blank(day, &mut wrong).await?;
    folded(day, &mut wrong);
    orders(day, &mut wrong).await?;
    registry(day, &mut wrong).await?;
    Ok(wrong)
}

/// One good card per order, by the cards that lie in boxes: their chips say whose they are.
async fn one_good_card(day: &Day, wrong: &mut Vec<String>) -> Result<(), Fault> {
    let by_sod: BTreeMap<SodHash, Attempt> = day
        .ledger
        .all_attempts()
        .into_iter()
        .filter_map(|attempt| Some((attempt.sod.clone()?, attempt)))
        .collect();
    let mut good: BTreeMap<OrderKey, AttemptId> = BTreeMap::new();
    let mut boxed: BTreeMap<(BoxId, u16), AttemptId> = BTreeMap::new();
    for card in day.hall.inventory().boxes {
        let sod = day.hall.look_at(&card.blank, |card| {
            card.chip.file(FileId::Sod).map(<[u8]>::to_vec)
        });
        let sod = sod.flatten().map(|sod| SodHash(Hash::of(&[&sod]).to_string()));
        let Some(attempt) = sod.and_then(|sod| by_sod.get(&sod)) else {
            wrong.push(format!(
                "{} in {} carries nothing we signed",
                card.blank, card.label
            ));
            continue;
        };
        if let Some(other) = good.insert(attempt.id.order, attempt.id) {
            wrong.push(format!("two cards in boxes: {other} and {}", attempt.id));
        }
        if attempt.blank.as_ref() != Some(&card.blank) {
            wrong.push(format!(
                "{} was bound to another blank than {}",
                attempt.id, card.blank
            ));
        }
        boxed.insert((card.label, card.slot), attempt.id);
    }
    for attempt in by_sod.values().filter(|attempt| attempt.is_good()) {
        let lies = attempt.boxed.as_ref().and_then(|slot| boxed.remove(slot));
        if lies != Some(attempt.id) {
            wrong.push(format!("{} is not in its box: {lies:?}", attempt.id));
        }
    }
    for ((label, slot), attempt) in boxed {
        wrong.push(format!(
            "{attempt} lies in {label} at {slot}, and the ledger does not know"
        ));
    }
    Ok(())
}

/// Every blank accounted for: the ledger's counts are what lies in the hall, pack by pack.
async fn every_blank(day: &Day, wrong: &mut Vec<String>) -> Result<(), Fault> {
    let stock = day.ledger.stock().await?;
    let mut balance = Balance::new();
    for (pack, count) in day.ledger.received().await? {
        balance.receive(&pack, count);
    }
    let mut counted: BTreeMap<PackId, BTreeMap<&str, u64>> = BTreeMap::new();
    for (pack, place, count) in stock.rows() {
        balance.place(pack, place.clone(), u64::from(count));
        let kind = match place {
            Place::Vault | Place::Issued => "pack",
            Place::Feeder(_) => "feeder",
            Place::Machine(_) => "machine",
            Place::Hopper(_) => "output",
            Place::Boxed => "boxed",
            _ => "waste",
        };
        *counted.entry(pack.clone()).or_default().entry(kind).or_default() += u64::from(count);
    }
    wrong.extend(balance.check().iter().map(ToString::to_string));
    for (pack, spots) in day.hall.inventory().packs {
        let mut lies: BTreeMap<&str, u64> = BTreeMap::new();
        for (spot, count) in &spots {
            let kind = match spot.as_str() {
                "vault" => "pack",
                "hopper" | "tray" => "output",
                "reject" | "quarantine" => "waste",
                other => other,
            };
            *lies.entry(kind).or_default() += count;
        }
        let counted = counted.remove(&pack).unwrap_or_default();
        if lies != counted {
            wrong.push(format!(
                "pack {pack}: in the hall {lies:?}, in the ledger {counted:?}"
            ));
        }
        for kind in ["machine", "output"] {
            if lies.contains_key(kind) {
                wrong.push(format!("pack {pack}: cards left in the {kind}"));
            }
        }
    }
    Ok(())
}

/// The tables are the fold of the record.
fn folded(day: &Day, wrong: &mut Vec<String>) {
    let mut attempts: BTreeMap<AttemptId, Attempt> = BTreeMap::new();
    for entry in day.ledger.entries() {
        if let Fact::Attempt { attempt, event } = entry.fact {
            match apply(attempts.get(&attempt), attempt, &event) {
                Ok(next) => {
                    attempts.insert(attempt, next);
                }
                Err(illegal) => wrong.push(format!("record {}: {illegal}", entry.seq)),
            }
        }
    }
    let tables = day.ledger.all_attempts();
    if !tables.iter().eq(attempts.values()) {
        wrong.push("the attempts are not the fold of the record".to_owned());
    }
}

/// Every order is done, or a person has it.
async fn orders(day: &Day, wrong: &mut Vec<String>) -> Result<(), Fault> {
    let attempts = day.ledger.all_attempts();
    for state in [OrderState::Waiting, OrderState::InLot, OrderState::Boxed] {
        for order in day.book.in_state(state, OrderKey(0), u32::MAX).await? {
            let good = attempts
                .iter()
                .any(|attempt| attempt.id.order == order.key && attempt.is_good());
            if good != (state == OrderState::Boxed) || state != OrderState::Boxed {
                wrong.push(format!("order {} is {state:?}, good card: {good}", order.key));
            }
        }
    }
    for attempt in attempts.iter().filter(|attempt| !attempt.is_over()) {
        wrong.push(format!("{} is open: {:?}", attempt.id, attempt.phase));
    }
    for lot in day.ledger.open_lots().await? {
        wrong.push(format!("lot {} is open", lot.id));
    }
    for state in day.ledger.boxes(true).await? {
        // One that was emptied again waits for more cards.
        let holds = |attempt: &&Attempt| {
            attempt.is_good()
                && attempt
                    .boxed
                    .as_ref()
                    .is_some_and(|(label, _)| *label == state.label)
        };
        if state.standing == BoxStanding::Open && attempts.iter().any(|attempt| holds(&attempt)) {
            wrong.push(format!("box {} is open", state.label));
        }
    }
    Ok(())
}

/// The registry counts exactly the good cards, and refuses every chip that is waste or out of sight.
async fn registry(day: &Day, wrong: &mut Vec<String>) -> Result<(), Fault> {
    let statements = day.registry.statement("", u32::MAX).await?;
    let statements: BTreeMap<String, Statement> = statements
        .into_iter()
        .map(|statement| (statement.request.clone(), statement))
        .collect();
    for attempt in day.ledger.all_attempts() {
        let order = day.book.order(attempt.id.order).await?;
        let Some(statement) = order.and_then(|order| statements.get(&order.request)) else {
            wrong.push(format!("the registry does not know {}", attempt.id));
            continue;
        };
        let refuses = |chip: &ChipId| statement.refused.contains(chip);
        let refused = attempt.chip.as_ref().is_some_and(refuses);
        if attempt.is_good() && (statement.sod != attempt.sod || refused) {
            wrong.push(format!("the registry does not count {} as good", attempt.id));
        }
        let lost = attempt.is_over() && !attempt.is_good();
        let accepted = attempt.chip.is_some() && !refused;
        if accepted && (lost || attempt.phase == Phase::Quarantined) {
            wrong.push(format!("the registry does not refuse the chip of {}", attempt.id));
        }
    }
    Ok(())
}
