//! Due dates in working days (Luật Căn cước 26/2023/QH15, Điều 26: seven).

use std::collections::BTreeSet;

use serde::Deserialize;
use time::macros::format_description;
use time::{Date, Weekday};

use crate::base::Fault;
use crate::dossier::fault;

/// Days on which nobody works although they are weekdays, and weekend days on which everybody does.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Holidays {
    free: BTreeSet<Date>,
    worked: BTreeSet<Date>,
    years: BTreeSet<i32>,
}

/// A holiday longer than this is a slip of the pen in the table.
const HOLIDAY_DAYS_MAX: usize = 31;
/// A due date further away than this many working days is none.
const WORKING_DAYS_MAX: u16 = 366;

impl Holidays {
    /// The table that comes with the program. It is data to be kept by the facility's engineer.
    ///
    /// # Errors
    /// Never, as a test proves.
    pub fn viet_nam() -> Result<Self, Fault> {
        Self::from_toml(include_str!("holidays.toml"))
    }

    /// Reads a table: `years`, `[[holiday]]` with `from`, `until` (inclusive, `from` if absent) and `name`, and
    /// `[[worked]]` with `day`. Dates are written `2026-09-02`.
    ///
    /// # Errors
    /// The text is not such a table, a holiday ends before it begins or is longer than a month, or lies in a year
    /// that `years` does not list.
    pub fn from_toml(text: &str) -> Result<Self, Fault> {
        let wrong = |what: String| Fault::new(&fault::HOLIDAYS_UNREADABLE, what);
        let table: Table = toml::from_str(text).map_err(|error| wrong(error.message().to_owned()))?;
        let mut holidays = Self {
            years: table.years.into_iter().collect(),
            ..Self::default()
        };
        let day = |text: &str| {
            Date::parse(text, format_description!("[year]-[month]-[day]")).map_err(|_| wrong(text.to_owned()))
        };
        for entry in &table.holiday {
            let from = day(&entry.from)?;
            let until = entry.until.as_deref().map_or(Ok(from), day)?;
            let days: Vec<Date> = days_from(from)
                .take_while(|day| *day <= until)
                .take(HOLIDAY_DAYS_MAX + 1)
                .collect();
            if days.is_empty() || days.len() > HOLIDAY_DAYS_MAX {
                return Err(wrong(entry.name.clone()));
            }
            holidays.free.extend(days);
        }
        for entry in &table.worked {
            holidays.worked.insert(day(&entry.day)?);
        }
        match holidays
            .free
            .iter()
            .chain(&holidays.worked)
            .find(|day| !holidays.covers(day.year()))
        {
            Some(stray) => Err(wrong(stray.to_string())),
            None => Ok(holidays),
        }
    }

    /// Does the table know this year? Outside it only weekends are free, and due dates come out too early: start-up
    /// warns.
    #[must_use]
    pub fn covers(&self, year: i32) -> bool {
        self.years.contains(&year)
    }

    /// Is this a working day?
    #[must_use]
    pub fn is_working_day(&self, day: Date) -> bool {
        let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        self.worked.contains(&day) || !(weekend || self.free.contains(&day))
    }
}

/// The last of `days` working days after the day an application was received, which itself does not count.
#[must_use]
pub fn due(received: Date, days: u16, holidays: &Holidays) -> Date {
    if days == 0 {
        return received;
    }
    days_from(received)
        .skip(1)
        .filter(|day| holidays.is_working_day(*day))
        .nth(usize::from(days.min(WORKING_DAYS_MAX)) - 1)
        .unwrap_or(Date::MAX)
}

fn days_from(day: Date) -> impl Iterator<Item = Date> {
    std::iter::successors(Some(day), |day| day.next_day())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    years: Vec<i32>,
    #[serde(default)]
    holiday: Vec<Holiday>,
    #[serde(default)]
    worked: Vec<Worked>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Holiday {
    name: String,
    from: String,
    until: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Worked {
    day: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use time::macros::date;

    #[test]
    fn seven_working_days() {
        let holidays = Holidays::viet_nam().unwrap();
        // Monday to Wednesday of the week after.
        assert_eq!(due(date!(2026 - 11 - 02), 7, &holidays), date!(2026 - 11 - 11));
        // Over Tết 2026: Friday 13 February, free until Sunday 22.
        assert_eq!(due(date!(2026 - 02 - 13), 1, &holidays), date!(2026 - 02 - 23));
        // Received on a Saturday that was worked in exchange for a Friday.
        assert!(holidays.is_working_day(date!(2026 - 01 - 10)));
        assert_eq!(due(date!(2026 - 01 - 09), 1, &holidays), date!(2026 - 01 - 10));
        assert_eq!(due(date!(2026 - 11 - 02), 0, &holidays), date!(2026 - 11 - 02));
        assert!(holidays.covers(2027) && !holidays.covers(2030));
    }

    #[test]
    fn a_wrong_table_is_refused() {
        for text in [
            "",
            "years = [2026]\n[[holiday]]\nname = 'x'\nfrom = '2026-02-30'",
            "years = [2026]\n[[holiday]]\nname = 'x'\nfrom = '2026-02-03'\nuntil = '2026-02-01'",
            "years = [2026]\n[[holiday]]\nname = 'x'\nfrom = '2026-02-03'\nuntil = '2026-05-01'",
            "years = [2026]\n[[holiday]]\nname = 'x'\nfrom = '2027-02-03'",
            "years = [2026]\nholliday = []",
        ] {
            assert!(Holidays::from_toml(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_due_date_is_a_working_day_and_later_with_more_days(offset in 0..700i64, days in 1..60u16) {
            let holidays = Holidays::viet_nam().unwrap();
            let received = date!(2025 - 01 - 01) + time::Duration::days(offset);
            let first = due(received, days, &holidays);
            prop_assert!(holidays.is_working_day(first) && first > received);
            prop_assert!(due(received, days + 1, &holidays) > first);
        }
    }
}
