use std::collections::BTreeMap;
use std::sync::LazyLock;

use time::macros::date;

use super::*;
use crate::base::ids::OfficeCode;
use crate::base::{Code, font};
use crate::dossier::finding::{Severity, worst};
use crate::dossier::office::{Office, OfficeKind};
use crate::dossier::record::*;

pub(in crate::dossier) const TODAY: Date = date!(2026 - 11 - 20);

/// A picture of something, of this size.
pub(in crate::dossier) fn picture(width: u16, height: u16) -> Image {
    let pixels: Vec<u8> = (0..usize::from(width) * usize::from(height))
        .map(|index| u8::try_from(index / 64 % 256).unwrap())
        .collect();
    let mut bytes = Vec::new();
    jpeg_encoder::Encoder::new(&mut bytes, 50)
        .encode(&pixels, width, height, jpeg_encoder::ColorType::Luma)
        .unwrap();
    Image::from_bytes(bytes).unwrap()
}

/// A dossier in which nothing is wrong. Nobody has this name.
pub(in crate::dossier) fn sample() -> Dossier {
    let finger = |position| Finger {
        position,
        capture: Capture::Taken(picture(60, 80)),
    };
    Dossier {
        request: "DT-26-00000001".to_owned(),
        version: 1,
        priority: 4,
        profile: "cc-2024".to_owned(),
        reason: Reason::Exchange,
        office: OfficeCode::new("C1"),
        place: Place {
            village: "Thôn Mẫu 1".to_owned(),
            team: "Tổ 2".to_owned(),
            sequence: 7,
        },
        issued: date!(2026 - 11 - 19),
        expiry: Expiry::On(date!(2043 - 04 - 15)),
        received: date!(2026 - 11 - 16),
        manual_entry: false,
        residence_verified: true,
        person: Person {
            number: "001203012345".to_owned(),
            name: "Mẫu Văn Đũa".to_owned(),
            born: date!(2003 - 04 - 15),
            sex: Sex::Male,
            nationality: "Việt Nam".to_owned(),
            ethnicity: "Kinh".to_owned(),
            religion: "Không".to_owned(),
            origin: "Xã Diễn Tập, Tỉnh Lào Cai".to_owned(),
            birth_place: "Xã Diễn Tập, Tỉnh Lào Cai".to_owned(),
            residence: "Số 1, Thôn Mẫu 1, Xã Diễn Tập, Tỉnh Lào Cai".to_owned(),
            marks: "Nốt ruồi cách 2 cm sau đuôi mắt trái".to_owned(),
            father: Some("Mẫu Văn Nón".to_owned()),
            mother: None,
            spouse: None,
            old_number: Some("012345678".to_owned()),
            cancelled_number: None,
        },
        portrait: Some(picture(300, 400)),
        fingers: vec![finger(RIGHT_INDEX), finger(LEFT_INDEX)],
    }
}

/// What the card profiles that come with the program need, out of their files: the rest of them is not for this room.
static REQUIREMENTS: LazyLock<BTreeMap<String, Requirements>> = LazyLock::new(|| {
    #[derive(serde::Deserialize)]
    struct Profile {
        id: String,
        requirements: Requirements,
    }
    let files = [
        include_str!("../../document/profiles/cccd-2021.toml"),
        include_str!("../../document/profiles/cc-2024.toml"),
        include_str!("../../document/profiles/cc-2024-child.toml"),
    ];
    let profiles = files.map(|text| toml::from_str::<Profile>(text).unwrap());
    profiles.map(|profile| (profile.id, profile.requirements)).into()
});

static GLYPHS: LazyLock<Glyphs> = LazyLock::new(|| Glyphs::of(font::SANS).unwrap());

