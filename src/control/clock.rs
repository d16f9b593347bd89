//! What time it is, and two people's word that it is so.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::base::Fault;
use crate::line::Line;

use super::{Answer, Who, tell};

/// What can be asked about the time.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "do", deny_unknown_fields)]
pub enum Request {
    /// Both local sources.
    Show,
    /// The system's clock is right.
    Accept,
}

/// Answers.
///
/// # Errors
/// The ledger's.
pub async fn act(line: &Line, who: &Who, request: Request) -> Result<Answer, Fault> {
    if request == Request::Accept {
        line.accept_clock(who.people()).await?;
    }
    let standing = line.hsm.time.standing();
    let wall = tell::time(line.hsm.time.anchor_now().wall);
    let text = format!("The system's clock says {wall} in Viet Nam.\n{standing}");
    let data = json!({ "wall": wall, "standing": standing.to_string(), "certain": standing.is_certain() });
    Ok(Answer {
        text,
        data,
        good: standing.is_certain(),
    })
}
