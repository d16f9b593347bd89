//! How people's commands reach the line: one socket, one request, one answer.
//!
//! ```text
//!   cli verb ──▶ Request ──socket──▶ serve ──▶ act(line, who, request) ──▶ Answer ──socket──▶ text or JSON
//!                          (no controller running: the verb takes the ledger's lock and calls `act` itself)
//! ```
//!
//! Who asks is what the operating system says of the peer (`SO_PEERCRED`), never what the request says.

use serde::{Deserialize, Serialize};

use crate::base::ids::PersonId;

/// Who asks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Who {
    /// The person, as the ledger will name them.
    pub person: PersonId,
}

/// What a command gets back: the same for a person and for a program.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Answer {
    /// In plain words, several lines; no secrets.
    pub text: String,
    /// For programs (`--json`).
    pub data: serde_json::Value,
    /// False when something is not as it should be: the verb's exit code is 1 then.
    pub good: bool,
}
