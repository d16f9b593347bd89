//! Faults carry blame: whose fault it is decides what happens next, so it is the first thing a fault says.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Whose fault it is, and therefore what it stops.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Blame {
    /// The data the office sent: it goes back there with the field and the reason.
    Dossier,
    /// One card: it is spoiled, the order gets a new attempt.
    Card,
    /// One machine position: it stops until a person has looked.
    Device,
    /// A key, a certificate or the HSM: signing stops.
    Key,
    /// The authority's system: retried with back-off, nothing is lost meanwhile.
    Registry,
    /// What a person typed, placed or asked for.
    Operator,
    /// Our own mistake: the position stops and claiming stops.
    Bug,
}

/// One entry of the fault catalogue. Codes are stable for ever; texts may be improved.
#[derive(Debug, Eq, PartialEq)]
pub struct Code {
    /// Stable identifier, `ROOM-NNN`.
    pub id: &'static str,
    /// Whose fault.
    pub blame: Blame,
    /// The very same act may be done again without harm.
    pub safe_to_repeat: bool,
    /// What happened, in English.
    pub en: &'static str,
    /// What happened, in Vietnamese.
    pub vi: &'static str,
    /// What to do next, in English.
    pub next_en: &'static str,
    /// What to do next, in Vietnamese.
    pub next_vi: &'static str,
}

/// Something went wrong: a catalogue entry and the circumstances.
///
/// `detail` names things (a status word, a file, a field), never a person's data and never a secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// The catalogue entry.
    pub code: &'static Code,
    /// The circumstances, free of personal data.
    pub detail: String,
}

impl Fault {
    /// A fault of this code under these circumstances.
    pub fn new(code: &'static Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }

    /// Whose fault.
    #[must_use]
    pub fn blame(&self) -> Blame {
        self.code.blame
    }

    /// The same fault with the place it happened put before its circumstances.
    #[must_use]
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.detail = if self.detail.is_empty() {
            place.to_string()
        } else {
            format!("{place}: {}", self.detail)
        };
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code.id, self.code.en)?;
        if !self.detail.is_empty() {
            write!(f, " ({})", self.detail)?;
        }
        if !self.code.next_en.is_empty() {
            write!(f, ". {}", self.code.next_en)?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}

/// Writes a room's fault catalogue: constants and the list of all of them.
///
/// ```
/// cardwright::fault_codes! {
///     /// Something broke.
///     BROKEN = "DEMO-001", Device, false,
///         "it broke", "bị hỏng",
///         "Replace it.", "Thay thế.";
/// }
/// assert_eq!(ALL.len(), 1);
/// ```
#[macro_export]
macro_rules! fault_codes {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $blame:ident, $safe:literal,
        $en:literal, $vi:literal, $next_en:literal, $next_vi:literal;)+) => {
        $($(#[$doc])*
        pub static $name: $crate::base::Code = $crate::base::Code {
            id: $id,
            blame: $crate::base::Blame::$blame,
            safe_to_repeat: $safe,
            en: $en,
            vi: $vi,
            next_en: $next_en,
            next_vi: $next_vi,
        };)+
        /// Every code of this catalogue.
        pub static ALL: &[&$crate::base::Code] = &[$(&$name),+];
    };
}

#[cfg(test)]
mod tests {
    use catalogue::{ALL, DEMO};

    use super::*;

    /// In a module of its own, as in every room.
    #[expect(
        unreachable_pub,
        reason = "what the macro writes is public; a test's catalogue goes nowhere"
    )]
    mod catalogue {
        crate::fault_codes! {
            DEMO = "DEMO-001", Card, true, "it tore", "bị rách", "Take it out.", "Lấy ra.";
        }
    }

    #[test]
    fn a_fault_reads_as_what_where_and_what_next() {
        let fault = Fault::new(&DEMO, "page 3").at("station S01");
        assert_eq!(
            fault.to_string(),
            "DEMO-001 it tore (station S01: page 3). Take it out."
        );
        assert_eq!(ALL.len(), 1);
    }
}
