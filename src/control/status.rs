//! The whole facility on one page.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::base::ids::MachineId;
use crate::base::{Fault, Place};
use crate::line::Line;
use crate::line::signers::{SignerLeft, Standing};
use crate::line::tenure::is_away;
use crate::port::{BoxStanding, BoxState, OrderState};

use super::privacy::Holding;
use super::{Answer, Who, position, tell};

/// Document signers are due for renewal this many days before their last.
const SIGNER_DAYS_LEAST: i64 = 14;
/// Cards left of a signer's limit that call for the next signer.
const SIGNER_CARDS_LEAST: u64 = 10_000;

/// Must a successor be at hand soon?
pub(super) fn is_low(signer: &SignerLeft) -> bool {
    signer.days < SIGNER_DAYS_LEAST || signer.cards.is_some_and(|cards| cards < SIGNER_CARDS_LEAST)
}

/// Orders, machines, stock, boxes, signers; not good if a position is stopped or no signer will last.
///
/// # Errors
/// The books'.
pub async fn status(line: &Line, _who: &Who) -> Result<Answer, Fault> {
    let (orders, late, returned) = match orders(line).await {
        // What is known here is told all the same.
        Err(fault) if is_away(&fault) => Default::default(),
        counted => counted?,
    };
    let book = book(line).await?;
    let machines = position::list(line);
    let snapshot = line.progress.snapshot();
    let places = places(line).await?;
    let feeders = feeders(line).await?;
    let boxes = line.ports.ledger.boxes(false).await?;
    let signers = line.signers.left(line.clock.now());
    let hsm = hsm(line);
    let holding = Holding::of(line).await?;

    let mode = line.rules.mode;
    let mut text = vec![
        format!(
            "{} ({mode}), {}",
            line.rules.facility,
            tell::time(line.clock.now())
        ),
        format!(
            "Orders    {}",
            counted(
                orders
                    .iter()
                    .map(|(state, count)| (tell::order_state(*state), *count))
            )
        ),
        format!("          {late} late, {returned} dossiers returned to their offices"),
    ];
    text.extend(book.iter().map(|words| format!("Order book {words}")));
    text.push("Machines".to_owned());
    text.extend(machines.text.lines().map(|machine| format!("  {machine}")));
    text.push(format!(
        "Blanks    {}",
        counted(places.iter().map(|(place, count)| (*place, *count)))
    ));
    text.extend(
        feeders
            .iter()
            .map(|(machine, left)| format!("  {left} left in the feeder of {machine}")),
    );
    text.push("Boxes".to_owned());
    text.extend(boxes.iter().map(|state| format!("  {}", one_box(state))));
    if boxes.is_empty() {
        text.push("  none open or sealed".to_owned());
    }
    let clock = line.hsm.time.standing();
    text.push(format!("Clock     {clock}"));
    text.extend(hsm.iter().map(|words| format!("HSM       {words}")));
    let short = line.headroom.short();
    text.extend(
        short
            .iter()
            .map(|fault| format!("Host      TAKES ON NO MORE WORK: {fault}")),
    );
    let not_taken = line.not_taken.attempts();
    if !not_taken.is_empty() {
        let cards: Vec<String> = not_taken.iter().map(ToString::to_string).collect();
        text.push(format!(
            "Registry  DOES NOT TAKE what is reported of {}",
            cards.join(", ")
        ));
    }
    text.push(format!("Privacy   {}", holding.line()));
    text.push("Signers".to_owned());
    text.extend(signers.iter().map(|signer| format!("  {}", one_signer(signer))));
    if signers.is_empty() {
        text.push("  none: nothing can be signed".to_owned());
    }
    let data = json!({
        "facility": line.rules.facility,
        "mode": line.rules.mode,
        "orders": orders,
        "order_book": book,
        "late": late,
        "returned": returned,
        "line": snapshot,
        "blanks": places,
        "feeders": feeders,
        "boxes": boxes,
        "clock": clock.to_string(),
        "hsm": hsm,
        "short": short.as_ref().map(|fault| fault.code.id),
        "not_taken": not_taken,
        "privacy": holding.data(),
        "signers": signers.iter().map(signer_data).collect::<Vec<_>>(),
    });
    let lasts = |signer: &SignerLeft| signer.standing == Standing::Active && !is_low(signer);
    let signs = hsm.is_none() && clock.is_certain() && signers.iter().any(lasts);
    Ok(Answer {
        text: text.join("\n"),
        data,
        good: machines.good && signs && holding.is_good() && not_taken.is_empty() && short.is_none(),
    })
}

