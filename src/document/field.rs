//! How the cards write the fields of a dossier.

use time::{Date, Month};

use crate::dossier::Sex;

pub use crate::dossier::field::{Field, Value};

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::date;

    use super::*;

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
