//! Offices that take applications in and hand cards over.
//!
//! An office has dates and may have a successor: district police ended on 1 March 2025, districts on 1 July 2025.
//! A dossier keeps the office it names; where its cards go on a later day is this table's dated answer, and an office
//! that is unknown or gone is always said, never silently replaced.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::Date;

use super::{fault, places};
use crate::base::Fault;
use crate::base::ids::OfficeCode;

/// What kind of place hands cards over.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OfficeKind {
    /// PC06 of a province.
    Province,
    /// Police of a district, until 2025.
    FormerDistrict,
    /// Police of a commune, ward or special zone.
    Commune,
    /// An intake point, run by a commune's police in a former district's house.
    IntakePoint,
    /// The post brings the card home.
    PostalAddress,
    /// Anything else.
    Other,
}

/// One office.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Office {
    /// Its code, as dossiers name it.
    pub code: OfficeCode,
    /// Its name, as manifests print it.
    pub name: String,
    /// What it is.
    pub kind: OfficeKind,
    /// Two-digit code of its province.
    pub province: String,
    /// First day it takes part.
    #[serde(with = "day")]
    pub valid_from: Date,
    /// Last day, if it has ended.
    #[serde(default, with = "day::option", skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<Date>,
    /// The office that took over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub successor: Option<OfficeCode>,
}

/// What the table says of a code on a day.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Resolution<'a> {
    /// The office takes part.
    Current(&'a Office),
    /// It has ended, and this office, which takes part today, has its work.
    Succeeded(&'a Office, &'a Office),
    /// It has ended, and nobody has its work.
    Expired(&'a Office),
    /// It does not take part yet.
    NotYet(&'a Office),
    /// No office has this code.
    Unknown,
}

/// All offices the facility serves or has served.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct OfficeTable(BTreeMap<OfficeCode, Office>);

impl OfficeTable {
    /// A table of these offices.
    ///
    /// # Errors
    /// A code twice or empty, a province that is none, dates the wrong way round, a successor that is not in the table
    /// or is the end of a circle.
    pub fn new(offices: impl IntoIterator<Item = Office>) -> Result<Self, Fault> {
        let mut table = BTreeMap::new();
        for office in offices {
            let code = office.code.clone();
            let in_order = !code.as_str().is_empty()
                && places::is_province(&office.province)
                && office.valid_to.is_none_or(|last| office.valid_from <= last);
            if !in_order || table.insert(code.clone(), office).is_some() {
                return Err(Fault::new(&fault::OFFICES_UNREADABLE, code.0));
            }
        }
        let table = Self(table);
        for office in table.0.values() {
            let mut last = office;
            for _ in 0..=table.0.len() {
                let Some(next) = &last.successor else { break };
                last = table
                    .0
                    .get(next)
                    .ok_or_else(|| Fault::new(&fault::OFFICES_UNREADABLE, next.as_str()))?;
            }
            if last.successor.is_some() {
                return Err(Fault::new(&fault::OFFICES_UNREADABLE, office.code.as_str()));
            }
        }
        Ok(table)
    }

    /// Reads a table: one `[[office]]` each.
    ///
    /// # Errors
    /// The text is not such a table, or [`Self::new`] refuses it.
    pub fn from_toml(text: &str) -> Result<Self, Fault> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct File {
            office: Vec<Office>,
        }
        let file: File = toml::from_str(text)
            .map_err(|error| Fault::new(&fault::OFFICES_UNREADABLE, error.message().to_owned()))?;
        Self::new(file.office)
    }

    /// What a code means on a day.
    #[must_use]
    pub fn resolve(&self, code: &OfficeCode, day: Date) -> Resolution<'_> {
        let Some(office) = self.0.get(code) else {
            return Resolution::Unknown;
        };
        if day < office.valid_from {
            return Resolution::NotYet(office);
        }
        if office.takes_part(day) {
            return Resolution::Current(office);
        }
        // The way along successors ends: `new` has refused circles.
        std::iter::successors(Some(office), |office| self.0.get(office.successor.as_ref()?))
            .skip(1)
            .find(|successor| successor.takes_part(day))
            .map_or(Resolution::Expired(office), |successor| {
                Resolution::Succeeded(office, successor)
            })
    }

    /// The office of this code, whatever its dates.
    #[must_use]
    pub fn get(&self, code: &OfficeCode) -> Option<&Office> {
        self.0.get(code)
    }

    /// All offices, by code.
    pub fn iter(&self) -> impl Iterator<Item = &Office> {
        self.0.values()
    }
}