/// How an order book on a server does, and who else works with it; nothing for a book in a file.
async fn book(line: &Line) -> Result<Vec<String>, Fault> {
    if let Some((since, why, waiting)) = line.tenure.away() {
        let seconds = line.clock.elapsed().saturating_sub(since).as_secs();
        return Ok(vec![format!(
            "DOES NOT ANSWER for {seconds} s: granted lots are finished, nothing is claimed, \
             {waiting} words wait ({why})"
        )]);
    }
    if !line.ports.book.is_remote() {
        return Ok(Vec::new());
    }
    let controllers = match line.ports.book.controllers().await {
        Err(fault) if is_away(&fault) => return Ok(vec![fault.to_string()]),
        controllers => controllers?,
    };
    let told = controllers.iter().map(|one| {
        let standing = match (one.given_up, one.lease, one.vouched) {
            (true, ..) => "given up by two people".to_owned(),
            (false, Some(left), true) => format!("lease for {} s more", left.as_secs()),
            (false, Some(_), false) => "COMPARES its ledger with the new server".to_owned(),
            (false, None, true) => "not running".to_owned(),
            (false, None, false) => "MUST COMPARE its ledger with the new server: start it".to_owned(),
        };
        let (name, given, claimed) = (&one.name, one.given, one.claimed);
        format!("{name}: {standing}, {given} orders given to its machines, {claimed} claimed")
    });
    Ok(told.collect())
}

async fn orders(line: &Line) -> Result<(BTreeMap<OrderState, u64>, u64, u64), Fault> {
    let (mut states, mut late, mut returned) = (BTreeMap::new(), 0, 0);
    for office in line.ports.book.counts(line.clock.today()).await?.values() {
        for (state, count) in &office.orders {
            *states.entry(*state).or_default() += count;
        }
        late += office.late;
        returned += office.returned;
    }
    Ok((states, late, returned))
}

async fn places(line: &Line) -> Result<BTreeMap<&'static str, u64>, Fault> {
    let mut places = BTreeMap::new();
    for (_, place, count) in line.ports.ledger.stock().await?.rows() {
        *places.entry(place.name()).or_default() += u64::from(count);
    }
    Ok(places)
}

async fn feeders(line: &Line) -> Result<BTreeMap<MachineId, u64>, Fault> {
    let mut feeders = BTreeMap::new();
    for (_, place, count) in line.ports.ledger.stock().await?.rows() {
        if let Place::Feeder(machine) = place {
            *feeders.entry(machine.clone()).or_default() += u64::from(count);
        }
    }
    Ok(feeders)
}

/// One signer in one line.
pub(super) fn one_signer(signer: &SignerLeft) -> String {
    let limit = signer.cards.map_or_else(
        || "no limit of cards".to_owned(),
        |cards| format!("{cards} cards left"),
    );
    let standing = match signer.standing {
        Standing::Staged => "  STAGED: two people must activate it",
        Standing::Stopped => "  OUT OF USE",
        Standing::Active if is_low(signer) => "  RENEW IT NOW",
        Standing::Active => "",
    };
    let (label, days, signed) = (&signer.label, signer.days, signer.signed);
    format!("{label:<16} may sign for {days} days, {limit}, has signed {signed}{standing}")
}

/// One signer for programs.
pub(super) fn signer_data(signer: &SignerLeft) -> Value {
    let standing = match signer.standing {
        Standing::Staged => "staged",
        Standing::Active => "active",
        Standing::Stopped => "stopped",
    };
    json!({
        "label": signer.label,
        "standing": standing,
        "days_left": signer.days,
        "cards_left": signer.cards,
        "signed": signer.signed,
        "low": is_low(signer),
    })
}

/// How the HSM does.
fn hsm(line: &Line) -> Option<String> {
    let away = line.hsm.away()?;
    let seconds = line.clock.elapsed().saturating_sub(away.since).as_secs();
    Some(format!(
        "DOES NOT ANSWER for {seconds} s ({}): positions wait, no card is spoiled by it",
        away.code
    ))
}

fn one_box(state: &BoxState) -> String {
    let standing = match state.standing {
        BoxStanding::Open => "",
        other => tell::box_standing(other),
    };
    format!(
        "{:<16} {:>4} cards  {standing}",
        state.label.as_str(),
        state.cards
    )
    .trim_end()
    .to_owned()
}

fn counted<'a>(counts: impl Iterator<Item = (&'a str, u64)>) -> String {
    let words: Vec<String> = counts.map(|(what, count)| format!("{count} {what}")).collect();
    if words.is_empty() {
        "none".to_owned()
    } else {
        words.join(" · ")
    }
}
