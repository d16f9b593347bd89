//! What waits: orders that stand in one place, and cards that somebody must look for.

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::base::Fault;
use crate::base::ids::OrderKey;
use crate::job::{Attempt, Event, Fact, Phase};
use crate::line::Line;
use crate::port::{Attempts, Order, OrderState};

use super::{Answer, order, tell};

/// Orders in one answer: more than a person reads at a time, and far below what a frame takes.
const ORDERS_MAX: u32 = 200;

/// Orders that stand so, by their number, after this one.
///
/// # Errors
/// The order book's.
pub(super) async fn orders(line: &Line, state: OrderState, after: OrderKey) -> Result<Answer, Fault> {
    let orders = line.ports.book.in_state(state, after, ORDERS_MAX).await?;
    let mut text: Vec<String> = orders.iter().map(|one| one_order(line, one)).collect();
    let more = orders.last().filter(|_| orders.len() == ORDERS_MAX as usize);
    if let Some(last) = more {
        text.push(format!("There may be more: --after {}", last.key));
    }
    if text.is_empty() {
        text.push(format!(
            "No order {} is {}.",
            behind(after),
            tell::order_state(state)
        ));
    }
    let data = json!({ "orders": orders, "after": more.map(|last| last.key) });
    Ok(Answer::good(text.join("\n"), data))
}

fn behind(after: OrderKey) -> String {
    if after == OrderKey(0) {
        "at all".to_owned()
    } else {
        format!("after {after}")
    }
}

fn one_order(line: &Line, order: &Order) -> String {
    let owed = !matches!(order.state, OrderState::Boxed | OrderState::Cancelled);
    let late = if owed && order.due < line.clock.today() {
        " LATE"
    } else {
        ""
    };
    let why = order
        .hold
        .as_ref()
        .map_or_else(String::new, |why| format!(": {}", tell::codes(why)));
    let (key, due, office) = (order.key, order.due, order::office(line, order));
    format!("{key}  due {due}{late}  for {office}{why}")
}

/// Cards that a person must find and tap; not good if there are any.
///
/// # Errors
/// The ledger's.
pub(super) async fn cards(line: &Line) -> Result<Answer, Fault> {
    let (mut text, mut data) = (Vec::new(), Vec::new());
    for attempt in line.ports.ledger.attempts(Attempts::Open).await? {
        if attempt.phase == Phase::Quarantined {
            let since = since(line, &attempt).await?;
            text.push(one_card(&attempt, since));
            data.push(one_card_data(&attempt, since));
        }
    }
    let good = data.is_empty();
    if good {
        text.push("No card is in quarantine.".to_owned());
    } else {
        text.push("Find each, tap it, and say so: cardwright found CARD".to_owned());
    }
    Ok(Answer {
        text: text.join("\n"),
        data: json!({ "cards": data }),
        good,
    })
}

/// When it was last set apart.
async fn since(line: &Line, attempt: &Attempt) -> Result<Option<OffsetDateTime>, Fault> {
    let history = line.ports.ledger.history(&attempt.id.to_string()).await?;
    let set_apart = history.iter().rev().find(|entry| {
        matches!(
            entry.fact,
            Fact::Attempt {
                event: Event::Quarantined { .. },
                ..
            }
        )
    });
    Ok(set_apart.map(|entry| entry.at))
}

fn one_card(attempt: &Attempt, since: Option<OffsetDateTime>) -> String {
    let since = since.map_or_else(|| "?".to_owned(), tell::time);
    let blank = attempt.blank.as_ref().map_or_else(
        || "no blank was bound".to_owned(),
        |blank| format!("blank {blank}"),
    );
    let (id, lot, machine) = (attempt.id, attempt.lot, &attempt.machine);
    let code = attempt.code.as_deref().unwrap_or("?");
    format!("{id}  {blank}, from {machine}, lot {lot}, since {since} ({code})")
}

fn one_card_data(attempt: &Attempt, since: Option<OffsetDateTime>) -> Value {
    json!({
        "attempt": attempt.id.to_string(),
        "blank": attempt.blank,
        "chip": attempt.chip,
        "machine": attempt.machine,
        "lot": attempt.lot,
        "code": attempt.code,
        "since": since.and_then(|at| at.format(&Rfc3339).ok()),
    })
}
