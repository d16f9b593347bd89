//! Controllers at one order book, and what two people do when one is lost for good: shut it out, look for every card it
//! may have made, tap those that are found, and say which are not. Only then is another card owed (law 2).

use std::fmt::Write;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::base::Fault;
use crate::base::ids::{MachineId, OrderKey};
use crate::document::mrz::Mrz;
use crate::job::Fact;
use crate::line::Line;
use crate::line::prepare::profile;
use crate::port::{Order, Outcome, Report};

use super::fault::UNKNOWN;
use super::refused::{NOT_ITS_CARD, OURS};
use super::{Answer, Who, record};

/// What can be asked about controllers.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "do", deny_unknown_fields)]
pub enum Request {
    /// All at this order book, and what they have in hand.
    List,
    /// It is lost for good: it is shut out, and what it had only claimed waits again.
    Lost {
        /// Its name.
        controller: String,
    },
    /// Orders that were given to its machines, whose cards must be looked for.
    Orders {
        /// Its name.
        controller: String,
    },
    /// What became of the card of one of them. It is waste, wherever it is, and another is owed.
    Card {
        /// The lost controller's name.
        controller: String,
        /// The order.
        order: OrderKey,
        /// The desk on whose reader the card lies; nothing if two people have looked everywhere.
        tap: Option<MachineId>,
    },
}

impl Request {
    /// Giving up a controller, or a card of it, needs two people.
    #[must_use]
    pub fn needs_two(&self) -> bool {
        matches!(self, Self::Lost { .. } | Self::Card { .. })
    }
}

/// Answers.
///
/// # Errors
/// `BOOK-004` while the controller lives, `CTL-009` for an order that is not one of its, `CTL-072` for a card of our
/// own; the order book's, the registry's, the reader's and the ledger's.
pub async fn act(line: &Line, who: &Who, request: Request) -> Result<Answer, Fault> {
    match request {
        Request::List => list(line).await,
        Request::Lost { controller } => lost(line, who, &controller).await,
        Request::Orders { controller } => orders(line, &controller).await,
        Request::Card {
            controller,
            order,
            tap,
        } => card(line, who, &controller, order, tap.as_ref()).await,
    }
}

async fn list(line: &Line) -> Result<Answer, Fault> {
    let controllers = line.ports.book.controllers().await?;
    let mut text = String::new();
    for one in &controllers {
        let standing = match one.lease {
            _ if one.given_up => "given up".to_owned(),
            Some(left) => format!("lease for {} s more", left.as_secs()),
            None => "not running".to_owned(),
        };
        let (name, given, claimed) = (&one.name, one.given, one.claimed);
        let _ = writeln!(
            text,
            "{name:<8} {standing:<24} {given} orders given to its machines, {claimed} claimed"
        );
    }
    Ok(Answer::good(text, json!({ "controllers": controllers })))
}

async fn lost(line: &Line, who: &Who, controller: &str) -> Result<Answer, Fault> {
    let by = who.both()?;
    line.ports.book.give_up(controller).await?;
    tracing::warn!(controller, ?by, "given up");
    // Asked again after a crash, it is given up again, and recorded then.
    let controller_lost = Fact::ControllerLost {
        controller: controller.to_owned(),
        by,
    };
    record(line, vec![controller_lost]).await?;
    line.work.notify_waiters();
    orders(line, controller).await
}

async fn orders(line: &Line, controller: &str) -> Result<Answer, Fault> {
    let orphans = line.ports.book.orphans(controller).await?;
    if orphans.is_empty() {
        let text = format!("No order of {controller} is in doubt.");
        return Ok(Answer::good(text, json!({ "orders": [] })));
    }
    let mut text = format!(
        "{} orders were given to machines of {controller}. Look for a card of each: in its machines, hoppers, \
         trays and boxes. For each: cardwright controller card {controller} ORDER --tap DESK, or --not-found \
         (two people).\n",
        orphans.len()
    );
    for order in &orphans {
        let lot = order.lot.map(|lot| lot.to_string()).unwrap_or_default();
        let _ = writeln!(text, "  {}  office {}  {lot}", order.key, order.office);
    }
    Ok(Answer {
        text,
        data: json!({ "orders": orphans }),
        good: false,
    })
}

async fn card(
    line: &Line,
    who: &Who,
    controller: &str,
    key: OrderKey,
    tap: Option<&MachineId>,
) -> Result<Answer, Fault> {
    let by = who.both()?;
    let orphans = line.ports.book.orphans(controller).await?;
    let order = orphans.into_iter().find(|order| order.key == key);
    let order = order.ok_or_else(|| Fault::new(&UNKNOWN, format!("{key} is not of {controller}")))?;
    let chip = match tap {
        None => None,
        Some(desk) => {
            let dossier = line.dossier(key).await?;
            let mrz = Mrz::compose(&dossier, &*profile(line, &dossier)?)?;
            let (identity, proven) = line.tap_card(desk, &mrz).await?;
            let chip = identity.chip;
            // A blank or a card of this controller's own is nobody's of a lost one.
            if line.ports.ledger.blank(&chip).await?.is_some() {
                return Err(Fault::new(&OURS, chip.to_string()));
            }
            // Whose card it is, the chip itself must say: another one of this order may be a good one somewhere.
            if let Err(why) = proven {
                return Err(Fault::new(&NOT_ITS_CARD, format!("{key}, chip {chip}: {why}")));
            }
            Some(chip)
        }
    };
    // The registry first: from now on it refuses this chip, whatever happens to us.
    line.ports
        .registry
        .report(&[report(line, &order, chip.clone())])
        .await?;
    let reason = chip.as_ref().map_or_else(
        || format!("of {controller}: its card is not found"),
        |chip| format!("of {controller}: its card is found and waste, chip {chip}"),
    );
    let fact = Fact::OrderChanged {
        order: key,
        change: "lost".to_owned(),
        reason: reason.clone(),
        by,
    };
    record(line, vec![fact]).await?;
    line.ports.book.release_orphan(controller, key).await?;
    line.work.notify_waiters();
    let left = line.ports.book.orphans(controller).await?.len();
    Ok(Answer::good(
        format!("{key} {reason}. Another card is owed; {left} orders are left."),
        json!({ "order": key, "chip": chip, "left": left }),
    ))
}

fn report(line: &Line, order: &Order, chip: Option<crate::base::ids::ChipId>) -> Report {
    Report {
        key: format!("{}/{}/{}/lost", line.rules.facility, order.key, order.tries),
        request: order.request.clone(),
        version: order.version,
        outcome: if chip.is_some() {
            Outcome::Spoiled
        } else {
            Outcome::NotFound
        },
        chip,
        sod: None,
        label: None,
    }
}
