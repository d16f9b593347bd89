//! The count equation (law 7): at every instant each blank that ever came in is in exactly one known place.
//!
//! `opening + received = vault + issued + feeders + machines + hoppers + boxed + spoiled + quarantined + tests +
//! defective + returned + destroyed + not found`, and not found must be 0. Source of the duty: ICAO Doc 9303-2,
//! section 4.3 and appendices A.3 and D.3.

use std::collections::BTreeMap;
use std::fmt;

use super::table::Table;
use crate::base::Place;
use crate::base::ids::{MachineId, PackId};

/// The blanks of one pack.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PackCount {
    /// Blanks counted when the period began.
    pub opening: u64,
    /// Blanks received during the period.
    pub received: u64,
    /// Blanks now in each place.
    pub places: BTreeMap<Place, u64>,
}

impl PackCount {
    /// Blanks that came in.
    #[must_use]
    pub fn came_in(&self) -> u128 {
        u128::from(self.opening) + u128::from(self.received)
    }

    /// Blanks whose place is known (or known to be lost).
    #[must_use]
    pub fn placed(&self) -> u128 {
        self.places.values().copied().map(u128::from).sum()
    }

    /// Blanks in the places of one column of the table.
    fn in_column(&self, column: usize) -> u128 {
        self.places
            .iter()
            .filter(|(place, _)| self::column(place) == column)
            .map(|(_, count)| u128::from(*count))
            .sum()
    }

    fn add(&mut self, other: &Self) {
        self.opening = self.opening.saturating_add(other.opening);
        self.received = self.received.saturating_add(other.received);
        for (place, count) in &other.places {
            let sum = self.places.entry(place.clone()).or_default();
            *sum = sum.saturating_add(*count);
        }
    }
}

/// All blanks of a facility, type, shift or lot, pack by pack: whatever was put in is what is checked.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Balance {
    /// The packs.
    pub packs: BTreeMap<PackId, PackCount>,
}

impl Balance {
    /// An empty balance.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything that ever came in, by pack, and where each blank of a pack is now.
    #[must_use]
    pub fn of<'a>(
        received: impl IntoIterator<Item = (PackId, u64)>,
        placed: impl IntoIterator<Item = (&'a PackId, &'a Place, u32)>,
    ) -> Self {
        let mut balance = Self::new();
        for (pack, blanks) in received {
            balance.receive(&pack, blanks);
        }
        for (pack, place, blanks) in placed {
            balance.place(pack, place.clone(), u64::from(blanks));
        }
        balance
    }

    /// Counts blanks that were there when the period began.
    pub fn open(&mut self, pack: &PackId, blanks: u64) {
        let count = self.pack(pack);
        count.opening = count.opening.saturating_add(blanks);
    }

    /// Counts blanks that were received during the period.
    pub fn receive(&mut self, pack: &PackId, blanks: u64) {
        let count = self.pack(pack);
        count.received = count.received.saturating_add(blanks);
    }

    /// Counts blanks that are now in a place.
    pub fn place(&mut self, pack: &PackId, place: Place, blanks: u64) {
        let count = self.pack(pack).places.entry(place).or_default();
        *count = count.saturating_add(blanks);
    }

    /// The sum over all packs.
    #[must_use]
    pub fn total(&self) -> PackCount {
        self.packs.values().fold(PackCount::default(), |mut total, pack| {
            total.add(pack);
            total
        })
    }

    /// Whatever does not add up, pack by pack. Packs that cancel each other out are both named: the total alone would
    /// hide two mixed-up packs.
    #[must_use]
    pub fn check(&self) -> Vec<Discrepancy> {
        let mut found = Vec::new();
        for (pack, count) in &self.packs {
            let (came_in, placed) = (count.came_in(), count.placed());
            let pack = pack.clone();
            if came_in > placed {
                found.push(Discrepancy::Missing {
                    pack: pack.clone(),
                    came_in,
                    placed,
                });
            } else if came_in < placed {
                found.push(Discrepancy::Surplus {
                    pack: pack.clone(),
                    came_in,
                    placed,
                });
            }
            let blanks = count.places.get(&Place::NotFound).copied().unwrap_or(0);
            if blanks > 0 {
                found.push(Discrepancy::NotFound { pack, blanks });
            }
        }
        found
    }

    /// The table a supervisor signs: packs down, places across, then each machine, then what does not add up.
    #[must_use]
    pub fn table(&self) -> String {
        let mut table = Table::new(1, &[&COLUMNS_EN, &COLUMNS_VI]);
        for (pack, count) in &self.packs {
            table.row(cells(pack.to_string(), count));
        }
        table.row(cells("Total / Tổng".to_owned(), &self.total()));
        let mut text = table.text(true);
        text.push_str(&self.machines());
        let found = self.check();
        if found.is_empty() {
            text.push_str("\nBalanced. / Cân đối.\n");
        } else {
            text.push_str("\nDOES NOT ADD UP / KHÔNG CÂN ĐỐI\n");
            for discrepancy in found {
                text.push_str(&format!("- {discrepancy} / {}\n", discrepancy.vi()));
            }
        }
        text
    }

    fn pack(&mut self, pack: &PackId) -> &mut PackCount {
        self.packs.entry(pack.clone()).or_default()
    }

    fn machines(&self) -> String {
        let mut machines: BTreeMap<MachineId, [u64; 3]> = BTreeMap::new();
        for (place, count) in self.total().places {
            let (machine, column) = match place {
                Place::Feeder(machine) => (machine, 0),
                Place::Machine(machine) => (machine, 1),
                Place::Hopper(machine) => (machine, 2),
                _ => continue,
            };
            machines.entry(machine).or_default()[column] = count;
        }
        if machines.is_empty() {
            return String::new();
        }
        let mut table = Table::new(
            1,
            &[
                &["Machine", "Feeder", "Inside", "Hopper"],
                &["Máy", "Khay cấp", "Trong máy", "Khay ra"],
            ],
        );
        for (machine, counts) in machines {
            table.row(
                [machine.to_string()]
                    .into_iter()
                    .chain(counts.map(|count| count.to_string())),
            );
        }
        format!("\n{}", table.text(false))
    }
}

