//! One order: its whole history, and what a person may change about it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::base::Fault;
use crate::base::ids::{BoxId, OfficeCode, OrderKey};
use crate::dossier::office::Resolution;
use crate::job::{Attempt, Fact, Phase};
use crate::line::Line;
use crate::port::{Attempts, BoxState, Entry, Order, OrderChange, OrderState};

use super::refused::NO_OFFICE;
use super::subject::{Name, Subject, one_order, resolve};
use super::{Answer, Who, reason, record, tell, waiting};

/// What can be asked about an order.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "do", deny_unknown_fields)]
pub enum Request {
    /// Those that stand so.
    List {
        /// Where they stand.
        state: OrderState,
        /// From the one after this on.
        after: OrderKey,
    },
    /// The whole history of whatever this names.
    Show {
        /// An order, registry request, personal number, blank, chip, EF.SOD hash or box.
        what: Name,
    },
    /// Let it wait.
    Hold {
        /// Order or request.
        order: String,
        /// Why.
        reason: String,
    },
    /// Let it go on.
    Release {
        /// Order or request.
        order: String,
        /// Why.
        reason: String,
    },
    /// Make it sooner or later.
    Priority {
        /// Order or request.
        order: String,
        /// 0 to 9, 9 first.
        priority: u8,
        /// Why.
        reason: String,
    },
    /// Never make it.
    Cancel {
        /// Order or request.
        order: String,
        /// Why.
        reason: String,
    },
}

/// Answers.
///
/// # Errors
/// `CTL-009` for an unknown name, `CTL-010` for a reason that must not be recorded, `STO-007` for a change that comes
/// too late: an order that was given to a machine is made (law 9).
pub async fn act(line: &Line, who: &Who, request: Request) -> Result<Answer, Fault> {
    match request {
        Request::List { state, after } => waiting::orders(line, state, after).await,
        Request::Show { what } => show(line, &what).await,
        Request::Hold { order, reason } => {
            let text = super::reason(&reason)?;
            change(line, who, &order, OrderChange::Hold(text), &reason).await
        }
        Request::Release { order, reason } => {
            must_have_an_office(line, &one_order(line, &order).await?)?;
            change(line, who, &order, OrderChange::Release, &reason).await
        }
        Request::Priority {
            order,
            priority,
            reason,
        } => {
            let wanted = OrderChange::Priority(priority.min(9));
            change(line, who, &order, wanted, &reason).await
        }
        Request::Cancel { order, reason } => change(line, who, &order, OrderChange::Cancel, &reason).await,
    }
}

/// The whole history of a card, a person's orders or a box.
///
/// # Errors
/// `CTL-009`, and the books'.
pub async fn show(line: &Line, what: &Name) -> Result<Answer, Fault> {
    match resolve(line, what).await? {
        Subject::Orders(orders) => {
            let (mut text, mut data) = (Vec::new(), Vec::new());
            for order in orders {
                let (words, value) = history(line, &order).await?;
                text.push(words);
                data.push(value);
            }
            Ok(Answer::good(text.join("\n\n"), json!({ "orders": data })))
        }
        Subject::Box(found) => show_box(line, &found).await,
        Subject::Returned(returned) => {
            let text: Vec<String> = returned.iter().map(tell::returned).collect();
            Ok(Answer::good(text.join("\n"), json!({ "returned": returned })))
        }
    }
}

async fn history(line: &Line, order: &Order) -> Result<(String, Value), Fault> {
    let attempts = line.ports.ledger.attempts(Attempts::Of(order.key)).await?;
    let mut entries: Vec<Entry> = line.ports.ledger.history(&order.key.to_string()).await?;
    for attempt in &attempts {
        entries.extend(line.ports.ledger.history(&attempt.id.to_string()).await?);
    }
    let went = |attempt: &&Attempt| attempt.is_good() || attempt.phase == Phase::NotFound;
    let boxes: BTreeSet<&BoxId> = attempts
        .iter()
        .filter(went)
        .filter_map(|attempt| attempt.boxed.as_ref().map(|(label, _)| label))
        .collect();
    for label in boxes {
        let of_box = line.ports.ledger.history(label.as_str()).await?;
        entries.extend(of_box.into_iter().filter(|entry| has_moved(&entry.fact)));
    }
    entries.sort_by_key(|entry| entry.seq);
    let hold = order
        .hold
        .as_ref()
        .map_or_else(String::new, |why| format!(": {}", tell::codes(why)));
    let mut text = vec![
        format!(
            "Order {}, request {}, version {}",
            order.key, order.request, order.version
        ),
        format!("  {}{hold}", tell::order_state(order.state)),
        format!(
            "  for {}, profile {}, priority {}, due {}",
            office(line, order),
            order.profile,
            order.priority,
            order.due
        ),
        format!(
            "  taken in by its office on {}, admitted on {}",
            order.received, order.admitted
        ),
    ];
    let noted = order.flags.iter();
    text.extend(noted.map(|flags| format!("  noted at admission: {}", tell::codes(flags))));
    text.extend(
        attempts
            .iter()
            .map(|attempt| format!("  card {}: {}", attempt.id, tell::phase(attempt))),
    );
    let returned = line.ports.book.returned(&order.request).await?;
    text.extend(
        returned
            .iter()
            .map(|notice| format!("  a version of it, {}", tell::returned(notice))),
    );
    text.push("History:".to_owned());
    if entries.is_empty() {
        text.push("  no card of it was begun yet".to_owned());
    }
    text.extend(entries.iter().map(|entry| format!("  {}", tell::entry(entry))));
    let data = json!({
        "order": order,
        "cards": attempts.iter().map(card).collect::<Vec<_>>(),
        "returned": returned,
        "history": entries,
    });
    Ok((text.join("\n"), data))
}

