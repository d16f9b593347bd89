//! Where is my card? Asked by an office with a citizen before it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::base::Fault;
use crate::base::ids::BoxId;
use crate::line::Line;
use crate::port::{Attempts, Order, OrderState};

use super::fault::UNKNOWN;
use super::order::office;
use super::subject::{Name, find_box, is_personal_number, of_person, returned};
use super::{Answer, Who, tell};

/// Whose card.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The personal number; looked up by its keyed hash and kept nowhere.
    pub number: Name,
}

/// Answers for the person's newest order, with the earlier ones after it.
///
/// # Errors
/// `CTL-009` if it is no personal number or nobody has ordered a card for it; the HSM's and the books'.
pub async fn act(line: &Line, _who: &Who, request: Request) -> Result<Answer, Fault> {
    let number = request.number.0.trim();
    if !is_personal_number(number) {
        return Err(Fault::new(&UNKNOWN, "a personal number has twelve digits"));
    }
    let orders = of_person(line, number).await?;
    let returned = returned(line, number).await?;
    if orders.is_empty() && returned.is_empty() {
        return Err(Fault::new(&UNKNOWN, "no dossier of this person has come here"));
    }
    let (mut text, mut data) = (Vec::new(), Vec::new());
    for order in &orders {
        let (words, value) = one(line, order).await?;
        text.push(words);
        data.push(value);
    }
    text.extend(returned.iter().map(tell::returned));
    let data = json!({ "orders": data, "returned": returned });
    Ok(Answer::good(text.join("\n"), data))
}

async fn one(line: &Line, order: &Order) -> Result<(String, Value), Fault> {
    let attempts = line.ports.ledger.attempts(Attempts::Of(order.key)).await?;
    let last = attempts.last();
    let mut place = match (order.state, last) {
        (OrderState::InLot | OrderState::Boxed, Some(attempt)) => tell::phase(attempt),
        (OrderState::Held, _) => format!("held: {}", order.hold.as_deref().unwrap_or("no reason given")),
        (OrderState::Waiting, Some(_)) => "waiting to be made again".to_owned(),
        (state, _) => tell::order_state(state).to_owned(),
    };
    let label = last
        .filter(|attempt| attempt.is_good())
        .and_then(|attempt| attempt.boxed.as_ref().map(|(label, _)| label));
    if let Some(label) = label {
        place = format!("{place}; {}", travels(line, label).await?);
    }
    let late = order.due < line.clock.today()
        && matches!(
            order.state,
            OrderState::Waiting | OrderState::Held | OrderState::InLot
        );
    let text = format!(
        "{}: {place}. For {}, due {}{}",
        order.key,
        office(line, order),
        order.due,
        if late { " (late)" } else { "" }
    );
    let data = json!({
        "order": order.key.to_string(),
        "state": order.state,
        "where": place,
        "box": label,
        "office": order.office,
        "due": order.due,
        "late": late,
    });
    Ok((text, data))
}

async fn travels(line: &Line, label: &BoxId) -> Result<String, Fault> {
    let standing = find_box(line, label).await?.map(|found| found.standing);
    Ok(standing.map_or_else(
        || "the box is not known".to_owned(),
        |standing| format!("the box is {}", tell::box_standing(standing)),
    ))
}
