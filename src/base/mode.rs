//! Rehearsal or production.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A facility is fixed as one or the other when it is initialized, for ever.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Every card says SPECIMEN.
    Rehearsal,
    /// Real cards.
    Production,
}

impl Mode {
    /// As settings, records and papers write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rehearsal => "rehearsal",
            Self::Production => "production",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_name_is_what_is_stored() {
        for mode in [Mode::Rehearsal, Mode::Production] {
            let stored = serde_json::to_string(&mode).unwrap();
            assert_eq!(stored, format!("\"{}\"", mode.name()));
            assert_eq!(serde_json::from_str::<Mode>(&stored).unwrap(), mode);
        }
    }
}
