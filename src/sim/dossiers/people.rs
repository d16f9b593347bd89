//! Invented people: names, numbers, births, addresses.

use std::sync::LazyLock;

use time::{Date, Duration};

use super::offices::{SERVED, SUCCEEDED, Served};
use super::pictures::{Texture, face, fingerprint};
use super::{Dice, jpeg};
use crate::base::ids::OfficeCode;
use crate::document::CardProfile;
use crate::dossier::Requirements;
use crate::dossier::record::{
    Capture, Dossier, Finger, Image, LEFT_INDEX, Person, Place, RIGHT_INDEX, Reason, Sex,
};

/// No family of Viet Nam has these names: they are words for rehearsal, sample, draft, test.
const FAMILY: &[&str] = &[
    "Mẫu", "Thử", "Diễn", "Nháp", "Giả", "Phỏng", "Tập", "Chép", "Vẽ", "Đặt", "Ướm", "Ví", "Gương", "Khuôn",
];
const MIDDLE_MALE: &[&str] = &["Văn", "Đức", "Hữu", "Quốc", "Xuân", "Đình", "Ngọc Bảo"];
const MIDDLE_FEMALE: &[&str] = &["Thị", "Ngọc", "Thùy", "Kim", "Thị Ánh", "Diệu", "Thị Mỹ"];
const GIVEN: &[&str] = &[
    "Mây", "Nắng", "Gió", "Sương", "Suối", "Đồi", "Lúa", "Sóng", "Bưởi", "Khế", "Ổi", "Sấu", "Chè", "Quế",
    "Hồi", "Trăng", "Sao", "Nước", "Cỏ", "Rẫy", "Thuyền", "Bến", "Vườn", "Giếng", "Ngói", "Gốm", "Lụa",
    "Nón", "Đũa", "Bếp", "Mực", "Giấy", "Phấn", "Trống", "Sáo", "Cờ",
];
const ETHNICITY: &[&str] = &[
    "Kinh", "Kinh", "Kinh", "Kinh", "Tày", "Thái", "Mường", "Khmer", "Nùng", "H'Mông", "Dao",
];
const MARKS: &[&str] = &[
    "Nốt ruồi cách 2 cm trên sau đuôi mắt trái",
    "Sẹo chấm cách 1,5 cm dưới sau đuôi mắt phải",
    "Nốt ruồi cách 0,5 cm dưới trước cánh mũi phải",
    "Sẹo chấm giữa trán",
];
const VILLAGES: &[&str] = &["Thôn Mẫu Đông", "Thôn Mẫu Tây", "Tổ dân phố Thử 3", "Bản Nháp"];
const TEAMS: &[&str] = &["Tổ 1", "Tổ 2"];
/// Requests that reach the registry one after the other from one office.
const IN_A_ROW: usize = 12;

/// Who applies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Ages {
    /// People of all ages, as applications have them.
    All,
    /// Small children only.
    UnderSix,
}

/// The dossier of one request, in order in every way.
pub(super) fn dossier(
    index: usize,
    (issued, received): (Date, Date),
    ages: Ages,
    texture: &Texture,
    dice: &mut Dice,
) -> Dossier {
    let office = office_of(index);
    let sex = if dice.below(2) == 0 {
        Sex::Male
    } else {
        Sex::Female
    };
    let born = birth(issued, ages, dice);
    let (profile, requirements) = profile(born, issued, dice);
    let child = requirements.age_max.is_some();
    let person = person(index, office, born, sex, dice);
    let succeeded = office.province == "15" && dice.per_mille(20);
    let (portrait, fingers) = if child {
        (None, Vec::new())
    } else {
        let age = requirements.validity.age(born, issued);
        (Some(jpeg(480, 640, face(age, sex, texture, dice))), fingers(dice))
    };
    Dossier {
        request: format!("DT-{:02}-{index:08}", issued.year() % 100),
        version: 1,
        priority: if dice.per_mille(20) { 9 } else { 4 },
        profile: profile.to_owned(),
        reason: *dice.pick(&[Reason::New, Reason::Exchange, Reason::Exchange, Reason::Reissue]),
        office: OfficeCode::new(if succeeded { SUCCEEDED } else { office.code }),
        place: Place {
            village: (*dice.pick(VILLAGES)).to_owned(),
            team: (*dice.pick(TEAMS)).to_owned(),
            sequence: u32::try_from(index).unwrap_or(u32::MAX - 1) + 1,
        },
        issued,
        expiry: requirements.validity.expiry(born, issued),
        received,
        manual_entry: dice.per_mille(10),
        residence_verified: !dice.per_mille(5),
        person,
        portrait,
        fingers,
    }
}

