//! What is said of cards that are as they should be, and of others.

use super::*;
use crate::base::Secret;
use crate::base::dialogue::drive;
use crate::chip::{ChipProfile, Password, Request, fault, inspect, manufacture, survey, tlv};
use crate::document::CardFiles;
use crate::document::com::{Com, UNICODE_VERSION};
use crate::document::sod::{LdsVersion, SodDraft};
use crate::pki::testkit::{NOW, Rehearsal};
use crate::pki::{Curve, EllipticCurve};
use crate::sim::chip::{AgreementKey, Chip, Issue, Keys};
use sha2::{Digest, Sha256};

const ZONE: &str =
    "IDVNMD231458907<<<<<<<<<<<<<<<7408122F1204159UTO<<<<<<<<<<<6ERIKSSON<<ANNA<MARIA<<<<<<<<<<";

/// A signed card with PACE, chip authentication and protected fingerprints, and who signed it.
fn card(change: impl FnOnce(&mut CardFiles)) -> (Chip, Rehearsal) {
    let pki = Rehearsal::new(Curve::Explicit);
    let object = |tag, value: &[u8]| {
        let mut object = Vec::new();
        tlv::push(&mut object, tag, value);
        object
    };
    let curve = EllipticCurve::BrainpoolP256r1;
    let pace = SecurityInfo::Pace {
        protocol: crate::document::security_info::PACE_ECDH_GM_AES_128,
        parameter_id: Some(13),
    };
    let infos = SecurityInfos::new(vec![
        pace.clone(),
        SecurityInfo::ChipAuthentication {
            protocol: crate::document::security_info::CA_ECDH_AES_128,
            key_id: None,
        },
        SecurityInfo::ChipAuthenticationPublicKey {
            protocol: crate::document::security_info::PK_ECDH,
            key: Curve::Explicit
                .spki_on(curve, &curve.public(&[3; 32]).unwrap())
                .unwrap(),
            key_id: None,
        },
    ]);
    let mut files = CardFiles::from([
        (FileId::CardAccess, SecurityInfos::new(vec![pace]).card_access()),
        (FileId::Dg(1), object(0x61, &object(0x5F1F, ZONE.as_bytes()))),
        (FileId::Dg(2), object(0x75, &[2; 3_000])),
        (FileId::Dg(3), object(0x63, &[3; 300])),
        (FileId::Dg(14), infos.dg14()),
    ]);
    let com = Com {
        lds_version: "0107".into(),
        unicode_version: UNICODE_VERSION.into(),
        data_groups: vec![1, 2, 3, 14],
    };
    files.insert(FileId::Com, com.encode());
    let hashes = files.iter().filter_map(|(file, bytes)| match file {
        FileId::Dg(number) => Some((*number, Sha256::digest(bytes).into())),
        _ => None,
    });
    let draft = SodDraft::new(&hashes.collect(), LdsVersion::V0, None).unwrap();
    let signature = pki.ds_key.sign(&draft.digest);
    files.insert(FileId::Sod, draft.finish(&pki.ds.der, &signature).unwrap());
    change(&mut files);
    let issue = Issue {
        files,
        mrz: MrzKey::from_zone(ZONE).unwrap(),
        can: None,
        keys: Keys {
            chip_authentication: Some(AgreementKey {
                parameters: curve.parameter_id().into(),
                private: vec![3; 32],
                id: None,
            }),
            ..Keys::default()
        },
    };
    (
        Chip::issued(&ChipProfile::built_in("rehearsal").unwrap(), issue),
        pki,
    )
}

fn read(chip: &mut Chip, zone: &str) -> Result<Inspection, Fault> {
    let request = Request {
        tolerant: true,
        allow_bac: true,
        ..Request::new(Password::Mrz(MrzKey::from_zone(zone).unwrap()))
    };
    chip.power_on();
    drive(&mut inspect(request, &Secret::new([9; 32])), |command| {
        Some(chip.transmit(command))
    })
}

fn judged(change: impl FnOnce(&mut CardFiles), trust: impl FnOnce(&Rehearsal) -> Trusted) -> Report {
    let (mut chip, pki) = card(change);
    let seen = read(&mut chip, ZONE).unwrap();
    Report::of(&seen, Some(&MrzKey::from_zone(ZONE).unwrap()), &trust(&pki), NOW)
}

