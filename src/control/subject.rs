//! What a person means by a name they typed: an order, a person, a blank, a chip, a card, a box.

use serde::{Deserialize, Serialize};

use crate::base::Fault;
use crate::base::ids::{AttemptId, BlankId, BoxId, ChipId, OrderKey, SodHash};
use crate::line::Line;
use crate::port::{Attempts, BoxState, Order, OrderState, Returned};

use super::fault::UNKNOWN;

/// Orders read at once.
const ORDERS_PAGE: u32 = 1_000;

/// A name as a person typed it. It may be a personal number: nobody sees it, not even a debugger.
#[derive(Clone, Deserialize, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Name(pub String);

impl std::fmt::Debug for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Name(…)")
    }
}

/// A name, understood.
#[derive(Debug)]
pub(super) enum Subject {
    /// Orders, the newest first: several only for a person.
    Orders(Vec<Order>),
    /// A box.
    Box(BoxState),
    /// Dossiers that went back to their office, oldest first; no order was made of them.
    Returned(Vec<Returned>),
}

/// Understands a name. The kinds look so different that the order of trying matters only where a supplier's serial
/// numbers look like something else.
///
/// # Errors
/// `CTL-009` if nothing has this name; the name itself, which may be a personal number, is not repeated.
pub(super) async fn resolve(line: &Line, name: &Name) -> Result<Subject, Fault> {
    let text = name.0.trim();
    let (ledger, book) = (&line.ports.ledger, &line.ports.book);
    let key: Option<OrderKey> = text
        .parse()
        .or_else(|()| text.parse::<AttemptId>().map(|id| id.order))
        .ok();
    if let Some(key) = key
        && let Some(order) = book.order(key).await?
    {
        return Ok(Subject::Orders(vec![order]));
    }
    if is_personal_number(text) {
        let orders = of_person(line, text).await?;
        if !orders.is_empty() {
            return Ok(Subject::Orders(orders));
        }
    }
    if let Some(order) = book.by_request(text).await? {
        return Ok(Subject::Orders(vec![order]));
    }
    for question in [
        Attempts::OfBlank(BlankId::new(text)),
        Attempts::OfChip(ChipId(text.to_ascii_uppercase())),
        Attempts::OfSod(SodHash(text.to_ascii_uppercase())),
    ] {
        if let Some(attempt) = ledger.attempts(question).await?.first()
            && let Some(order) = book.order(attempt.id.order).await?
        {
            return Ok(Subject::Orders(vec![order]));
        }
    }
    if let Some(found) = find_box(line, &BoxId::new(text)).await? {
        return Ok(Subject::Box(found));
    }
    let returned = returned(line, text).await?;
    if !returned.is_empty() {
        return Ok(Subject::Returned(returned));
    }
    Err(Fault::new(&UNKNOWN, ""))
}

/// Dossiers of a person, or of a registry request, that went back to their office.
///
/// # Errors
/// The HSM's or the order book's.
pub(super) async fn returned(line: &Line, name: &str) -> Result<Vec<Returned>, Fault> {
    if is_personal_number(name) {
        let person = line.person_hash(name).await?;
        return line.ports.book.returned(&person).await;
    }
    line.ports.book.returned(name).await
}

/// The one order a change is for: by its own number or the registry's request, never by a person's.
///
/// # Errors
/// `CTL-009`.
pub(super) async fn one_order(line: &Line, text: &str) -> Result<Order, Fault> {
    let text = text.trim();
    let by_key = match text.parse() {
        Ok(key) => line.ports.book.order(key).await?,
        Err(()) => None,
    };
    match by_key {
        Some(order) => Ok(order),
        None => line
            .ports
            .book
            .by_request(text)
            .await?
            .ok_or_else(|| Fault::new(&UNKNOWN, "an order's number or a registry request is needed")),
    }
}

/// All orders of a person, newest first, found without the number being kept anywhere (law 10).
///
/// # Errors
/// The HSM's or the order book's.
pub(super) async fn of_person(line: &Line, number: &str) -> Result<Vec<Order>, Fault> {
    let person = line.person_hash(number).await?;
    line.ports.book.by_person(&person).await
}

/// Shows every order in these states, state by state in order of keys. No more than a page of them is held at once.
///
/// # Errors
/// The order book's.
pub(super) async fn each_order(
    line: &Line,
    states: &[OrderState],
    mut see: impl FnMut(&Order),
) -> Result<(), Fault> {
    for state in states {
        let mut after = OrderKey(0);
        loop {
            let page = line.ports.book.in_state(*state, after, ORDERS_PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.key;
            page.iter().for_each(&mut see);
        }
    }
    Ok(())
}

/// The box with this label, wherever it is.
///
/// # Errors
/// The ledger's.
pub(super) async fn find_box(line: &Line, label: &BoxId) -> Result<Option<BoxState>, Fault> {
    let boxes = line.ports.ledger.boxes(true).await?;
    Ok(boxes.into_iter().find(|state| state.label == *label))
}

/// Twelve digits (Law on Identification 2023, article 12).
pub(super) fn is_personal_number(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}
