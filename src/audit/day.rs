//! What became of each office's orders on one day.

use serde::Serialize;
use time::Date;

use super::table::Table;
use crate::base::ids::OfficeCode;

/// One office's numbers.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct OfficeDay {
    /// The office's code.
    pub office: OfficeCode,
    /// The office's name.
    pub name: String,
    /// Dossiers that arrived.
    pub received: u64,
    /// Dossiers sent back with a reason.
    pub returned: u64,
    /// Orders between admission and box.
    pub in_production: u64,
    /// Cards in sealed boxes that have not left.
    pub boxed: u64,
    /// Cards that left.
    pub dispatched: u64,
    /// Orders past their due date that have not left.
    pub late: u64,
}

/// The report of one day. Numbers only, no person.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct DayReport {
    /// The facility.
    pub facility: String,
    /// The day, in Viet Nam's time.
    #[serde(serialize_with = "iso_date")]
    pub day: Date,
    /// The offices.
    pub offices: Vec<OfficeDay>,
}

impl DayReport {
    /// The sums over all offices, in the order of the columns.
    #[must_use]
    pub fn totals(&self) -> [u64; 6] {
        self.offices.iter().fold([0; 6], |mut sums, office| {
            for (sum, number) in sums.iter_mut().zip(office.numbers()) {
                *sum = sum.saturating_add(number);
            }
            sums
        })
    }

    /// A plain text table with totals.
    #[must_use]
    pub fn table(&self) -> String {
        let mut table = Table::new(
            2,
            &[
                &[
                    "Office",
                    "Name",
                    "Received",
                    "Returned",
                    "In production",
                    "Boxed",
                    "Dispatched",
                    "Late",
                ],
                &[
                    "Mã",
                    "Nơi nhận",
                    "Tiếp nhận",
                    "Trả lại",
                    "Đang làm",
                    "Đã đóng hộp",
                    "Đã gửi",
                    "Quá hạn",
                ],
            ],
        );
        for office in &self.offices {
            let names = [office.office.to_string(), office.name.clone()];
            table.row(
                names
                    .into_iter()
                    .chain(office.numbers().map(|number| number.to_string())),
            );
        }
        let names = ["Total".to_owned(), "Tổng".to_owned()];
        table.row(
            names
                .into_iter()
                .chain(self.totals().map(|number| number.to_string())),
        );
        format!("{}  {}\n\n{}", self.facility, self.day, table.text(true))
    }

    /// The same as JSON.
    ///
    /// # Errors
    /// Only if serde_json cannot write to memory.
    pub fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }
}

impl OfficeDay {
    fn numbers(&self) -> [u64; 6] {
        [
            self.received,
            self.returned,
            self.in_production,
            self.boxed,
            self.dispatched,
            self.late,
        ]
    }
}

fn iso_date<S: serde::Serializer>(day: &Date, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> DayReport {
        let office = |code: &str, name: &str, numbers: [u64; 6]| OfficeDay {
            office: OfficeCode::new(code),
            name: name.to_owned(),
            received: numbers[0],
            returned: numbers[1],
            in_production: numbers[2],
            boxed: numbers[3],
            dispatched: numbers[4],
            late: numbers[5],
        };
        DayReport {
            facility: "HN-1".to_owned(),
            day: time::macros::date!(2026 - 11 - 22),
            offices: vec![
                office("00004", "Phường Ba Đình", [120, 3, 80, 25, 12, 0]),
                office("09622", "Xã Ba Vì", [40, 0, 30, 10, 0, 2]),
            ],
        }
    }

    #[test]
    fn the_table_adds_up() {
        let text = report().table();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "HN-1  2026-11-22");
        let total: Vec<&str> = lines[lines.len() - 1].split_whitespace().collect();
        assert_eq!(total, ["Total", "Tổng", "160", "3", "110", "35", "12", "2"]);
        let widths: Vec<usize> = lines[2..].iter().map(|line| line.chars().count()).collect();
        assert!(widths.iter().all(|width| *width == widths[0]), "{text}");
    }

    #[test]
    fn the_json_says_the_same() {
        let json: serde_json::Value = serde_json::from_str(&report().json().unwrap()).unwrap();
        assert_eq!(json["day"], "2026-11-22");
        assert_eq!(json["offices"][1]["name"], "Xã Ba Vì");
        assert_eq!(json["offices"][0]["in_production"], 80);
    }
}