impl Office {
    /// Does it take part on this day?
    #[must_use]
    pub fn takes_part(&self, day: Date) -> bool {
        self.valid_from <= day && self.valid_to.is_none_or(|last| day <= last)
    }
}

time::serde::format_description!(day, Date, "[year]-[month]-[day]");

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::date;

    fn office(code: &str, until: Option<Date>, successor: Option<&str>) -> Office {
        Office {
            code: OfficeCode::new(code),
            name: "Diễn tập".to_owned(),
            kind: OfficeKind::FormerDistrict,
            province: "15".to_owned(),
            valid_from: date!(2021 - 01 - 01),
            valid_to: until,
            successor: successor.map(OfficeCode::new),
        }
    }

    #[test]
    fn the_answer_depends_on_the_day() {
        let ended = Some(date!(2025 - 02 - 28));
        let table = OfficeTable::new([
            office("D1", ended, Some("C1")),
            office("C1", Some(date!(2026 - 06 - 30)), Some("C2")),
            office("C2", None, None),
            office("D2", ended, None),
        ])
        .unwrap();
        let answer = |code: &str, day| match table.resolve(&OfficeCode::new(code), day) {
            Resolution::Current(office) => format!("current {}", office.code),
            Resolution::Succeeded(old, new) => format!("{} now {}", old.code, new.code),
            Resolution::Expired(office) => format!("expired {}", office.code),
            Resolution::NotYet(office) => format!("not yet {}", office.code),
            Resolution::Unknown => "unknown".to_owned(),
        };
        assert_eq!(answer("D1", date!(2025 - 02 - 28)), "current D1");
        assert_eq!(answer("D1", date!(2025 - 03 - 01)), "D1 now C1");
        assert_eq!(answer("D1", date!(2026 - 07 - 01)), "D1 now C2");
        assert_eq!(answer("D2", date!(2026 - 07 - 01)), "expired D2");
        assert_eq!(answer("D2", date!(2020 - 12 - 31)), "not yet D2");
        assert_eq!(answer("D3", date!(2026 - 07 - 01)), "unknown");
    }

    #[test]
    fn a_wrong_table_is_refused() {
        assert!(OfficeTable::new([office("A", None, None), office("A", None, None)]).is_err());
        assert!(OfficeTable::new([office("A", None, Some("B"))]).is_err());
        assert!(OfficeTable::new([office("A", None, Some("B")), office("B", None, Some("A"))]).is_err());
        assert!(OfficeTable::new([office("A", Some(date!(2020 - 01 - 01)), None)]).is_err());
        assert!(OfficeTable::from_toml("[[office]]\ncode = 'A'").is_err());
    }

    #[test]
    fn a_table_is_read_from_toml() {
        let text = "[[office]]\ncode = 'D1'\nname = 'Đội A'\nkind = 'former_district'\nprovince = '15'\n\
                    valid_from = '2021-01-01'\nvalid_to = '2025-02-28'\nsuccessor = 'C1'\n\
                    [[office]]\ncode = 'C1'\nname = 'Xã A'\nkind = 'commune'\nprovince = '15'\n\
                    valid_from = '2025-03-01'\n";
        let table = OfficeTable::from_toml(text).unwrap();
        assert_eq!(table.iter().count(), 2);
        assert!(matches!(
            table.resolve(&OfficeCode::new("D1"), date!(2026 - 01 - 01)),
            Resolution::Succeeded(_, new) if new.code.as_str() == "C1"
        ));
    }
}