/// Offices deliver in bursts, and not in the order of the table.
fn office_of(index: usize) -> &'static Served {
    let burst = (index / IN_A_ROW).wrapping_mul(7);
    &SERVED[burst % SERVED.len()]
}

/// Ages as applications have them: one in 30 under six, one in five without expiry.
fn birth(issued: Date, ages: Ages, dice: &mut Dice) -> Date {
    let (low, high) = match dice.below(100) {
        _ if ages == Ages::UnderSix => (0, 5),
        0..3 => (0, 5),
        3..15 => (6, 13),
        15..40 => (14, 24),
        40..80 => (25, 57),
        _ => (58, 92),
    };
    let days = dice.between(low * 366 + 20, (high + 1) * 365 - 20);
    issued - Duration::days(days.into())
}

/// The card somebody of this age asks for, and what it needs.
fn profile(born: Date, issued: Date, dice: &mut Dice) -> (&'static str, &'static Requirements) {
    static NEEDS: LazyLock<[Requirements; 3]> = LazyLock::new(|| {
        ["cc-2024", "cc-2024-child", "cccd-2021"].map(|id| match CardProfile::builtin(id) {
            Ok(profile) => profile.requirements,
            Err(fault) => unreachable!("a profile that comes with the program: {fault}"),
        })
    });
    let [card, child, chip_card] = &*NEEDS;
    match card.validity.age(born, issued) {
        0..6 => ("cc-2024-child", child),
        14.. if dice.per_mille(120) => ("cccd-2021", chip_card),
        _ => ("cc-2024", card),
    }
}

fn person(index: usize, office: &Served, born: Date, sex: Sex, dice: &mut Dice) -> Person {
    let home = |dice: &mut Dice| {
        format!(
            "{}, {}, {}",
            dice.pick(VILLAGES),
            office.commune,
            office.province_name
        )
    };
    let old_enough = |years: i32| born.year() + years <= 2020;
    let place = match dice.below(100) {
        0..90 => office.number,
        90..98 => dice.pick(SERVED).number,
        // Births registered abroad.
        _ => dice.pick(&["231", "155", "279"]),
    };
    Person {
        number: number(place, born, sex, index),
        name: name(sex, dice),
        born,
        sex,
        nationality: "Việt Nam".to_owned(),
        ethnicity: (*dice.pick(ETHNICITY)).to_owned(),
        religion: (*dice.pick(&["Không", "Không", "Phật giáo", "Công giáo"])).to_owned(),
        origin: home(dice),
        birth_place: home(dice),
        residence: format!("Số {}, {}", 1 + dice.below(240), home(dice)),
        marks: (*dice.pick(MARKS)).to_owned(),
        father: dice.per_mille(950).then(|| name(Sex::Male, dice)),
        mother: dice.per_mille(970).then(|| name(Sex::Female, dice)),
        spouse: (old_enough(25) && dice.per_mille(600)).then(|| {
            let other = if sex == Sex::Male { Sex::Female } else { Sex::Male };
            name(other, dice)
        }),
        old_number: (old_enough(30) && dice.per_mille(500))
            .then(|| format!("{:09}", dice.below(400_000_000))),
        cancelled_number: None,
    }
}

/// A number nobody else of the rehearsal has: its last six digits run through all values once in a million requests.
fn number(place: &str, born: Date, sex: Sex, index: usize) -> String {
    let century = (born.year() - 1900) / 100 * 2 + i32::from(sex == Sex::Female);
    let last = index.wrapping_mul(7_919).wrapping_add(104_729) % 1_000_000;
    format!("{place}{century}{:02}{last:06}", born.year().rem_euclid(100))
}

fn name(sex: Sex, dice: &mut Dice) -> String {
    let middle = match sex {
        Sex::Male => MIDDLE_MALE,
        Sex::Female => MIDDLE_FEMALE,
    };
    let (family, middle) = (dice.pick(FAMILY), dice.pick(middle));
    let (first, last) = (dice.pick(GIVEN), dice.pick(GIVEN));
    if dice.per_mille(400) || first == last {
        format!("{family} {middle} {last}")
    } else {
        format!("{family} {middle} {first} {last}")
    }
}

fn fingers(dice: &mut Dice) -> Vec<Finger> {
    let finger = |position, dice: &mut Dice| Finger {
        position,
        capture: match dice.below(400) {
            0 => Capture::Amputated,
            1 => Capture::Unavailable,
            _ => Capture::Taken(picture(dice)),
        },
    };
    vec![finger(RIGHT_INDEX, dice), finger(LEFT_INDEX, dice)]
}

fn picture(dice: &mut Dice) -> Image {
    jpeg(
        super::pictures::FINGER_WIDTH,
        super::pictures::FINGER_HEIGHT,
        fingerprint(dice),
    )
}
