use proptest::prelude::*;

use super::*;
use crate::base::hex;
use crate::document::example;
use crate::document::sod::LdsVersion;
use crate::document::tlv::Header;
use crate::dossier::record::{LEFT_INDEX, RIGHT_INDEX};
use crate::dossier::{Capture, Finger};

fn public() -> ChipPublic {
    ChipPublic {
        active_authentication: Some(example::chip_key()),
        chip_authentication: Some(example::chip_key()),
    }
}

fn built(dossier: &Dossier, profile: &CardProfile) -> Result<CardFiles, Fault> {
    files(dossier, profile, &public(), example::CARD_NUMBER, [0; FILLER])
}

#[test]
fn a_card_of_2021_has_its_files() {
    let files = built(&example::dossier(), &example::profile("cccd-2021")).unwrap();
    let expected = [1, 2, 13, 14, 15].map(FileId::Dg);
    assert!(
        files
            .keys()
            .copied()
            .eq([FileId::CardAccess, FileId::Com].into_iter().chain(expected))
    );
    // The order seen on a published card, LDS 1.8.
    assert_eq!(
        hex::encode(&files[&FileId::Com]),
        "60175F0104303130385F36063034303030305C0561756D6F6E"
    );
    assert_eq!(
        hex::encode(&files[&FileId::CardAccess]),
        "31143012060A04007F0007020204020202010202010C"
    );
    for (file, bytes) in &files {
        let header = Header::read(bytes).unwrap();
        assert_eq!(
            (header.tag, header.total()),
            (u16::from(file.tag()), bytes.len()),
            "{file}"
        );
    }
    let (outer, entry) = (&files[&FileId::Dg(14)], &files[&FileId::CardAccess][2..]);
    assert!(outer.windows(entry.len()).any(|bytes| bytes == entry));
}

#[test]
fn a_child_s_card_has_no_portrait() {
    let profile = example::profile("cc-2024-child");
    let mut dossier = example::dossier();
    dossier.profile.clone_from(&profile.id);
    assert_eq!(built(&dossier, &profile).unwrap_err().code, &FIELD_UNFIT);
    dossier.portrait = None;
    let files = built(&dossier, &profile).unwrap();
    assert!(!files.contains_key(&FileId::Dg(2)));
    assert_eq!(compare(&dossier, &profile, &files), []);
    assert!(hashes(&files).keys().eq(&[1, 13, 14, 15]));
}

