//! Personal data: what is kept, for how long, and its end before the term.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::Date;

use crate::base::Fault;
use crate::base::ids::OrderKey;
use crate::job::{Epoch, Term};
use crate::line::Line;
use crate::port::Kept;

use super::subject::one_order;
use super::{Answer, Who, reason};

/// What can be asked about personal data.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "do", deny_unknown_fields)]
pub enum Request {
    /// What is kept under which key, until when, and what is overdue.
    Show,
    /// An order's data goes now.
    Erase {
        /// Order or request.
        order: String,
        /// Why.
        reason: String,
    },
    /// A retention epoch closes now.
    Close {
        /// The label of its key.
        label: String,
    },
}

impl Request {
    /// What cannot be taken back needs two people.
    #[must_use]
    pub fn needs_two(&self) -> bool {
        !matches!(self, Self::Show)
    }

    /// Is the reason fit to be kept?
    ///
    /// # Errors
    /// `CTL-010`.
    pub fn check_words(&self) -> Result<(), Fault> {
        match self {
            Self::Erase { reason: why, .. } => reason(why).map(|_| ()),
            Self::Show | Self::Close { .. } => Ok(()),
        }
    }
}

/// Answers. Not good if something is overdue.
///
/// # Errors
/// `CTL-009` for an unknown order, `LIN-040` to `LIN-043` where it cannot be, the HSM's and the books'.
pub async fn act(line: &Line, who: &Who, request: Request) -> Result<Answer, Fault> {
    match request {
        Request::Show => show(line).await,
        Request::Erase { order, reason: why } => {
            let (why, by) = (reason(&why)?, who.both()?);
            let order = one_order(line, &order).await?.key;
            line.erase_order(order, &why, &by).await?;
            Ok(Answer::good(
                format!("The personal data of {order} is erased."),
                json!({ "order": order.to_string(), "erased": true }),
            ))
        }
        Request::Close { label } => {
            let moved = line.close_early(&label, who.both()?).await?;
            let text = format!(
                "The key {label} is destroyed: no copy of what it wrapped can be opened any more.\n\
                 {moved} orders that are still needed were wrapped anew before."
            );
            Ok(Answer::good(
                text,
                json!({ "label": label, "wrapped_anew": moved }),
            ))
        }
    }
}

/// What is kept, for the page of [`super::status`] and for itself.
pub(super) struct Holding {
    term: Term,
    today: Date,
    epochs: Vec<(Epoch, Kept)>,
    /// Under keys that the HSM does not have.
    lost: Vec<Kept>,
    overdue: Vec<(OrderKey, String)>,
}

impl Holding {
    /// As it is now.
    ///
    /// # Errors
    /// The HSM's and the books'.
    pub(super) async fn of(line: &Line) -> Result<Self, Fault> {
        let stem = &line.rules.keys.wrap;
        let mut kept = line.ports.book.kept().await?;
        let epochs = line.open_epochs().await?.into_iter().map(|epoch| {
            let label = epoch.label(stem);
            let at = kept.iter().position(|kept| kept.epoch == label);
            let nothing = Kept {
                epoch: label,
                orders: 0,
                live: 0,
                soonest: None,
            };
            (epoch, at.map_or(nothing, |at| kept.remove(at)))
        });
        Ok(Self {
            term: line.rules.term,
            today: line.clock.today(),
            epochs: epochs.collect(),
            overdue: line.overdue().await?,
            lost: kept,
        })
    }

    /// Nothing stays for longer than it may.
    pub(super) fn is_good(&self) -> bool {
        let late = |epoch: &&(Epoch, Kept)| self.term.closes(epoch.0) < self.today;
        self.overdue.is_empty() && self.lost.is_empty() && !self.epochs.iter().any(|epoch| late(&epoch))
    }

    /// In one line.
    pub(super) fn line(&self) -> String {
        let orders: u64 = self.epochs.iter().map(|(_, kept)| kept.orders).sum();
        let oldest = self.epochs.first().map_or_else(String::new, |(epoch, _)| {
            format!(", the oldest since {}", epoch.first)
        });
        let mut words = format!("data of {orders} orders under {} keys{oldest}", self.epochs.len());
        if !self.overdue.is_empty() {
            words += &format!("; {} OVERDUE", self.overdue.len());
        }
        if !self.is_good() {
            words += ": cardwright privacy show";
        }
        words
    }

    fn text(&self) -> String {
        let Term {
            epoch_days,
            keep_days,
        } = self.term;
        let mut text = vec![
            format!("Personal data is erased {keep_days} days after an order's end."),
            format!(
                "Wrapping keys, each for {epoch_days} days of new orders, destroyed {keep_days} days later:"
            ),
        ];
        for (epoch, kept) in &self.epochs {
            let closes = self.term.closes(*epoch);
            let late = if closes < self.today { "  OVERDUE" } else { "" };
            let soonest = kept
                .soonest
                .map_or_else(String::new, |day| format!(", the next to be erased on {day}"));
            text.push(format!(
                "  {}  destroyed on {closes}  {} orders, {} of them not over{soonest}{late}",
                kept.epoch, kept.orders, kept.live
            ));
        }
        text.extend(self.lost.iter().map(|kept| {
            format!(
                "  {}  NOT IN THE HSM: {} orders cannot be opened any more",
                kept.epoch, kept.orders
            )
        }));
        if !self.overdue.is_empty() {
            text.push("Overdue, because still needed:".to_owned());
            text.extend(
                self.overdue
                    .iter()
                    .map(|(order, why)| format!("  {order}  {why}")),
            );
        }
        text.join("\n")
    }

    /// For programs.
    pub(super) fn data(&self) -> Value {
        let epochs: Vec<Value> = self
            .epochs
            .iter()
            .map(|(epoch, kept)| {
                json!({
                    "label": kept.epoch,
                    "first": epoch.first.to_string(),
                    "takes_in_until": self.term.ends(*epoch).to_string(),
                    "destroyed_on": self.term.closes(*epoch).to_string(),
                    "orders": kept.orders,
                    "live": kept.live,
                    "next_erased_on": kept.soonest.map(|day| day.to_string()),
                })
            })
            .collect();
        let overdue: Vec<Value> = self
            .overdue
            .iter()
            .map(|(order, why)| json!({ "order": order.to_string(), "needed": why }))
            .collect();
        json!({
            "epoch_days": self.term.epoch_days,
            "keep_days": self.term.keep_days,
            "epochs": epochs,
            "overdue": overdue,
            "without_a_key": self.lost,
        })
    }
}

async fn show(line: &Line) -> Result<Answer, Fault> {
    let holding = Holding::of(line).await?;
    Ok(Answer {
        text: holding.text(),
        data: holding.data(),
        good: holding.is_good(),
    })
}
