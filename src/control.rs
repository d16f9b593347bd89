//! How people's commands reach the line: one socket, one request, one answer.
//!
//! ```text
//!   cli verb ──▶ Request ──socket──▶ serve ──▶ Control ──▶ act(line, who, request) ──▶ Answer ──socket──▶ text or JSON
//!                                                 └── two-person acts wait here for the second person
//!               (no controller running: the verb takes the ledger's lock and asks a `Control` of its own)
//! ```
//!
//! Who asks is what the operating system says of the peer (`SO_PEERCRED`), never what the request says; only in a
//! rehearsal may a request name its person, so that one user can play both people of a two-person act.
//!
//! Every handler is a function of the line, the person and its typed arguments. A handler checks before it records, and
//! records with [`record`]: a request that the ledger refuses is the asker's fault and must not stop the line.

pub mod act;
pub mod admit;
pub mod boxes;
pub mod card;
pub mod cards;
pub mod client;
pub mod clock;
pub mod controller;
pub mod fault;
pub mod ledger;
pub mod look;
pub mod lot;
pub mod order;
pub mod people;
pub mod position;
pub mod privacy;
pub mod proposals;
pub mod reconcile;
pub mod refused;
pub mod report;
pub mod serve;
pub mod signer;
pub mod socket;
pub mod status;
pub mod stock;
mod subject;
mod tell;
mod waiting;
pub mod whereabouts;
pub mod wire;

use serde::{Deserialize, Serialize};

use crate::base::Fault;
use crate::base::ids::PersonId;
use crate::base::limits::REASON_CHARACTERS_MAX;
use crate::job::Fact;
use crate::line::Line;

pub use act::{Control, Request, act};
pub use subject::Name;

/// Who asks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Who {
    /// The person, as the ledger will name them.
    pub person: PersonId,
    /// The person who asked for the same before, where an act needs two.
    pub first: Option<PersonId>,
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

impl Who {
    /// One person, alone.
    #[must_use]
    pub fn new(person: PersonId) -> Self {
        Self { person, first: None }
    }

    /// Everyone who asked, in the order in which they did: one name or two.
    #[must_use]
    pub fn people(&self) -> Vec<PersonId> {
        self.first.iter().chain([&self.person]).cloned().collect()
    }

    /// Both people of an act that needs two.
    ///
    /// # Errors
    /// `CTL-008` if there is one only, or one twice.
    pub fn both(&self) -> Result<Vec<PersonId>, Fault> {
        match &self.first {
            Some(first) if *first != self.person => Ok(self.people()),
            _ => Err(Fault::new(&fault::ALONE, self.person.as_str())),
        }
    }
}

impl Answer {
    /// All is as it should be.
    #[must_use]
    pub fn good(text: impl Into<String>, data: serde_json::Value) -> Self {
        Self {
            text: text.into(),
            data,
            good: true,
        }
    }

    /// Something is not as it should be.
    #[must_use]
    pub fn bad(text: impl Into<String>, data: serde_json::Value) -> Self {
        Self {
            text: text.into(),
            data,
            good: false,
        }
    }
}

/// Records what a person did; durable when it returns. Unlike [`Line::record`] a refusal does not stop the line: what a
/// person asked for was impossible, and nothing has happened.
///
/// # Errors
/// The ledger's.
pub async fn record(line: &Line, facts: Vec<Fact>) -> Result<(), Fault> {
    line.ports.ledger.append(facts, Vec::new()).await?;
    // What a person did shall not be taken away unseen: the next head is signed at once.
    line.sign_soon();
    Ok(())
}

/// A reason as it may stand in the ledger: short, one line, and without anything that looks like a personal number
/// (law 10).
///
/// # Errors
/// `CTL-010`.
pub fn reason(text: &str) -> Result<String, Fault> {
    let text = text.trim();
    let refuse = |why: &str| Err(Fault::new(&fault::REASON, why));
    if text.is_empty() {
        return refuse("it is empty");
    }
    if text.chars().count() > REASON_CHARACTERS_MAX {
        return refuse("it is too long");
    }
    if text.chars().any(char::is_control) {
        return refuse("it holds control characters");
    }
    if holds_a_number(text) {
        return refuse("it holds nine digits or more, as a personal number does");
    }
    Ok(text.to_owned())
}

/// Nine digits (an old identity number) or more, spaces, dots and hyphens between them not counted.
fn holds_a_number(text: &str) -> bool {
    let mut digits = 0;
    for letter in text.chars() {
        digits = match letter {
            '0'..='9' => digits + 1,
            ' ' | '.' | '-' => digits,
            _ => 0,
        };
        if digits >= 9 {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_people_are_two() {
        let alone = Who::new(PersonId::new("an"));
        assert_eq!(alone.both().unwrap_err().code.id, "CTL-008");
        let twice = Who {
            first: Some(PersonId::new("an")),
            ..alone.clone()
        };
        assert_eq!(twice.both().unwrap_err().code.id, "CTL-008");
        let two = Who {
            first: Some(PersonId::new("binh")),
            ..alone
        };
        assert_eq!(two.both().unwrap(), [PersonId::new("binh"), PersonId::new("an")]);
    }

    #[test]
    fn a_reason_holds_no_personal_number() {
        assert_eq!(reason(" torn on the left ").unwrap(), "torn on the left");
        for refused in [
            "",
            "  ",
            "a\nb",
            "for 001099123456",
            "for 001 099 123.456",
            "091-234-567",
        ] {
            assert_eq!(reason(refused).unwrap_err().code.id, "CTL-010", "{refused}");
        }
        assert!(reason(&"x".repeat(REASON_CHARACTERS_MAX)).is_ok());
        assert!(reason(&"x".repeat(REASON_CHARACTERS_MAX + 1)).is_err());
    }
}
