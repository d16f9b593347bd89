//! Order by order with the registry's own books.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::base::Fault;
use crate::base::ids::OrderKey;
use crate::job::{Attempt, Phase};
use crate::line::Line;
use crate::port::{Attempts, Order, OrderState, Statement};

use super::Difference;
use crate::control::subject::each_order;

/// Lines of the registry's books read at once.
const PAGE: u32 = 500;
const STATES: [OrderState; 5] = [
    OrderState::Waiting,
    OrderState::Held,
    OrderState::InLot,
    OrderState::Boxed,
    OrderState::Cancelled,
];

/// How the two order books compare.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub(super) struct Orders {
    /// Requests in the registry's books.
    pub(super) compared: u64,
    /// Those whose order here says the same.
    pub(super) agree: u64,
    /// Those of which the registry has not been told yet: no difference.
    pub(super) untold: u64,
    /// Those without an order here: returned to their office, not sent, or another facility's.
    pub(super) elsewhere: u64,
}

/// Compares in both directions.
pub(super) async fn compare(line: &Line, found: &mut Vec<Difference>) -> Result<Orders, Fault> {
    let mut orders = Orders::default();
    let mut seen: BTreeSet<OrderKey> = BTreeSet::new();
    let mut after = String::new();
    loop {
        let page = line.ports.registry.statement(&after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.request);
        for statement in page {
            orders.compared += 1;
            let before = found.len();
            match line.ports.book.by_request(&statement.request).await? {
                Some(order) => {
                    seen.insert(order.key);
                    let told = one(line, &statement, &order, found).await?;
                    if !told {
                        orders.untold += 1;
                    } else if found.len() == before {
                        orders.agree += 1;
                    }
                }
                None => {
                    orders.elsewhere += 1;
                    if statement.status == "ISSUED" || statement.sod.is_some() {
                        found.push(differs(
                            &statement.request,
                            "the registry counts a card as valid, and there is no order here",
                            "ask the registry which facility made it",
                        ));
                    }
                }
            }
        }
    }
    each_order(line, &STATES, |order| {
        if !seen.contains(&order.key) {
            found.push(differs(
                &order.request,
                &format!("the registry does not know the request of {}", order.key),
                "hold the order (cardwright order hold) and ask the registry",
            ));
        }
    })
    .await?;
    Ok(orders)
}

/// One request; false if the registry has not been told of everything yet, so that nothing can be compared.
async fn one(
    line: &Line,
    statement: &Statement,
    order: &Order,
    found: &mut Vec<Difference>,
) -> Result<bool, Fault> {
    let attempts = line.ports.ledger.attempts(Attempts::Of(order.key)).await?;
    if attempts.iter().any(Attempt::must_be_reported) {
        return Ok(false);
    }
    let mut say = |what: String, next| found.push(differs(&statement.request, &what, next));
    let good = attempts.iter().find(|attempt| attempt.is_good());
    match (good, &statement.sod) {
        (Some(good), Some(sod)) if good.sod.as_ref() != Some(sod) => say(
            format!("the registry counts another card as valid than {}", good.id),
            "keep the card here back: two cards of one order may exist",
        ),
        (Some(good), None) => say(
            format!(
                "{} is boxed and reported, the registry does not count it",
                good.id
            ),
            "keep its box back, and have the registry look for the report",
        ),
        (None, Some(_)) => say(
            format!("the registry counts a card as valid, {} has none", order.key),
            "stop the order (cardwright order hold): another card of it may exist",
        ),
        _ => {}
    }
    let expected: &[&str] = match (good, order.state) {
        (Some(_), _) => &["ISSUED"],
        (None, OrderState::Cancelled) => &["CANCELLED", "FAILED", "PENDING"],
        (None, _) => &["PENDING"],
    };
    if !expected.contains(&statement.status.as_str()) {
        say(
            format!(
                "the registry says {}, here it is {:?}",
                statement.status, order.state
            ),
            "the registry has the last word: hold or cancel the order here, or have the registry correct its books",
        );
    }
    for attempt in &attempts {
        let Some(chip) = &attempt.chip else { continue };
        let refused = statement.refused.contains(chip);
        let waste = matches!(attempt.phase, Phase::Spoiled | Phase::NotFound);
        if waste && !refused {
            say(
                format!(
                    "the chip of {} is waste, and the registry does not refuse it",
                    attempt.id
                ),
                "have the registry enter it among the chips it never accepts",
            );
        }
        if refused && !waste {
            say(
                format!("the registry refuses the chip of {}", attempt.id),
                "keep the card back: its owner could not use it",
            );
        }
    }
    let known = |chip| attempts.iter().any(|attempt| attempt.chip.as_ref() == Some(chip));
    for chip in statement.refused.iter().filter(|chip| !known(*chip)) {
        say(
            format!("the registry refuses chip {chip}, which was never bound to this order"),
            "find out who reported it",
        );
    }
    Ok(true)
}

fn differs(request: &str, what: &str, next: &'static str) -> Difference {
    Difference {
        books: "registry",
        subject: request.to_owned(),
        what: what.to_owned(),
        next,
    }
}
