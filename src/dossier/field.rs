//! The fields of a dossier, so that card profiles can name them.

use serde::{Deserialize, Serialize};
use time::Date;

use super::record::{Dossier, Expiry, Sex};

/// One field.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// Số định danh cá nhân, twelve digits.
    Number,
    /// Họ, chữ đệm và tên.
    Name,
    /// Ngày, tháng, năm sinh.
    Born,
    /// Giới tính.
    Sex,
    /// Quốc tịch.
    Nationality,
    /// Dân tộc.
    Ethnicity,
    /// Tôn giáo.
    Religion,
    /// Quê quán.
    Origin,
    /// Nơi đăng ký khai sinh.
    BirthPlace,
    /// Nơi thường trú, nơi cư trú.
    Residence,
    /// Đặc điểm nhận dạng.
    Marks,
    /// Ngày, tháng, năm cấp.
    Issued,
    /// Ngày, tháng, năm hết hạn.
    Expiry,
    /// Họ và tên cha.
    Father,
    /// Họ và tên mẹ.
    Mother,
    /// Họ và tên vợ, chồng.
    Spouse,
    /// Số CMND 9 số.
    OldNumber,
    /// Số định danh đã hủy.
    CancelledNumber,
}

/// What a field holds.
#[derive(Clone, Copy, Eq, PartialEq)]
pub enum Value<'a> {
    /// Nothing.
    Absent,
    /// Text, not empty.
    Text(&'a str),
    /// A date.
    Date(Date),
    /// Không thời hạn.
    Unlimited,
    /// Male or female.
    Sex(Sex),
}

impl Field {
    /// Every field.
    pub const ALL: [Self; 18] = [
        Self::Number,
        Self::Name,
        Self::Born,
        Self::Sex,
        Self::Nationality,
        Self::Ethnicity,
        Self::Religion,
        Self::Origin,
        Self::BirthPlace,
        Self::Residence,
        Self::Marks,
        Self::Issued,
        Self::Expiry,
        Self::Father,
        Self::Mother,
        Self::Spouse,
        Self::OldNumber,
        Self::CancelledNumber,
    ];

    /// The field's name in profiles and faults, that of the dossier record.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Name => "name",
            Self::Born => "born",
            Self::Sex => "sex",
            Self::Nationality => "nationality",
            Self::Ethnicity => "ethnicity",
            Self::Religion => "religion",
            Self::Origin => "origin",
            Self::BirthPlace => "birth_place",
            Self::Residence => "residence",
            Self::Marks => "marks",
            Self::Issued => "issued",
            Self::Expiry => "expiry",
            Self::Father => "father",
            Self::Mother => "mother",
            Self::Spouse => "spouse",
            Self::OldNumber => "old_number",
            Self::CancelledNumber => "cancelled_number",
        }
    }

    /// Its place in the document (OSIA), where a finding points to.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Number => "personId",
            Self::Name => "biographicData.fullName",
            Self::Born => "biographicData.dateOfBirth",
            Self::Sex => "biographicData.gender",
            Self::Nationality => "biographicData.nationality",
            Self::Ethnicity => "biographicData.ethnicity",
            Self::Religion => "biographicData.religion",
            Self::Origin => "biographicData.placeOfOrigin",
            Self::BirthPlace => "biographicData.placeOfBirth",
            Self::Residence => "biographicData.residence",
            Self::Marks => "biographicData.identifyingMarks",
            Self::Issued => "requestData.validFromDate",
            Self::Expiry => "requestData.validToDate",
            Self::Father => "biographicData.fatherName",
            Self::Mother => "biographicData.motherName",
            Self::Spouse => "biographicData.spouseName",
            Self::OldNumber => "biographicData.oldNumber",
            Self::CancelledNumber => "biographicData.cancelledNumber",
        }
    }

    /// What this dossier has in the field; empty text counts as absent.
    #[must_use]
    pub fn of(self, dossier: &Dossier) -> Value<'_> {
        let person = &dossier.person;
        let text = match self {
            Self::Born => return Value::Date(person.born),
            Self::Issued => return Value::Date(dossier.issued),
            Self::Sex => return Value::Sex(person.sex),
            Self::Expiry => {
                return match dossier.expiry {
                    Expiry::On(date) => Value::Date(date),
                    Expiry::Unlimited => Value::Unlimited,
                };
            }
            Self::Number => Some(&person.number),
            Self::Name => Some(&person.name),
            Self::Nationality => Some(&person.nationality),
            Self::Ethnicity => Some(&person.ethnicity),
            Self::Religion => Some(&person.religion),
            Self::Origin => Some(&person.origin),
            Self::BirthPlace => Some(&person.birth_place),
            Self::Residence => Some(&person.residence),
            Self::Marks => Some(&person.marks),
            Self::Father => person.father.as_ref(),
            Self::Mother => person.mother.as_ref(),
            Self::Spouse => person.spouse.as_ref(),
            Self::OldNumber => person.old_number.as_ref(),
            Self::CancelledNumber => person.cancelled_number.as_ref(),
        };
        text.filter(|text| !text.is_empty())
            .map_or(Value::Absent, |text| Value::Text(text))
    }
}

// A value is personal data.
impl std::fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Value(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dossier::admit::tests::sample;

    #[test]
    fn names_are_those_that_profiles_use() {
        for field in Field::ALL {
            assert_eq!(
                serde_json::to_string(&field).unwrap(),
                format!("\"{}\"", field.name())
            );
        }
    }

    #[test]
    fn empty_is_absent() {
        let mut dossier = sample();
        dossier.person.religion.clear();
        dossier.person.spouse = Some(String::new());
        assert_eq!(Field::Religion.of(&dossier), Value::Absent);
        assert_eq!(Field::Spouse.of(&dossier), Value::Absent);
        assert_eq!(
            Field::Origin.of(&dossier),
            Value::Text("Xã Diễn Tập, Tỉnh Lào Cai")
        );
    }

    #[test]
    fn each_field_has_a_place_of_its_own() {
        let paths: std::collections::BTreeSet<&str> = Field::ALL.map(Field::path).into();
        assert_eq!(paths.len(), Field::ALL.len());
    }
}