#[test]
fn fingerprints_are_on_the_chip_if_the_profile_says_so() {
    let mut profile = example::profile("cccd-2021");
    profile.chip.data_groups.insert(2, 3);
    let mut dossier = example::dossier();
    dossier.fingers = vec![Finger {
        position: LEFT_INDEX,
        capture: Capture::Taken(dossier.portrait.clone().unwrap()),
    }];
    let mut files = built(&dossier, &profile).unwrap();
    assert!(hashes(&files).contains_key(&3));
    assert_eq!(compare(&dossier, &profile, &files), []);
    let told = |dossier: &Dossier, files: &CardFiles| {
        let found = compare(dossier, &profile, files);
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let mut other = dossier.clone();
    other.fingers[0].position = RIGHT_INDEX;
    assert_eq!(told(&other, &files), ["EF.DG3 fingerprints: differs"]);
    other.fingers.clear();
    assert_eq!(told(&other, &files), ["EF.DG3 fingerprints: differs"]);
    files.remove(&FileId::Dg(3));
    assert_eq!(told(&dossier, &files), ["EF.DG3: absent"]);
}

#[test]
fn the_lds_version_goes_with_the_sod() {
    let mut profile = example::profile("cccd-2021");
    profile.sod.version = LdsVersion::V0;
    let files = built(&example::dossier(), &profile).unwrap();
    assert_eq!(Com::decode(&files[&FileId::Com]).unwrap().lds_version, "0107");
}

#[test]
fn hashes_cover_whole_data_groups_and_nothing_else() {
    let files = built(&example::dossier(), &example::profile("cccd-2021")).unwrap();
    let hashes = hashes(&files);
    assert_eq!(hashes.len(), 5);
    let expected: [u8; 32] = Sha256::digest(&files[&FileId::Dg(13)]).into();
    assert_eq!(hashes[&13], expected);
}

#[test]
fn what_the_dossier_lacks_or_spoils_is_named() {
    let profile = example::profile("cccd-2021");
    type Spoil = fn(&mut Dossier);
    let cases: &[(&str, &crate::base::Code, Spoil)] = &[
        ("residence", &FIELD_MISSING, |d| d.person.residence.clear()),
        ("marks", &FIELD_MISSING, |d| d.person.marks.clear()),
        ("portrait", &FIELD_MISSING, |d| d.portrait = None),
        ("number", &FIELD_UNFIT, |d| d.person.number = "12345678901".into()),
        ("origin", &FIELD_UNFIT, |d| {
            d.person.origin = "Ha\u{300} No\u{302}\u{323}i".into();
        }),
        ("spouse", &FIELD_UNFIT, |d| {
            d.person.spouse = Some("An\nBình".into());
        }),
        ("EF.DG2", &FILE_TOO_LARGE, |d| {
            d.portrait
                .iter_mut()
                .for_each(|image| image.bytes = vec![0; 65_536]);
        }),
        ("profile", &PROFILE_MISMATCH, |d| d.profile = "cc-2024".into()),
    ];
    for (part, code, spoil) in cases {
        let mut dossier = example::dossier();
        spoil(&mut dossier);
        let fault = built(&dossier, &profile).unwrap_err();
        assert_eq!(fault.code, *code, "{part}");
        assert!(fault.detail.contains(part) || *part == "profile", "{fault}");
    }
}

#[test]
fn key_and_number_must_go_with_the_profile() {
    let (dossier, mut profile) = (example::dossier(), example::profile("cccd-2021"));
    for number in ["", "0123456789ABCDE", "0123456789ABCDEF0", "0123456789ABCDE "] {
        let fault = files(&dossier, &profile, &public(), number, [0; FILLER]).unwrap_err();
        assert_eq!(fault.code, &PREPARATION_WRONG);
    }
    let fault = files(
        &dossier,
        &profile,
        &ChipPublic::default(),
        example::CARD_NUMBER,
        [0; FILLER],
    )
    .unwrap_err();
    assert_eq!(fault.code, &PREPARATION_WRONG);
    profile.chip.active_authentication = false;
    profile.chip.data_groups.retain(|number| *number != 15);
    assert_eq!(built(&dossier, &profile).unwrap_err().code, &PREPARATION_WRONG);
    let only = |active, agreement| ChipPublic {
        active_authentication: active,
        chip_authentication: agreement,
    };
    let with = |public, profile: &CardProfile| {
        files(&dossier, profile, &public, example::CARD_NUMBER, [0; FILLER]).map_err(|fault| fault.code)
    };
    let key = Some(example::chip_key());
    assert!(with(only(None, key), &profile).is_ok());
    assert_eq!(with(only(None, None), &profile), Err(&PREPARATION_WRONG));
    profile.chip.chip_authentication = None;
    assert_eq!(with(only(None, key), &profile), Err(&PREPARATION_WRONG));
    assert!(
        files(
            &dossier,
            &profile,
            &ChipPublic::default(),
            example::CARD_NUMBER,
            [0; FILLER]
        )
        .is_ok()
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn what_is_built_compares_well(
        number in "[0-9]{12}",
        words in prop::collection::vec("[A-ZĐƠƯ][a-zàếộữỳđ]{0,9}", 1..9),
        icao: bool,
        image in prop::collection::vec(any::<u8>(), 1..400),
        spouse in prop::option::of("[A-ZĐ][a-zế]{1,9}"),
    ) {
        let mut profile = example::profile("cccd-2021");
        if icao {
            profile.mrz.name_separator = crate::document::profile::NameSeparator::Icao;
        }
        let mut dossier = example::dossier();
        dossier.person.number = number;
        dossier.person.name = words.join(" ");
        dossier.person.spouse = spouse;
        dossier.portrait.iter_mut().for_each(|portrait| portrait.bytes.clone_from(&image));
        let files = built(&dossier, &profile).unwrap();
        prop_assert_eq!(compare(&dossier, &profile, &files), []);
    }
}
