//! What admission has to say about a dossier: to its office, in the return file, in two languages.

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

use super::fault;
use crate::base::{Code, Fault};

/// What a finding does to the dossier.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Noted; the card is made.
    Flag,
    /// The dossier waits until a person or the registry has said something.
    Hold,
    /// The dossier goes back to its office, which sends a new version.
    Return,
}

/// One thing that was found.
///
/// `field` is the member of the OSIA document; `detail` names places and characters. Neither holds the person's data,
/// so a finding may be logged and shown.
#[derive(Clone, Eq, PartialEq)]
pub struct Finding {
    /// The catalogue entry ([`super::fault`]).
    pub code: &'static Code,
    /// Path of the field in the document, such as `biographicData.fullName`; `$` is the whole document.
    pub field: String,
    /// Circumstances; may be empty.
    pub detail: String,
}

impl Finding {
    /// A finding about a field.
    pub fn new(code: &'static Code, field: impl Into<String>) -> Self {
        Self {
            code,
            field: field.into(),
            detail: String::new(),
        }
    }

    /// The same finding with its circumstances.
    #[must_use]
    pub fn with(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// A fault met while reading a field.
    #[must_use]
    pub fn from_fault(fault: Fault, field: impl Into<String>) -> Self {
        Self::new(fault.code, field).with(fault.detail)
    }

    /// What it does to the dossier.
    #[must_use]
    pub fn severity(&self) -> Severity {
        severity(self.code)
    }

    /// In English.
    #[must_use]
    pub fn en(&self) -> &'static str {
        self.code.en
    }

    /// In Vietnamese.
    #[must_use]
    pub fn vi(&self) -> &'static str {
        self.code.vi
    }
}

/// What findings of a code do to the dossier: all return it but those named here.
#[must_use]
pub fn severity(code: &Code) -> Severity {
    const HOLD: &[&Code] = &[
        &fault::OFFICE_UNKNOWN,
        &fault::OFFICE_EXPIRED,
        &fault::RESIDENCE_UNVERIFIED,
    ];
    const FLAG: &[&Code] = &[
        &fault::OFFICE_SUCCEEDED,
        &fault::MANUAL_ENTRY,
        &fault::FINGER_EXCEPTION,
    ];
    let named = |list: &[&Code]| list.iter().any(|named| named.id == code.id);
    if named(HOLD) {
        Severity::Hold
    } else if named(FLAG) {
        Severity::Flag
    } else {
        Severity::Return
    }
}

/// The most severe of these findings; nothing if there are none.
#[must_use]
pub fn worst(findings: &[Finding]) -> Option<Severity> {
    findings.iter().map(Finding::severity).max()
}

/// The catalogue entry of a stored code.
#[must_use]
pub fn code(id: &str) -> Option<&'static Code> {
    fault::ALL.iter().find(|code| code.id == id).copied()
}

impl std::fmt::Debug for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {}", self.code.id, self.field)?;
        if self.detail.is_empty() {
            Ok(())
        } else {
            write!(f, " ({})", self.detail)
        }
    }
}

// The return file tells an office everything, so that it needs no catalogue.
impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut entry = serializer.serialize_struct("Finding", 8)?;
        entry.serialize_field("code", self.code.id)?;
        entry.serialize_field("severity", &self.severity())?;
        entry.serialize_field("field", &self.field)?;
        entry.serialize_field("detail", &self.detail)?;
        entry.serialize_field("vi", self.code.vi)?;
        entry.serialize_field("en", self.code.en)?;
        entry.serialize_field("next_vi", self.code.next_vi)?;
        entry.serialize_field("next_en", self.code.next_en)?;
        entry.end()
    }
}

// Stored findings come back by their code; texts are always those of this program.
impl<'de> Deserialize<'de> for Finding {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Entry {
            code: String,
            field: String,
            #[serde(default)]
            detail: String,
        }
        let entry = Entry::deserialize(deserializer)?;
        let code = code(&entry.code).ok_or_else(|| serde::de::Error::custom("unknown finding code"))?;
        Ok(Self::new(code, entry.field).with(entry.detail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_return_file_speaks_for_itself() {
        let finding = Finding::new(&fault::NUMBER_SEX, "personId");
        let json = serde_json::to_value(&finding).unwrap();
        assert_eq!(json["code"], "DOSSIER-304");
        assert_eq!(json["severity"], "return");
        assert_eq!(json["vi"], "số định danh không khớp với giới tính");
        assert_eq!(serde_json::from_value::<Finding>(json).unwrap(), finding);
    }

    #[test]
    fn the_worst_decides() {
        let flag = Finding::new(&fault::MANUAL_ENTRY, "x");
        let hold = Finding::new(&fault::RESIDENCE_UNVERIFIED, "x");
        assert_eq!(worst(&[]), None);
        assert_eq!(worst(&[hold, flag]), Some(Severity::Hold));
    }
}
