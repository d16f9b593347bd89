//! The fields of a dossier that a card may show, so that profiles can name them.

use serde::{Deserialize, Serialize};
use time::{Date, Month};

use crate::dossier::{Dossier, Expiry, Sex};

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

/// How the cards write the sexes.
#[must_use]
pub fn sex_text(sex: Sex) -> &'static str {
    match sex {
        Sex::Male => "Nam",
        Sex::Female => "Nữ",
    }
}

/// A date as `15/04/2003`, with any separator between day, month and year.
#[must_use]
pub fn date_text(date: Date, separator: &str) -> String {
    let (year, month, day) = date.to_calendar_date();
    format!("{day:02}{separator}{:02}{separator}{year:04}", u8::from(month))
}

/// The date that [`date_text`] wrote, or nothing.
#[must_use]
pub fn parse_date(text: &str, separator: &str) -> Option<Date> {
    let digits = |text: &str| {
        let decimal = text.bytes().all(|byte| byte.is_ascii_digit());
        decimal.then(|| text.parse::<u16>().ok()).flatten()
    };
    let (day, rest) = text.split_at_checked(2)?;
    let (month, year) = rest.strip_prefix(separator)?.split_at_checked(2)?;
    let year = year.strip_prefix(separator)?;
    if year.len() != 4 {
        return None;
    }
    let month = Month::try_from(u8::try_from(digits(month)?).ok()?).ok()?;
    Date::from_calendar_date(i32::from(digits(year)?), month, u8::try_from(digits(day)?).ok()?).ok()
}

// A value is personal data.
impl std::fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Value(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::date;

    use super::*;
    use crate::document::example;

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
        let mut dossier = example::dossier();
        dossier.person.religion.clear();
        dossier.person.spouse = Some(String::new());
        assert_eq!(Field::Religion.of(&dossier), Value::Absent);
        assert_eq!(Field::Spouse.of(&dossier), Value::Absent);
        assert_eq!(
            Field::Origin.of(&dossier),
            Value::Text("Phúc Xá, Ba Đình, Hà Nội")
        );
    }

    #[test]
    fn dates_are_read_as_written_only() {
        assert_eq!(date_text(date!(2003 - 04 - 05), "/"), "05/04/2003");
        assert_eq!(parse_date("05/04/2003", "/"), Some(date!(2003 - 04 - 05)));
        assert_eq!(parse_date("29022024", ""), Some(date!(2024 - 02 - 29)));
        for text in [
            "",
            "5/4/2003",
            "29/02/2023",
            "05/04/+203",
            "05-04-2003",
            "05/04/20033",
            "05/13/2003",
            "0é/04/2003",
        ] {
            assert_eq!(parse_date(text, "/"), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_date_or_not(text in "\\PC*") {
            for separator in ["", "/"] {
                if let Some(date) = parse_date(&text, separator) {
                    prop_assert_eq!(date_text(date, separator), &text[..]);
                }
            }
        }
    }
}
