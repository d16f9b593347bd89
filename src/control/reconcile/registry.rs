//! Order by order with the registry's own books.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::base::Fault;
use crate::base::ids::{ChipId, OrderKey};
use crate::job::{Attempt, Fact, Phase};
use crate::line::Line;
use crate::port::{Attempts, Entry, Order, OrderState, Statement};

use super::Difference;
use crate::control::subject::each_order;

/// Lines of the registry's books read at once.
const PAGE: u32 = 500;
/// Of many dossiers that never came so many are named.
const NAMED_MAX: usize = 20;
/// Looks at one request before what differs is a difference.
const LOOKS_MAX: u8 = 3;
const STATES: [OrderState; 5] = [
    OrderState::Waiting,
    OrderState::Held,
    OrderState::InLot,
    OrderState::Boxed,
    OrderState::Cancelled,
];

/// How the two order books compare.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub(super) struct Orders {
    /// Requests in the registry's books.
    pub(super) compared: u64,
    /// Those whose order here says the same.
    pub(super) agree: u64,
    /// Those of which the registry has not been told yet: no difference.
    pub(super) untold: u64,
    /// Those that went back to their office.
    pub(super) returned: u64,
    /// Those that never came here: not sent yet, lost on their way, or another facility's.
    pub(super) missing: u64,
    /// The first of them.
    pub(super) named: Vec<String>,
}

/// Compares in both directions, while the line goes on.
pub(super) async fn compare(line: &Line, found: &mut Vec<Difference>) -> Result<Orders, Fault> {
    // The orders before the registry's books: it knows a request before it sends the dossier.
    let mut strange: BTreeMap<OrderKey, String> = BTreeMap::new();
    each_order(line, &STATES, |order| {
        strange.insert(order.key, order.request.clone());
    })
    .await?;
    let mut orders = Orders::default();
    let mut before = String::new();
    loop {
        let page = line.ports.registry.statement(&before, PAGE).await?;
        if page.is_empty() {
            break;
        }
        for statement in page {
            orders.compared += 1;
            let request = statement.request.clone();
            match line.ports.book.by_request(&request).await? {
                Some(order) => {
                    strange.remove(&order.key);
                    match settled(line, &before, statement, order).await? {
                        None => orders.untold += 1,
                        Some(differences) if differences.is_empty() => orders.agree += 1,
                        Some(differences) => found.extend(differences),
                    }
                }
                None => {
                    if line.ports.book.returned(&request).await?.is_empty() {
                        orders.missing += 1;
                        if orders.named.len() < NAMED_MAX {
                            orders.named.push(request.clone());
                        }
                    } else {
                        orders.returned += 1;
                    }
                    if statement.status == "ISSUED" || statement.sod.is_some() {
                        found.push(differs(
                            &request,
                            "the registry counts a card as valid, and there is no order here",
                            "ask the registry which facility made it",
                        ));
                    }
                }
            }
            before = request;
        }
    }
    found.extend(strange.iter().map(|(order, request)| {
        differs(
            request,
            &format!("the registry does not know the request of {order}"),
            "hold the order (cardwright order hold) and ask the registry",
        )
    }));
    Ok(orders)
}

/// One request, with the one before it in the registry's books. Books that are being written need not agree at one
/// look: what differs is looked at again, and only what stays is a difference.
async fn settled(
    line: &Line,
    before: &str,
    mut statement: Statement,
    mut order: Order,
) -> Result<Option<Vec<Difference>>, Fault> {
    let mut looks = 1;
    loop {
        let found = one(line, &statement, &order).await?;
        if looks == LOOKS_MAX || found.as_ref().is_none_or(Vec::is_empty) {
            return Ok(found);
        }
        looks += 1;
        let fresh = line.ports.registry.statement(before, 1).await?;
        if let Some(fresh) = fresh.into_iter().find(|fresh| fresh.request == statement.request) {
            statement = fresh;
        }
        if let Some(fresh) = line.ports.book.order(order.key).await? {
            order = fresh;
        }
    }
}

/// What differs about one request; nothing at all if the registry has not been told of everything yet, so that nothing
/// can be compared.
async fn one(line: &Line, statement: &Statement, order: &Order) -> Result<Option<Vec<Difference>>, Fault> {
    let attempts = line.ports.ledger.attempts(Attempts::Of(order.key)).await?;
    if attempts.iter().any(Attempt::must_be_reported) {
        return Ok(None);
    }
    let mut found = Vec::new();
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
        let fate = match attempt.phase {
            Phase::Spoiled | Phase::NotFound => Some("waste"),
            Phase::Quarantined => Some("in quarantine"),
            _ => None,
        };
        if let (Some(fate), false) = (fate, refused) {
            say(
                format!(
                    "the chip of {} is {fate}, and the registry does not refuse it",
                    attempt.id
                ),
                "have the registry enter it among the chips it does not accept",
            );
        }
        // What was in quarantine, and is to be proven at a desk, is refused until it lies in its box.
        let doubted = !attempt.is_good() && attempt.code.is_some();
        if refused && fate.is_none() && !doubted {
            say(
                format!("the registry refuses the chip of {}", attempt.id),
                "keep the card back: its owner could not use it",
            );
        }
    }
    let known = |chip| attempts.iter().any(|attempt| attempt.chip.as_ref() == Some(chip));
    let strange: Vec<_> = statement.refused.iter().filter(|chip| !known(*chip)).collect();
    if !strange.is_empty() {
        let history = line.ports.ledger.history(&order.key.to_string()).await?;
        for chip in strange.into_iter().filter(|chip| !was_settled(&history, chip)) {
            say(
                format!("the registry refuses chip {chip}, which was never bound to this order"),
                "find out who reported it",
            );
        }
    }
    if let Some(good) = good
        && order.state != OrderState::Boxed
    {
        found.push(Difference {
            books: "order book",
            subject: order.key.to_string(),
            what: format!("{} is boxed, and the order is {:?}", good.id, order.state),
            next: "hold the order (cardwright order hold), and find out who wrote in the order book",
        });
    }
    Ok(Some(found))
}

/// Did two people settle the order of a lost controller with this chip? It was bound in a ledger that is gone.
fn was_settled(history: &[Entry], chip: &ChipId) -> bool {
    history.iter().any(|entry| {
        matches!(&entry.fact, Fact::OrderChanged { change, reason, .. }
            if change == "lost" && reason.ends_with(chip.as_str()))
    })
}

fn differs(request: &str, what: &str, next: &'static str) -> Difference {
    Difference {
        books: "registry",
        subject: request.to_owned(),
        what: what.to_owned(),
        next,
    }
}