/// What a device counted, beside what was asked of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Meter {
    /// The machine.
    pub machine: MachineId,
    /// The device's counter of printed cards when the period began.
    pub before: u64,
    /// The same counter now.
    pub after: u64,
    /// Print jobs the ledger holds for the period.
    pub jobs: u64,
}

/// Compares devices' counters with the ledger's jobs.
#[must_use]
pub fn check_meters(meters: &[Meter]) -> Vec<Discrepancy> {
    meters
        .iter()
        .filter_map(|meter| {
            let (machine, jobs) = (meter.machine.clone(), meter.jobs);
            match meter.after.checked_sub(meter.before) {
                None => Some(Discrepancy::CounterWentBack {
                    machine,
                    before: meter.before,
                    after: meter.after,
                }),
                Some(prints) if prints > jobs => Some(Discrepancy::MorePrints {
                    machine,
                    prints,
                    jobs,
                }),
                Some(prints) if prints < jobs => Some(Discrepancy::FewerPrints {
                    machine,
                    prints,
                    jobs,
                }),
                Some(_) => None,
            }
        })
        .collect()
}

/// One thing that does not add up. `Display` says it in English, [`Self::vi`] in Vietnamese.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Discrepancy {
    /// A device's counter is lower than before: reset, or another device.
    CounterWentBack {
        /// The machine.
        machine: MachineId,
        /// The counter when the period began.
        before: u64,
        /// The counter now.
        after: u64,
    },
    /// A machine printed less often than it was told to.
    FewerPrints {
        /// The machine.
        machine: MachineId,
        /// What its counter says.
        prints: u64,
        /// What the ledger says.
        jobs: u64,
    },
    /// Blanks are in no known place.
    Missing {
        /// The pack.
        pack: PackId,
        /// Opening and received.
        came_in: u128,
        /// Sum over all places.
        placed: u128,
    },
    /// A machine printed more often than it was told to: a card may exist twice.
    MorePrints {
        /// The machine.
        machine: MachineId,
        /// What its counter says.
        prints: u64,
        /// What the ledger says.
        jobs: u64,
    },
    /// Blanks were declared not found.
    NotFound {
        /// The pack.
        pack: PackId,
        /// How many.
        blanks: u64,
    },
    /// More blanks are placed than ever came in.
    Surplus {
        /// The pack.
        pack: PackId,
        /// Opening and received.
        came_in: u128,
        /// Sum over all places.
        placed: u128,
    },
}