fn findings(change: impl FnOnce(&mut Dossier)) -> Vec<Finding> {
    let office = |code: &str, valid_to, successor: Option<&str>| Office {
        code: OfficeCode::new(code),
        name: "Công an xã Diễn Tập".to_owned(),
        kind: OfficeKind::Commune,
        province: "15".to_owned(),
        valid_from: date!(2021 - 01 - 01),
        valid_to,
        successor: successor.map(OfficeCode::new),
    };
    let ended = Some(date!(2025 - 02 - 28));
    let offices = OfficeTable::new([
        office("C1", None, None),
        office("D1", ended, Some("C1")),
        office("D2", ended, None),
    ]);
    let mut dossier = sample();
    change(&mut dossier);
    let rules = Rules {
        requirements: REQUIREMENTS.get(&dossier.profile),
        offices: &offices.unwrap(),
        glyphs: &GLYPHS,
        portrait: PortraitRules::default(),
        issue_ahead_days: 3,
    };
    check(&dossier, &rules, TODAY)
}

/// The change leads to these findings and no other.
fn expect(change: impl FnOnce(&mut Dossier), codes: &[&Code]) {
    let found = findings(change);
    let found_ids: Vec<_> = found.iter().map(|finding| finding.code.id).collect();
    let expected: Vec<_> = codes.iter().map(|code| code.id).collect();
    assert_eq!(found_ids, expected, "{found:?}");
}

#[test]
fn a_dossier_in_order_has_no_findings() {
    expect(|_| {}, &[]);
}

#[test]
fn the_number_is_held_against_the_person() {
    expect(|d| d.person.sex = Sex::Female, &[&fault::NUMBER_SEX]);
    expect(
        |d| d.person.number = "001103012345".into(),
        &[&fault::NUMBER_YEAR, &fault::NUMBER_SEX],
    );
    expect(
        |d| d.person.number = "003203012345".into(),
        &[&fault::NUMBER_PLACE],
    );
    expect(|d| d.person.number = "1203012345".into(), &[&fault::NUMBER_FORM]);
    expect(
        |d| d.person.old_number = Some("12345678".into()),
        &[&fault::OLD_NUMBER_FORM],
    );
    expect(
        |d| d.person.cancelled_number = Some("001203012345".into()),
        &[&fault::CANCELLED_NUMBER],
    );
    expect(|d| d.person.cancelled_number = Some("001303012345".into()), &[]);
}

#[test]
fn text_is_correct_complete_and_clean() {
    expect(|d| d.person.residence.clear(), &[&fault::FIELD_MISSING]);
    // Origin and marks are on the card of 2021 alone.
    expect(|d| d.person.marks.clear(), &[]);
    expect(
        |d| d.person.name = "Mâ\u{303}u Văn".into(),
        &[&fault::TEXT_NOT_NFC],
    );
    expect(|d| d.person.name = "Ðỗ Mẫu".into(), &[&fault::TEXT_LOOK_ALIKE]);
    expect(
        |d| d.person.father = Some("Mẫu\u{200D} Nón".into()),
        &[&fault::TEXT_INVISIBLE],
    );
    expect(
        |d| d.person.name = "Mẫu 2".into(),
        &[&fault::TEXT_CHARACTER, &fault::TEXT_CHARACTER],
    );
    expect(|d| d.person.name = "Mẫu -".into(), &[&fault::TEXT_CHARACTER]);
    expect(|d| d.person.name = "H'Mẫu".into(), &[]);
    expect(|d| d.person.residence = "Số 1 ".into(), &[&fault::TEXT_SPACING]);
    expect(|d| d.person.residence = "Xã ".repeat(100), &[&fault::TEXT_LENGTH]);
    expect(
        |d| d.place.village = "Thôn\u{9}1".into(),
        &[&fault::TEXT_INVISIBLE],
    );
    let found = findings(|d| d.person.name = "Lаn".into());
    assert_eq!(
        (found[0].field.as_str(), found[0].detail.as_str()),
        ("biographicData.fullName", "2: U+0430 ≠ U+0061")
    );
}

