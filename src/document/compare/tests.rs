use proptest::prelude::*;
use time::macros::date;

use super::*;
use crate::document::build::{ChipPublic, FILLER, files};
use crate::document::example;
use crate::document::security_info::PACE_ECDH_GM_AES_128;
use crate::pki::{Curve, EllipticCurve};

fn built(dossier: &Dossier) -> CardFiles {
    let public = ChipPublic {
        active_authentication: Some(example::chip_key()),
        chip_authentication: Some(example::chip_key()),
    };
    files(
        dossier,
        &example::profile("cccd-2021"),
        &public,
        example::CARD_NUMBER,
        [0; FILLER],
    )
    .unwrap()
}

fn found(dossier: &Dossier, read: &CardFiles) -> Vec<String> {
    compare(dossier, &example::profile("cccd-2021"), read)
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn every_field_of_another_dossier_is_told() {
    type Change = fn(&mut Dossier);
    let cases: &[(Change, &[&str])] = &[
        (|_| {}, &[]),
        (
            |d| d.person.number = "001203012346".into(),
            &[
                "EF.DG1 document number: differs",
                "EF.DG1 number: differs",
                "EF.DG13 number: differs",
            ],
        ),
        (
            |d| d.person.number = "002203012345".into(),
            &["EF.DG1 number: differs", "EF.DG13 number: differs"],
        ),
        (
            |d| d.person.name = "Đỗ Vân Đạt".into(),
            &["EF.DG13 name: differs"],
        ),
        (
            |d| d.person.name = "Đỗ Văn Đạo".into(),
            &["EF.DG1 name: differs", "EF.DG13 name: differs"],
        ),
        (
            |d| d.person.name = "Đỗ Văn".into(),
            &["EF.DG1 name: differs", "EF.DG13 name: differs"],
        ),
        (
            |d| d.person.born = date!(2003 - 04 - 16),
            &["EF.DG1 born: differs", "EF.DG13 born: differs"],
        ),
        // A century is not in the zone.
        (
            |d| d.person.born = date!(1903 - 04 - 15),
            &["EF.DG13 born: differs"],
        ),
        (
            |d| d.person.sex = Sex::Female,
            &["EF.DG1 sex: differs", "EF.DG13 sex: differs"],
        ),
        (
            |d| d.expiry = Expiry::Unlimited,
            &["EF.DG1 expiry: differs", "EF.DG13 expiry: differs"],
        ),
        (|d| d.issued = date!(2021 - 05 - 21), &["EF.DG13 issued: differs"]),
        (
            |d| d.person.nationality.push('.'),
            &["EF.DG13 nationality: differs"],
        ),
        (
            |d| d.person.ethnicity = "Tày".into(),
            &["EF.DG13 ethnicity: differs"],
        ),
        (|d| d.person.religion.clear(), &["EF.DG13 religion: differs"]),
        (|d| d.person.origin.push('.'), &["EF.DG13 place: differs"]),
        (|d| d.person.residence.push('.'), &["EF.DG13 residence: differs"]),
        (|d| d.person.marks.push('.'), &["EF.DG13 marks: differs"]),
        (
            |d| std::mem::swap(&mut d.person.father, &mut d.person.mother),
            &["EF.DG13 father: differs", "EF.DG13 mother: differs"],
        ),
        (
            |d| d.person.spouse = Some("An".into()),
            &["EF.DG13 spouse: differs"],
        ),
        (|d| d.person.old_number = None, &["EF.DG13 old_number: differs"]),
        (
            |d| d.portrait.iter_mut().for_each(|image| image.bytes[9] ^= 1),
            &["EF.DG2 image: differs"],
        ),
        (
            |d| d.portrait.iter_mut().for_each(|image| image.width += 1),
            &["EF.DG2 image format: differs"],
        ),
        (
            |d| d.portrait = None,
            &["EF.DG2 image: differs", "EF.DG2 image format: differs"],
        ),
    ];
    let read = built(&example::dossier());
    for (change, expected) in cases {
        let mut dossier = example::dossier();
        change(&mut dossier);
        assert_eq!(found(&dossier, &read), *expected);
    }
}

#[test]
fn missing_surplus_and_unreadable_files_are_told() {
    let dossier = example::dossier();
    let good = built(&dossier);
    for file in good.keys() {
        let mut read = good.clone();
        read.remove(file);
        assert_eq!(found(&dossier, &read), [format!("{file}: absent")]);
        read.insert(*file, vec![file.tag(), 0x80]);
        assert_eq!(found(&dossier, &read), [format!("{file}: unreadable")]);
    }
    let mut read = good;
    read.insert(FileId::Dg(3), vec![0x63, 0x00]);
    assert_eq!(found(&dossier, &read), ["EF.DG3: not expected"]);
    read.remove(&FileId::Dg(3));
    read.insert(FileId::Sod, vec![0x77, 0x00]);
    assert!(found(&dossier, &read).is_empty());
}

#[test]
fn a_chip_that_announces_other_protocols_is_told() {
    let dossier = example::dossier();
    let mut read = built(&dossier);
    let other = SecurityInfos::new(vec![SecurityInfo::Pace {
        protocol: PACE_ECDH_GM_AES_128,
        parameter_id: Some(13),
    }]);
    read.insert(FileId::CardAccess, other.card_access());
    assert_eq!(
        found(&dossier, &read),
        [
            "EF.CardAccess PACE: differs",
            "EF.DG14 entries of EF.CardAccess: differs"
        ]
    );
    let mut read = built(&dossier);
    read.insert(FileId::Dg(14), other.dg14());
    assert_eq!(
        found(&dossier, &read),
        [
            "EF.DG14 entries of EF.CardAccess: differs",
            "EF.DG14 active authentication: differs",
            "EF.DG14 chip authentication: differs",
            "EF.DG14 key of chip authentication: differs"
        ]
    );
}

#[test]
fn a_key_for_chip_authentication_of_another_kind_is_told() {
    let dossier = example::dossier();
    let mut read = built(&dossier);
    let curve = EllipticCurve::BrainpoolP256r1;
    let infos = SecurityInfos::from_dg14(&read[&FileId::Dg(14)]).unwrap();
    let others = infos.infos().iter().map(|info| match info {
        SecurityInfo::ChipAuthenticationPublicKey { protocol, .. } => {
            SecurityInfo::ChipAuthenticationPublicKey {
                protocol: *protocol,
                key: Curve::Explicit
                    .spki_on(curve, &curve.public(&[7; 32]).unwrap())
                    .unwrap(),
                key_id: None,
            }
        }
        info => info.clone(),
    });
    read.insert(FileId::Dg(14), SecurityInfos::new(others.collect()).dg14());
    assert_eq!(
        found(&dossier, &read),
        ["EF.DG14 key of chip authentication: differs"]
    );
}

#[test]
fn a_cut_name_must_be_the_beginning_of_every_word() {
    let mut dossier = example::dossier();
    dossier.person.name = "Nguyễn Phước Hoàng Thiên Ân Khánh Huyền".into();
    let read = built(&dossier);
    assert!(found(&dossier, &read).is_empty());
    dossier.person.name = "Nguyễn Phước Hoàng Thiện Ân Minh Huyền".into();
    assert_eq!(
        found(&dossier, &read),
        ["EF.DG1 name: differs", "EF.DG13 name: differs"]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_files_are_compared(number in 1u8..=16, bytes: Vec<u8>, at: prop::sample::Index, byte: u8) {
        let dossier = example::dossier();
        let mut read = built(&dossier);
        // One changed byte anywhere either leaves every value as it was or is told; nothing panics.
        for content in read.values_mut() {
            let at = at.index(content.len());
            content[at] = byte;
        }
        let _ = found(&dossier, &read);
        read.insert(FileId::Dg(number), bytes);
        prop_assert!(!found(&dossier, &read).is_empty());
    }
}