impl Discrepancy {
    /// The machine that must stop at once; any other discrepancy must be explained before the lot closes (law 7).
    #[must_use]
    pub fn stops(&self) -> Option<&MachineId> {
        match self {
            Self::MorePrints { machine, .. } => Some(machine),
            _ => None,
        }
    }

    /// The same in Vietnamese.
    #[must_use]
    pub fn vi(&self) -> String {
        match self {
            Self::CounterWentBack {
                machine,
                before,
                after,
            } => format!("máy {machine}: bộ đếm lùi từ {before} về {after}"),
            Self::FewerPrints {
                machine,
                prints,
                jobs,
            } => {
                format!("máy {machine}: in {prints} lần, ít hơn {jobs} lệnh in")
            }
            Self::Missing {
                pack,
                came_in,
                placed,
            } => format!(
                "gói {pack}: thiếu {} phôi, nhập {came_in}, chỉ biết chỗ của {placed}",
                came_in.saturating_sub(*placed)
            ),
            Self::MorePrints {
                machine,
                prints,
                jobs,
            } => {
                format!("máy {machine}: in {prints} lần cho {jobs} lệnh in; dừng máy")
            }
            Self::NotFound { pack, blanks } => format!("gói {pack}: {blanks} phôi không tìm thấy"),
            Self::Surplus {
                pack,
                came_in,
                placed,
            } => format!(
                "gói {pack}: thừa {} phôi, nhập {came_in} nhưng đếm được {placed}",
                placed.saturating_sub(*came_in)
            ),
        }
    }
}

impl fmt::Display for Discrepancy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CounterWentBack {
                machine,
                before,
                after,
            } => write!(
                f,
                "machine {machine}: its counter went back from {before} to {after}"
            ),
            Self::FewerPrints {
                machine,
                prints,
                jobs,
            } => {
                write!(
                    f,
                    "machine {machine}: printed {prints} times, fewer than its {jobs} jobs"
                )
            }
            Self::Missing {
                pack,
                came_in,
                placed,
            } => write!(
                f,
                "pack {pack}: {} blanks missing, {came_in} came in, {placed} are in a known place",
                came_in.saturating_sub(*placed)
            ),
            Self::MorePrints {
                machine,
                prints,
                jobs,
            } => {
                write!(
                    f,
                    "machine {machine}: printed {prints} times for {jobs} jobs; stop it"
                )
            }
            Self::NotFound { pack, blanks } => write!(f, "pack {pack}: {blanks} blanks not found"),
            Self::Surplus {
                pack,
                came_in,
                placed,
            } => write!(
                f,
                "pack {pack}: {} blanks too many, {came_in} came in but {placed} are counted",
                placed.saturating_sub(*came_in)
            ),
        }
    }
}

/// The column of the table a place belongs to, counted from the first place.
fn column(place: &Place) -> usize {
    match place {
        Place::Vault => 0,
        Place::Issued => 1,
        Place::Feeder(_) => 2,
        Place::Machine(_) => 3,
        Place::Hopper(_) => 4,
        Place::Boxed => 5,
        Place::Spoiled => 6,
        Place::Quarantined => 7,
        Place::Tests => 8,
        Place::Defective => 9,
        Place::Returned => 10,
        Place::Destroyed => 11,
        Place::NotFound => 12,
    }
}

fn cells(name: String, count: &PackCount) -> impl Iterator<Item = String> {
    [name, count.opening.to_string(), count.received.to_string()]
        .into_iter()
        .chain((0..PLACES).map(|column| count.in_column(column).to_string()))
}

const PLACES: usize = 13;
const COLUMNS_EN: [&str; 3 + PLACES] = [
    "Pack",
    "Opening",
    "Received",
    "Vault",
    "Issued",
    "Feeders",
    "Machines",
    "Hoppers",
    "Boxed",
    "Spoiled",
    "Held",
    "Tests",
    "Defective",
    "Returned",
    "Destroyed",
    "Not found",
];
const COLUMNS_VI: [&str; 3 + PLACES] = [
    "Gói",
    "Đầu kỳ",
    "Nhập",
    "Kho",
    "Đã cấp",
    "Khay cấp",
    "Trong máy",
    "Khay ra",
    "Đóng hộp",
    "Hỏng",
    "Cách ly",
    "Thử",
    "Lỗi phôi",
    "Trả lại",
    "Đã huỷ",
    "Mất",
];

#[cfg(test)]
mod tests;
