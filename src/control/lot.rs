//! Lots: what is in each, and closing one by hand when its machine will not.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::base::ids::LotId;
use crate::base::{Fault, Place};
use crate::job::fault::STOPPING;
use crate::job::{Attempt, Event, Fact, Phase, Step};
use crate::line::Line;
use crate::port::{Attempts, OrderState, Standing};

use super::fault::UNKNOWN;
use super::refused::{LOT_OPEN, UNDER_WAY, UNEXPLAINED};
use super::stock::unexplained;
use super::{Answer, Who, record};

/// What can be asked about lots.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "do", deny_unknown_fields)]
pub enum Request {
    /// All that are open.
    List,
    /// One, card by card.
    Show {
        /// Which.
        lot: LotId,
    },
    /// Its machine makes no more of it: what was not begun waits for another machine.
    Close {
        /// Which.
        lot: LotId,
    },
}

/// Answers.
///
/// # Errors
/// What the rules refuse; the ledger's or the order book's.
pub async fn act(line: &Line, who: &Who, request: Request) -> Result<Answer, Fault> {
    match request {
        Request::List => list(line).await,
        Request::Show { lot } => show(line, lot).await,
        Request::Close { lot } => close(line, who, lot).await,
    }
}

async fn list(line: &Line) -> Result<Answer, Fault> {
    let (mut text, mut data) = (String::new(), Vec::new());
    for lot in line.ports.ledger.open_lots().await? {
        let attempts = line.ports.ledger.attempts(Attempts::InLot(lot.id)).await?;
        let mut stands: BTreeMap<String, u64> = BTreeMap::new();
        for attempt in &attempts {
            *stands.entry(words(attempt)).or_default() += 1;
        }
        let counts: Vec<String> = stands
            .iter()
            .map(|(stand, count)| format!("{count} {stand}"))
            .collect();
        let _ = writeln!(
            text,
            "{}  {:<6} office {:<8} {:<10} {} orders: {}",
            lot.id,
            lot.machine.as_str(),
            lot.office.as_str(),
            lot.profile,
            lot.orders.len(),
            counts.join(", ")
        );
        data.push(json!({ "lot": lot, "attempts": stands }));
    }
    if data.is_empty() {
        text.push_str("No lot is open.\n");
    }
    Ok(Answer::good(text, json!({ "lots": data })))
}

async fn show(line: &Line, lot: LotId) -> Result<Answer, Fault> {
    let claimed = line.ports.ledger.history(&lot.to_string()).await?;
    let Some(Fact::LotClaimed { lot: claim }) = claimed.into_iter().map(|entry| entry.fact).next() else {
        return Err(Fault::new(&UNKNOWN, lot.to_string()));
    };
    let open = line
        .ports
        .ledger
        .open_lots()
        .await?
        .iter()
        .any(|other| other.id == lot);
    let attempts = line.ports.ledger.attempts(Attempts::InLot(lot)).await?;
    let mut text = format!(
        "{lot}: {} for office {}, {}, {}\n",
        claim.machine,
        claim.office,
        claim.profile,
        if open { "open" } else { "closed" }
    );
    let mut cards = Vec::new();
    for order in &claim.orders {
        let tries: Vec<&Attempt> = attempts
            .iter()
            .filter(|attempt| attempt.id.order == *order)
            .collect();
        if tries.is_empty() {
            let _ = writeln!(text, "  {order}    not begun");
        }
        for attempt in tries {
            let code = attempt.code.as_deref().unwrap_or("");
            let _ = writeln!(text, "  {}  {} {code}", attempt.id, words(attempt));
            cards.push(json!({
                "attempt": attempt.id.to_string(),
                "stands": words(attempt),
                "place": attempt.place,
                "code": attempt.code,
            }));
        }
    }
    Ok(Answer::good(
        text,
        json!({ "lot": claim, "open": open, "cards": cards }),
    ))
}

