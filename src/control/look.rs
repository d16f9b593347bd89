//! Looking at a card before and after it is made.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::base::{Fault, base64};
use crate::chip::Can;
use crate::document::face::Preprinted;
use crate::line::Line;
use crate::line::prepare::{faces, profile};
use crate::port::Attempts;

use super::subject::one_order;
use super::{Answer, Who, fault};

/// What to look at.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "ask")]
pub enum Request {
    /// Both faces as they would be printed.
    Preview {
        /// The order, by any of its names.
        order: String,
    },
    /// Which blank became the good card of an order.
    Made {
        /// The order, by any of its names.
        order: String,
    },
}

/// Both faces of a card.
#[derive(Debug, Deserialize, Serialize)]
pub struct Pictures {
    /// The facility's name for the order.
    pub order: String,
    /// PNG, one bit a dot, 300 dots an inch.
    #[serde(with = "base64")]
    pub front: Vec<u8>,
    /// As the front.
    #[serde(with = "base64")]
    pub back: Vec<u8>,
    /// What the blank carries already and the pictures do not show, front and back.
    pub preprinted: [Vec<Preprinted>; 2],
}

/// Answers a request.
///
/// # Errors
/// `CTL-…` where there is no such order or card; the HSM's and the order book's.
pub async fn act(line: &Line, _who: &Who, request: Request) -> Result<Answer, Fault> {
    match request {
        Request::Preview { order } => preview(line, &order).await,
        Request::Made { order } => made(line, &order).await,
    }
}

async fn preview(line: &Line, order: &str) -> Result<Answer, Fault> {
    let order = one_order(line, order).await?;
    let dossier = line.dossier(order.key).await?;
    let profile = profile(line, &dossier)?;
    // Drawn when the card is prepared, and known to nobody before.
    let can = profile.has_can().then(|| Can::new("000000")).transpose()?;
    let (front, back) = faces(line, &dossier, &profile, can.as_ref())?.png()?;
    let pictures = Pictures {
        order: order.key.to_string(),
        front,
        back,
        preprinted: line
            .press
            .preprinted(&profile.face.layout)
            .map(<[Preprinted]>::to_vec),
    };
    let data = serde_json::to_value(pictures).unwrap_or_default();
    Ok(Answer::good(format!("{}: {}", order.key, dossier.profile), data))
}

async fn made(line: &Line, order: &str) -> Result<Answer, Fault> {
    let order = one_order(line, order).await?;
    let attempts = line.ports.ledger.attempts(Attempts::Of(order.key)).await?;
    let good = attempts.iter().find(|attempt| attempt.is_good());
    let (Some(attempt), Some(blank)) = (good, good.and_then(|attempt| attempt.blank.clone())) else {
        return Err(Fault::new(&fault::NO_CARD, order.key.to_string()));
    };
    let data = json!({ "order": order.key.to_string(), "attempt": attempt.id.to_string(), "blank": blank });
    Ok(Answer::good(format!("{}: blank {blank}", attempt.id), data))
}
