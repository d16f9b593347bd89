//! Provinces and countries as personal numbers and offices name them.
//!
//! Personal numbers carry the three-digit code of the province (63 of them, as they were before 1 July 2025) or country
//! where the birth was registered: Thông tư 07/2016/TT-BCA, annex. Offices belong to one of the 34 provinces of Nghị
//! quyết 202/2025/QH15, with the two-digit codes of Quyết định 19/2025/QĐ-TTg. A personal number never changes when
//! provinces merge, so both tables stay in use. Seven of the merged provinces kept a name but not its code: always go
//! through this table, never through names.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use time::Date;
use time::macros::format_description;

/// The place where a birth was registered, as the first three digits of a personal number name it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BirthPlace {
    /// A province of before July 2025.
    Province(&'static FormerProvince),
    /// A country: births registered abroad. The assignment of codes to countries has duplicates in its source, so
    /// only the set of codes is relied on.
    Country(&'static str),
}

/// One of the 63 provinces of before 1 July 2025.
#[derive(Debug, Eq, PartialEq)]
pub struct FormerProvince {
    /// Three digits.
    pub code: &'static str,
    /// Its name at the time.
    pub name: &'static str,
    /// Two-digit code of the province it belongs to now.
    pub province: &'static str,
}

/// Where a birth was registered, or nothing if no place has this code.
#[must_use]
pub fn birth_place(code: &str) -> Option<BirthPlace> {
    FORMER
        .get(code)
        .map(BirthPlace::Province)
        .or_else(|| COUNTRIES.get(code).copied().map(BirthPlace::Country))
}

/// The name a province (two-digit code) has on this day, or nothing if there is none.
#[must_use]
pub fn province_name(code: &str, day: Date) -> Option<&'static str> {
    PROVINCES
        .iter()
        .find(|row| row.code == code && row.from <= day && row.until.is_none_or(|until| day <= until))
        .map(|row| row.name)
}

/// Is this one of the two-digit codes of the 34 provinces?
#[must_use]
pub fn is_province(code: &str) -> bool {
    PROVINCES.iter().any(|row| row.code == code)
}

struct NamedProvince {
    code: &'static str,
    name: &'static str,
    from: Date,
    until: Option<Date>,
}

static FORMER: LazyLock<BTreeMap<&'static str, FormerProvince>> = LazyLock::new(|| {
    rows(include_str!("places/former.csv"))
        .filter_map(|mut cells| {
            let (code, name, province) = (cells.next()?, cells.next()?, cells.next()?);
            Some((code, FormerProvince { code, name, province }))
        })
        .collect()
});

static COUNTRIES: LazyLock<BTreeMap<&'static str, &'static str>> = LazyLock::new(|| {
    rows(include_str!("places/countries.csv"))
        .filter_map(|mut cells| Some((cells.next()?, cells.next()?)))
        .collect()
});

static PROVINCES: LazyLock<Vec<NamedProvince>> = LazyLock::new(|| {
    let day = |text: &str| Date::parse(text, format_description!("[year]-[month]-[day]")).ok();
    rows(include_str!("places/provinces.csv"))
        .filter_map(|mut cells| {
            Some(NamedProvince {
                code: cells.next()?,
                name: cells.next()?,
                from: day(cells.next()?)?,
                until: cells.next().and_then(day),
            })
        })
        .collect()
});

/// The rows of a table without quoting, its heading left out.
fn rows(table: &'static str) -> impl Iterator<Item = std::str::Split<'static, char>> {
    table.lines().skip(1).map(|line| line.split(','))
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::date;

    #[test]
    fn the_tables_are_whole() {
        assert_eq!(FORMER.len(), 63);
        assert_eq!(COUNTRIES.len(), 195);
        let mut codes: Vec<_> = PROVINCES.iter().map(|row| row.code).collect();
        codes.dedup();
        assert_eq!(codes.len(), 34);
        let mut used: Vec<_> = FORMER.values().map(|row| row.province).collect();
        used.sort_unstable();
        used.dedup();
        assert_eq!(used, codes);
    }

    #[test]
    fn a_name_that_survived_may_have_another_code() {
        let Some(BirthPlace::Province(old)) = birth_place("010") else {
            panic!("010 is a province");
        };
        assert_eq!((old.name, old.province), ("Tỉnh Lào Cai", "15"));
        assert_eq!(birth_place("003"), None);
        assert_eq!(birth_place("101"), Some(BirthPlace::Country("AF")));
        assert_eq!(birth_place("296"), None);
    }

    #[test]
    fn names_have_dates() {
        assert_eq!(province_name("75", date!(2026 - 04 - 29)), Some("Tỉnh Đồng Nai"));
        assert_eq!(
            province_name("75", date!(2026 - 04 - 30)),
            Some("Thành phố Đồng Nai")
        );
        assert_eq!(province_name("75", date!(2025 - 06 - 30)), None);
        assert!(is_province("01") && !is_province("10"));
    }
}