#[test]
fn dates_are_in_order_and_legal() {
    expect(|d| d.received = date!(2026 - 11 - 20), &[&fault::DATE_ORDER]);
    expect(|d| d.expiry = Expiry::Unlimited, &[&fault::EXPIRY_LAW]);
    expect(
        |d| d.expiry = Expiry::On(date!(2043 - 04 - 14)),
        &[&fault::EXPIRY_LAW],
    );
    expect(|d| d.issued = date!(2026 - 11 - 23), &[]);
    expect(|d| d.issued = date!(2026 - 11 - 24), &[&fault::DATE_FUTURE]);
    expect(
        |d| d.profile = "cc-2024-child".into(),
        &[
            &fault::AGE_PROFILE,
            &fault::PORTRAIT_NOT_ALLOWED,
            &fault::FINGER_NOT_ALLOWED,
        ],
    );
    // Under the law of 2014 this person's card ends at the same age.
    expect(|d| d.profile = "cccd-2021".into(), &[]);
    expect(|d| d.profile = "passport".into(), &[&fault::PROFILE_UNKNOWN]);
}

#[test]
fn a_child_is_neither_pictured_nor_printed() {
    let child = |d: &mut Dossier| {
        d.profile = "cc-2024-child".into();
        d.person.number = "001223012345".into();
        d.person.born = date!(2023 - 04 - 15);
        d.expiry = Expiry::On(date!(2037 - 04 - 15));
        d.portrait = None;
        d.fingers.clear();
    };
    expect(child, &[]);
    expect(
        |d| {
            child(d);
            d.profile = "cc-2024".into();
        },
        &[
            &fault::AGE_PROFILE,
            &fault::PORTRAIT_MISSING,
            &fault::FINGER_MISSING,
            &fault::FINGER_MISSING,
        ],
    );
}

#[test]
fn pictures_are_looked_at() {
    expect(|d| d.portrait = None, &[&fault::PORTRAIT_MISSING]);
    expect(|d| d.portrait = Some(picture(300, 300)), &[&fault::PORTRAIT_SIZE]);
    expect(|d| d.portrait = Some(picture(150, 200)), &[&fault::PORTRAIT_SIZE]);
    expect(
        |d| {
            let portrait = d.portrait.as_mut().unwrap();
            portrait.bytes.truncate(900);
        },
        &[&fault::IMAGE_UNREADABLE],
    );
    expect(|d| d.fingers.truncate(1), &[&fault::FINGER_MISSING]);
    expect(
        |d| d.fingers[1].capture = Capture::Amputated,
        &[&fault::FINGER_EXCEPTION],
    );
    expect(
        |d| d.fingers.insert(1, d.fingers[0].clone()),
        &[&fault::FINGER_TWICE],
    );
    let mut blank = Vec::new();
    jpeg_encoder::Encoder::new(&mut blank, 50)
        .encode(&vec![200; 300 * 400], 300, 400, jpeg_encoder::ColorType::Luma)
        .unwrap();
    expect(
        |d| d.portrait = Some(Image::from_bytes(blank).unwrap()),
        &[&fault::PORTRAIT_BLANK],
    );
}

#[test]
fn offices_and_the_state_of_the_application() {
    let severity = |change: fn(&mut Dossier), code: &Code| {
        let found = findings(change);
        assert_eq!(
            found.iter().map(|finding| finding.code.id).collect::<Vec<_>>(),
            [code.id]
        );
        worst(&found)
    };
    let office = |code: &str| OfficeCode::new(code);
    assert_eq!(
        severity(|d| d.office = OfficeCode::new("X9"), &fault::OFFICE_UNKNOWN),
        Some(Severity::Hold)
    );
    assert_eq!(
        severity(|d| d.office = OfficeCode::new("D2"), &fault::OFFICE_EXPIRED),
        Some(Severity::Hold)
    );
    assert_eq!(
        severity(|d| d.office = OfficeCode::new("D1"), &fault::OFFICE_SUCCEEDED),
        Some(Severity::Flag)
    );
    assert_eq!(findings(|d| d.office = office("D1"))[0].detail, "C1");
    assert_eq!(
        severity(|d| d.residence_verified = false, &fault::RESIDENCE_UNVERIFIED),
        Some(Severity::Hold)
    );
    assert_eq!(
        severity(|d| d.manual_entry = true, &fault::MANUAL_ENTRY),
        Some(Severity::Flag)
    );
}