fn all(pki: &Rehearsal) -> Trusted {
    Trusted {
        store: pki.trust(),
        passed_over: Vec::new(),
    }
}

fn standing(report: &Report, check: &str) -> Standing {
    let line = report.lines.iter().find(|line| line.check == check);
    line.unwrap_or_else(|| panic!("{check}: {report:?}")).verdict
}

#[test]
fn a_good_card_passes_and_its_fingerprints_are_no_doubt() {
    let report = judged(|_| (), all);
    assert_eq!(report.verdict(), Standing::Passed, "{}", report.show(false));
    assert_eq!(standing(&report, "data group 3"), Standing::Absent);
    assert_eq!(standing(&report, "chip authentication"), Standing::Passed);
    assert_eq!(standing(&report, "active authentication"), Standing::Absent);
    assert_eq!(standing(&report, "face and DG1"), Standing::Passed);
    let text = report.show(false);
    assert!(
        text.starts_with("passed        access                   PACE with generic mapping"),
        "{text}"
    );
    assert!(text.ends_with("\nverdict: passed"), "{text}");
    let json: Value = serde_json::from_str(&report.show(true)).unwrap();
    assert_eq!(
        (&json["verdict"], &json["checks"][0]["check"]),
        (&json!("passed"), &json!("access"))
    );
}

#[test]
fn what_is_not_known_is_undetermined_and_what_is_wrong_fails() {
    let nobody = judged(|_| (), |_| Trusted::default());
    assert_eq!(nobody.verdict(), Standing::Undetermined);
    assert_eq!(standing(&nobody, "chain"), Standing::Undetermined);
    let no_list = judged(
        |_| (),
        |pki| {
            let mut trusted = all(pki);
            trusted.store.crls.clear();
            trusted.passed_over.push("note.txt: no certificate".into());
            trusted
        },
    );
    assert_eq!(no_list.verdict(), Standing::Undetermined);
    assert_eq!(standing(&no_list, "revocation"), Standing::Undetermined);
    assert!(no_list.show(false).contains("not used as trust: note.txt"));
    let changed = judged(|files| files.get_mut(&FileId::Dg(2)).unwrap()[100] ^= 1, all);
    assert_eq!(
        (changed.verdict(), standing(&changed, "data group 2")),
        (Standing::Failed, Standing::Failed)
    );
    let missing = judged(|files| drop(files.remove(&FileId::Dg(2))), all);
    assert_eq!(standing(&missing, "EF.DG2"), Standing::Failed);
    let unsigned = judged(|files| drop(files.remove(&FileId::Sod)), all);
    assert_eq!(standing(&unsigned, "passive authentication"), Standing::Failed);
    let weakened = judged(
        |files| {
            let stronger = SecurityInfo::Pace {
                protocol: crate::document::security_info::PACE_ECDH_GM_AES_128,
                parameter_id: Some(12),
            };
            files.insert(
                FileId::CardAccess,
                SecurityInfos::new(vec![stronger]).card_access(),
            );
        },
        all,
    );
    assert_eq!(standing(&weakened, "EF.CardAccess"), Standing::Failed);
}

#[test]
fn a_zone_that_opens_but_is_not_the_one_in_dg1_fails() {
    // Another expiry, with its check digit.
    let other = ZONE.replace("1204159", "1304152");
    assert!(MrzKey::from_zone(&other).is_ok());
    let report = judged(
        |files| {
            let (mut zone, mut dg1) = (Vec::new(), Vec::new());
            tlv::push(&mut zone, 0x5F1F, other.as_bytes());
            tlv::push(&mut dg1, 0x61, &zone);
            files.insert(FileId::Dg(1), dg1);
        },
        all,
    );
    assert_eq!(standing(&report, "face and DG1"), Standing::Failed);
    assert_eq!(standing(&report, "data group 1"), Standing::Failed);
}

