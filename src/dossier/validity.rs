//! How long a card is valid, and by when it is due.
//!
//! Luật Căn cước 26/2023/QH15, Điều 21: cards are exchanged at 14, 25, 40 and 60 years; one issued within the two years
//! before a milestone is valid until the next one; past the last milestone there is no expiry. Luật Căn cước công dân
//! 59/2014/QH13, Điều 21, is the same without 14.
//!
//! Boundary rules, each with a test:
//! - on the very birthday the age is reached, so a card issued on a milestone birthday is valid until the next one;
//! - "within two years" includes the day exactly two years before the milestone;
//! - someone born on 29 February has the birthday of a common year on the day [`LeapDay`] says.

pub mod working_days;

use serde::{Deserialize, Serialize};
use time::{Date, Month};

use super::record::Expiry;

/// The validity rule of one law.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Validity {
    /// Ages in full years at which a card must be exchanged, ascending.
    pub milestones: Vec<u8>,
    /// A card issued this many years or less before a milestone skips it.
    pub skip_years: u8,
    /// The birthday in common years of someone born on 29 February.
    pub leap_day: LeapDay,
}

/// The birthday in common years of someone born on 29 February. The law does not say; the authority must.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LeapDay {
    /// The last day of February.
    February28,
    /// The day after it.
    March1,
}

impl Validity {
    /// The expiry of a card issued on this day to someone born on that day.
    #[must_use]
    pub fn expiry(&self, born: Date, issued: Date) -> Expiry {
        self.milestones
            .iter()
            .find(|&&age| {
                // Issued at least `skip_years` and a day before the milestone.
                self.birthday(born, age.saturating_sub(self.skip_years))
                    .is_some_and(|too_late| issued < too_late)
            })
            .and_then(|&age| self.birthday(born, age))
            .map_or(Expiry::Unlimited, Expiry::On)
    }

    /// Full years of age on a day; 0 before birth.
    #[must_use]
    pub fn age(&self, born: Date, on: Date) -> u8 {
        let years = on.year().saturating_sub(born.year());
        let reached = |age: u8| self.birthday(born, age).is_some_and(|birthday| birthday <= on);
        let Ok(years) = u8::try_from(years) else {
            return if years < 0 { 0 } else { u8::MAX };
        };
        if reached(years) {
            years
        } else {
            years.saturating_sub(1)
        }
    }

    /// The day someone reaches an age.
    fn birthday(&self, born: Date, age: u8) -> Option<Date> {
        let year = born.year().checked_add(i32::from(age))?;
        Date::from_calendar_date(year, born.month(), born.day())
            .or_else(|_| match self.leap_day {
                LeapDay::February28 => Date::from_calendar_date(year, Month::February, 28),
                LeapDay::March1 => Date::from_calendar_date(year, Month::March, 1),
            })
            .ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use time::Duration;
    use time::macros::date;

    const BORN: Date = date!(2000 - 06 - 15);
    /// Luật Căn cước công dân 59/2014/QH13.
    const OF_2014: &[u8] = &[25, 40, 60];
    /// Luật Căn cước 26/2023/QH15, in force from 1 July 2024.
    const OF_2023: &[u8] = &[14, 25, 40, 60];

    fn law(milestones: &[u8]) -> Validity {
        Validity {
            milestones: milestones.to_vec(),
            skip_years: 2,
            leap_day: LeapDay::February28,
        }
    }

    /// The expiry as an age of the person born on [`BORN`].
    fn until(law: &Validity, issued: Date) -> Option<i32> {
        match law.expiry(BORN, issued) {
            Expiry::On(day) => {
                assert_eq!((day.month(), day.day()), (BORN.month(), BORN.day()));
                Some(day.year() - BORN.year())
            }
            Expiry::Unlimited => None,
        }
    }

    #[test]
    fn the_table_of_the_law_of_2023() {
        let law = law(OF_2023);
        for (issued, age) in [
            (date!(2003 - 01 - 01), Some(14)),
            (date!(2012 - 06 - 14), Some(14)),
            (date!(2012 - 06 - 15), Some(25)),
            (date!(2014 - 06 - 14), Some(25)),
            (date!(2014 - 06 - 15), Some(25)),
            (date!(2023 - 06 - 14), Some(25)),
            (date!(2023 - 06 - 15), Some(40)),
            (date!(2025 - 06 - 15), Some(40)),
            (date!(2038 - 06 - 14), Some(40)),
            (date!(2038 - 06 - 15), Some(60)),
            (date!(2058 - 06 - 14), Some(60)),
            (date!(2058 - 06 - 15), None),
            (date!(2070 - 01 - 01), None),
        ] {
            assert_eq!(until(&law, issued), age, "{issued}");
        }
    }

    #[test]
    fn the_law_of_2014_knows_no_fourteen() {
        let law = law(OF_2014);
        assert_eq!(until(&law, date!(2014 - 06 - 15)), Some(25));
        assert_eq!(until(&law, date!(2023 - 06 - 15)), Some(40));
        assert_eq!(until(&law, date!(2058 - 06 - 15)), None);
    }

    #[test]
    fn born_on_the_29th_of_february() {
        let born = date!(2004 - 02 - 29);
        let mut law = law(OF_2023);
        assert_eq!(
            law.expiry(born, date!(2020 - 01 - 01)),
            Expiry::On(date!(2029 - 02 - 28))
        );
        assert_eq!(
            law.expiry(born, date!(2027 - 02 - 28)),
            Expiry::On(date!(2044 - 02 - 29))
        );
        assert_eq!(law.age(born, date!(2027 - 02 - 28)), 23);
        law.leap_day = LeapDay::March1;
        assert_eq!(
            law.expiry(born, date!(2027 - 02 - 28)),
            Expiry::On(date!(2029 - 03 - 01))
        );
        assert_eq!(law.age(born, date!(2027 - 02 - 28)), 22);
    }

    #[test]
    fn ages() {
        let law = law(OF_2023);
        assert_eq!(law.age(BORN, date!(2006 - 06 - 14)), 5);
        assert_eq!(law.age(BORN, date!(2006 - 06 - 15)), 6);
        assert_eq!(law.age(BORN, date!(1999 - 01 - 01)), 0);
    }

    proptest! {
        #[test]
        fn an_expiry_lies_more_than_the_skipped_years_ahead(days in 0..40_000i64) {
            let issued = BORN + Duration::days(days);
            if let Expiry::On(day) = law(OF_2023).expiry(BORN, issued) {
                prop_assert!(day - issued > Duration::days(2 * 365));
            } else {
                prop_assert!(issued >= date!(2058 - 06 - 15));
            }
        }
    }
}