/// A card goes where its box goes.
fn has_moved(fact: &Fact) -> bool {
    matches!(
        fact,
        Fact::BoxSealed { .. } | Fact::BoxDispatched { .. } | Fact::BoxLost { .. }
    )
}

/// An attempt as a program reads it.
pub(super) fn card(attempt: &Attempt) -> Value {
    json!({ "attempt": attempt.id.to_string(), "stands": tell::phase(attempt), "state": attempt })
}

pub(super) async fn show_box(line: &Line, found: &BoxState) -> Result<Answer, Fault> {
    let cards = line
        .ports
        .ledger
        .attempts(Attempts::InBox(found.label.clone()))
        .await?;
    let entries = line.ports.ledger.history(found.label.as_str()).await?;
    let mut text = vec![format!(
        "Box {} for {}: {}, {} cards",
        found.label,
        found.office,
        tell::box_standing(found.standing),
        found.cards
    )];
    text.extend(cards.iter().map(|attempt| {
        let slot = attempt.boxed.as_ref().map_or(0, |(_, slot)| *slot);
        let note = if attempt.is_good() {
            String::new()
        } else {
            format!(": {}", tell::phase(attempt))
        };
        format!("  {slot:>4}  {}{note}", attempt.id)
    }));
    text.push("History:".to_owned());
    text.extend(entries.iter().map(|entry| format!("  {}", tell::entry(entry))));
    let cards: Vec<Value> = cards.iter().map(card).collect();
    Ok(Answer::good(
        text.join("\n"),
        json!({ "box": found, "cards": cards, "history": entries }),
    ))
}

/// An office by code and name.
pub(super) fn office(line: &Line, order: &Order) -> String {
    let named = |code: &OfficeCode| {
        let known = line.rules.offices.get(code);
        known.map_or_else(|| code.to_string(), |office| format!("{code} {}", office.name))
    };
    let destination = line.destination(&order.office);
    if destination == order.office {
        named(&destination)
    } else {
        format!("{}, now {}", named(&order.office), named(&destination))
    }
}

/// A card is made for somebody who takes it.
fn must_have_an_office(line: &Line, order: &Order) -> Result<(), Fault> {
    match line.rules.offices.resolve(&order.office, line.clock.today()) {
        Resolution::Current(_) | Resolution::Succeeded(..) => Ok(()),
        Resolution::Expired(_) | Resolution::NotYet(_) | Resolution::Unknown => Err(Fault::new(
            &NO_OFFICE,
            format!("{} for {}", order.key, order.office),
        )),
    }
}

async fn change(
    line: &Line,
    who: &Who,
    order: &str,
    wanted: OrderChange,
    why: &str,
) -> Result<Answer, Fault> {
    let (name, why) = (wanted.name(), reason(why)?);
    let order = one_order(line, order).await?;
    let fact = |change: String, reason: String| Fact::OrderChanged {
        order: order.key,
        change,
        reason,
        by: who.people(),
    };
    // Who wanted it stands in the ledger before it happens (law 1), if it can happen at all.
    let may_change = matches!(order.state, OrderState::Waiting | OrderState::Held);
    if may_change {
        record(line, vec![fact(name.clone(), why)]).await?;
    }
    // The order book refuses what comes too late, in one statement with the look: a machine may claim it meanwhile.
    let changed = match line.ports.book.change(order.key, wanted).await {
        Err(refused) if may_change => {
            let told = fact(format!("{name} refused"), refused.code.id.to_owned());
            record(line, vec![told]).await?;
            return Err(refused);
        }
        outcome => outcome?,
    };
    // A wish without its outcome is fulfilled at the next start; what becomes of the order later is left alone.
    record(line, vec![fact(format!("{name} done"), String::new())]).await?;
    if changed.state == OrderState::Waiting {
        line.work.notify_waiters();
    }
    match (order.state, changed.state) {
        (OrderState::Held, OrderState::Waiting) => {
            line.progress.unhold();
            line.progress.want(1);
        }
        (OrderState::Held, OrderState::Cancelled) => line.progress.unhold(),
        (OrderState::Waiting, OrderState::Held) => line.progress.held(),
        (OrderState::Waiting, OrderState::Cancelled) => line.progress.drop_order(),
        _ => {}
    }
    let text = format!(
        "{} is {} now, priority {}",
        changed.key,
        tell::order_state(changed.state),
        changed.priority
    );
    Ok(Answer::good(text, json!({ "order": changed })))
}