async fn close(line: &Line, who: &Who, id: LotId) -> Result<Answer, Fault> {
    let open = line.ports.ledger.open_lots().await?;
    let lot = open
        .into_iter()
        .find(|lot| lot.id == id)
        .ok_or_else(|| Fault::new(&UNKNOWN, format!("{id} is not open")))?;
    // A machine that runs closes its lots itself, and holds their cards in its hands.
    if line.progress.snapshot().machines.contains_key(&lot.machine) {
        return Err(Fault::new(
            &UNDER_WAY,
            format!("{} is run by this controller", lot.machine),
        ));
    }
    if let Some((is, books)) = unexplained(line, &lot.machine).await? {
        let detail = format!("{}: {is} counted, {books} by the books", lot.machine);
        return Err(Fault::new(&UNEXPLAINED, detail));
    }
    let attempts = line.ports.ledger.attempts(Attempts::InLot(id)).await?;
    if let Some(inside) = attempts.iter().find(|attempt| is_inside(attempt)) {
        return Err(Fault::new(&LOT_OPEN, inside.id.to_string()));
    }
    let mut facts = Vec::new();
    for attempt in &attempts {
        if matches!(attempt.phase, Phase::Planned | Phase::Signing | Phase::Ready) {
            let code = STOPPING.id.to_owned();
            facts.push(Fact::attempt(attempt.id, Event::Withdrawn { code }));
        }
    }
    facts.push(Fact::LotClosed { lot: id });
    let withdrawn = facts.len() - 1;
    record(line, facts).await?;
    let mut waiting = 0;
    for order in &lot.orders {
        let attempts = line.ports.ledger.attempts(Attempts::Of(*order)).await?;
        let known = line.ports.book.order(*order).await?;
        let given = known.is_some_and(|order| order.state == OrderState::InLot && order.lot == Some(id));
        if given && !attempts.iter().any(Attempt::is_live) && !attempts.iter().any(Attempt::must_be_reported)
        {
            let remake = attempts.iter().any(|attempt| attempt.phase != Phase::Withdrawn);
            line.ports
                .book
                .set_state(Standing {
                    lot: id,
                    order: *order,
                    state: OrderState::Waiting,
                    remake,
                })
                .await?;
            waiting += 1;
        }
    }
    if attempts
        .iter()
        .any(|attempt| attempt.phase == Phase::Did(Step::Deliver))
    {
        line.tray(lot);
    }
    line.work.notify_waiters();
    tracing::info!(lot = %id, by = ?who.people(), "closed by hand");
    Ok(Answer::good(
        format!(
            "{id} is closed: {withdrawn} attempts called back, {waiting} orders wait for a machine again."
        ),
        json!({ "lot": id, "withdrawn": withdrawn, "waiting": waiting }),
    ))
}

/// Is its card in the machine, or may it be?
fn is_inside(attempt: &Attempt) -> bool {
    matches!(attempt.place, Some(Place::Machine(_))) || matches!(attempt.phase, Phase::Doing(_))
}

/// Where an attempt stands, in a word or two.
fn words(attempt: &Attempt) -> String {
    match attempt.phase {
        Phase::Planned | Phase::Signing => "in preparation".to_owned(),
        Phase::Ready => "ready".to_owned(),
        Phase::Doing(step) => format!("in {step}"),
        Phase::Did(Step::Deliver) => "finished".to_owned(),
        Phase::Did(Step::Prove) => "proven".to_owned(),
        Phase::Did(Step::Box) => "boxed".to_owned(),
        Phase::Did(step) => format!("after {step}"),
        Phase::Failed(step) => format!("failed in {step}"),
        Phase::Spoiled => "spoiled".to_owned(),
        Phase::Quarantined => "in quarantine".to_owned(),
        Phase::NotFound => "not found".to_owned(),
        Phase::Withdrawn => "called back".to_owned(),
    }
}