#[test]
fn a_chip_that_is_not_opened_fails() {
    let (mut chip, _) = card(|_| ());
    let wrong = "IDVNMD231458907<<<<<<<<<<<<<<<7408122F9507122UTO<<<<<<<<<<<6ERIKSSON<<ANNA<MARIA<<<<<<<<<<";
    let denied = read(&mut chip, wrong).unwrap_err();
    assert_eq!(denied.code, &fault::ACCESS_DENIED);
    assert!(is_of_the_chip(&denied));
    assert_eq!(Report::unopened(&denied).verdict(), Standing::Failed);
}

#[test]
fn a_chip_tells_its_ways_and_what_was_read_is_listed() {
    let (mut chip, _) = card(|_| ());
    let atr = chip.power_on();
    let seen = drive(&mut survey(), |command| Some(chip.transmit(command))).unwrap();
    let made = drive(&mut manufacture(), |command| Some(chip.transmit(command))).unwrap();
    assert!(seen.application && seen.read_max.is_some_and(|bytes| bytes > 1_000));
    let text = told(&atr, &made, &seen, false);
    let way = "PACE with generic mapping, BrainpoolP256r1, Aes128";
    assert!(text.contains(way), "{text}");
    let fabricator = ChipProfile::built_in("rehearsal").unwrap().chip.fabricator;
    let line = format!("CPLC data         fabricator {fabricator}, ");
    assert!(text.contains(&line), "{text}");
    let silent = Manufacture {
        cplc: None,
        keys: Some(vec![0xE0, 0x00]),
        diversification: None,
    };
    let text = told(&atr, &silent, &seen, false);
    assert!(
        text.contains("CPLC data         not told") && text.contains("key information   E000"),
        "{text}"
    );
    let json: Value = serde_json::from_str(&told(&atr, &made, &seen, true)).unwrap();
    assert_eq!(json["card_access"], json!([way]));
    assert_eq!(
        in_words(&SecurityInfo::Other(Vec::new())),
        "something that is not known here"
    );
    let unknown = SecurityInfo::Pace {
        protocol: crate::document::security_info::PACE_ECDH_GM_AES_128,
        parameter_id: Some(17),
    };
    assert!(in_words(&unknown).contains("not supported"));

    let seen = read(&mut chip, ZONE).unwrap();
    let text = contents(&seen, &["EF.DG1.bin".to_owned()], false);
    assert!(text.contains("\n7408122F1204159UTO<<<<<<<<<<<6\n"), "{text}");
    assert!(
        text.contains("EF.DG3           protected") && text.ends_with("wrote EF.DG1.bin"),
        "{text}"
    );
    let json: Value = serde_json::from_str(&contents(&seen, &[], true)).unwrap();
    assert_eq!(json["protected"], json!(["EF.DG3"]));
}

/// What was read before the break has its verdicts, and what was not asked passes for nothing.
#[test]
fn a_conversation_that_breaks_off_is_judged_as_far_as_it_went() {
    let (mut chip, pki) = card(|_| ());
    let key = MrzKey::from_zone(ZONE).unwrap();
    let mut seen = read(&mut chip, ZONE).unwrap();
    seen.broken_off = Some(Fault::new(&fault::CHANNEL, "command B0: wrong checksum"));
    seen.active_authentication = Verdict::NotAsked;
    let report = Report::of(&seen, Some(&key), &all(&pki), NOW);
    assert_eq!(standing(&report, "conversation"), Standing::Failed);
    assert_eq!(standing(&report, "active authentication"), Standing::Undetermined);
    assert_eq!(standing(&report, "chip authentication"), Standing::Passed);
    assert_eq!(report.verdict(), Standing::Failed);
    assert!(contents(&seen, &[], false).contains("\nbroken off: "));
}

/// Names in certificates are the card's to choose, and a terminal obeys what it is told.
#[test]
fn a_reason_from_the_card_moves_no_cursor() {
    let name = format!("CN=\u{1b}[2J\u{9b}2K\r\n\u{202e}{}", "Ủ".repeat(5_000));
    let report = Report::unopened(&Fault::new(&fault::GARBLED, name));
    for text in [report.show(false), report.show(true)] {
        let harmful = |shown: char| shown.is_control() && shown != '\n' || shown == '\u{202e}';
        assert!(!text.contains(harmful) && text.chars().count() < 600, "{text:?}");
    }
    assert_eq!(report.show(false).lines().count(), 2);
}
