use std::collections::{BTreeMap, BTreeSet};

use p256::SecretKey;
use p256::elliptic_curve::sec1::ToSec1Point;
use time::macros::{date, datetime};

use super::*;
use crate::base::font;
use crate::dossier::finding::{Severity, worst};
use crate::dossier::jwe::Sealed;
use crate::dossier::name::Glyphs;
use crate::dossier::{Expiry, OfficeTable, Requirements, Rules, check, fault, open};

const ISSUED: Date = date!(2026 - 11 - 20);

fn plan(count: usize) -> Plan {
    Plan {
        seed: 2026,
        count,
        issued: ISSUED,
        intake: None,
    }
}

/// Every request is opened and admitted as production would; what was spoiled is found, and nothing else.
#[test]
fn mistakes_are_found_and_nothing_else() {
    let generated = generate(plan(1_500));
    let offices = OfficeTable::new(generated.offices.clone()).unwrap();
    assert!(offices.iter().count() >= 20);
    let glyphs = Glyphs::of(font::SANS).unwrap();
    let profiles = Requirements::viet_nam();
    let rules = Rules {
        profiles: &profiles,
        offices: &offices,
        glyphs: &glyphs,
        portrait: Default::default(),
        issue_ahead_days: 3,
    };
    let trust = [generated.trust_anchor_der.clone()];
    let now = datetime!(2026-11-20 08:00 UTC);
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut unlimited, mut held, mut profiles_seen) = (0, 0, BTreeSet::new());
    for request in generated.requests() {
        let resolve = |name: &str| {
            request
                .attachments
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, bytes)| bytes.clone())
        };
        let findings = match open(&request.body, &trust, now, &resolve) {
            Ok(opened) => {
                assert_eq!(opened.dossier.request, request.request_id);
                assert_eq!(opened.dossier.office, request.office);
                unlimited += usize::from(opened.dossier.expiry == Expiry::Unlimited);
                profiles_seen.insert(opened.dossier.profile.clone());
                check(&opened.dossier, &rules, ISSUED)
            }
            Err(rejected) => rejected.findings,
        };
        match request.faulty {
            // Only the order book can see this one.
            Some(code) if code == fault::PERSON_HAS_ORDER.id => {}
            Some(code) => assert!(
                findings.iter().any(|finding| finding.code.id == code),
                "{request:?}: {findings:?}"
            ),
            None => {
                assert_ne!(
                    worst(&findings),
                    Some(Severity::Return),
                    "{request:?}: {findings:?}"
                );
                held += usize::from(worst(&findings) == Some(Severity::Hold));
            }
        }
        *seen.entry(request.faulty.unwrap_or("")).or_default() += 1;
    }
    let spoiled = 1_500 - seen[""];
    assert!((15..60).contains(&spoiled), "{seen:?}");
    assert!(seen.len() > 10, "{seen:?}");
    assert!((150..450).contains(&unlimited), "{unlimited}");
    assert!(held > 0);
    assert_eq!(profiles_seen.len(), 3);
}

#[test]
fn one_seed_one_rehearsal() {
    let (one, other) = (generate(plan(40)), generate(plan(40)));
    assert_eq!(one.trust_anchor_der, other.trust_anchor_der);
    for index in [0, 7, 39] {
        assert_eq!(one.request(index).body, other.request(index).body);
    }
    let another = generate(Plan { seed: 7, ..plan(40) });
    assert_ne!(one.request(0).body, another.request(0).body);
}

#[test]
fn people_differ_and_look_their_size() {
    let generated = generate(plan(120));
    let (mut numbers, mut faces) = (BTreeSet::new(), BTreeSet::new());
    for index in 0..120 {
        let dossier = generated.truth(index);
        assert!(numbers.insert(dossier.person.number.clone()));
        let Some(portrait) = &dossier.portrait else {
            continue;
        };
        assert!((12_000..20_000).contains(&portrait.bytes.len()), "{portrait:?}");
        assert!(faces.insert(portrait.bytes.clone()));
        for finger in [2, 7] {
            let Some(image) = dossier.finger(finger) else {
                continue;
            };
            assert!((1_500..=6_000).contains(&image.bytes.len()), "{image:?}");
        }
    }
}

#[test]
fn some_are_sealed_and_open_with_the_intake_key() {
    let key = SecretKey::from_slice(&[5; 32]).unwrap();
    let point = key
        .public_key()
        .to_sec1_point(false)
        .as_bytes()
        .try_into()
        .unwrap();
    let generated = generate(Plan {
        intake: Some(point),
        ..plan(150)
    });
    let plain = generate(plan(150));
    let mut sealed = 0;
    for index in 0..150 {
        let request = generated.request(index);
        if Sealed::is_likely(&request.body) {
            sealed += 1;
            let envelope = Sealed::parse(std::str::from_utf8(&request.body).unwrap()).unwrap();
            let peer = p256::PublicKey::from_sec1_bytes(envelope.peer()).unwrap();
            let shared = (*key.diffie_hellman(&peer).raw_secret_bytes()).into();
            assert_eq!(
                *envelope.open(&shared).unwrap().expose(),
                plain.request(index).body
            );
        }
    }
    assert!((1..15).contains(&sealed), "{sealed}");
}

#[test]
fn a_correction_is_a_new_version_without_the_mistake() {
    let generated = generate(plan(300));
    let index = (0..300)
        .find(|index| generated.request(*index).faulty == Some(Mistake::OtherSex.finding()))
        .unwrap_or(0);
    let corrected = generated.correction(index);
    let opened = open(
        &corrected.body,
        &[generated.trust_anchor_der.clone()],
        datetime!(2026-11-20 08:00 UTC),
        &|_| corrected.attachments.first().map(|(_, bytes)| bytes.clone()),
    )
    .unwrap();
    assert_eq!((opened.dossier.version, corrected.faulty), (2, None));
    let truth = Dossier {
        version: 2,
        ..generated.truth(index)
    };
    assert!(opened.dossier == truth);
}

#[test]
#[ignore = "a measurement, not a proof"]
fn how_fast() {
    let generated = generate(plan(400));
    let watch = crate::base::clock::Stopwatch::start();
    let bytes: usize = generated.requests().map(|request| request.body.len()).sum();
    let per_second = 400.0 / watch.elapsed().as_secs_f64();
    panic!("{per_second:.0} a second, {} bytes each", bytes / 400);
}

#[test]
#[ignore = "a measurement, not a proof"]
fn where_time_goes() {
    let generated = generate(plan(400));
    let mut dice = Dice::new(1, 1);
    let time = |name: &str, f: &mut dyn FnMut()| {
        let watch = crate::base::clock::Stopwatch::start();
        for _ in 0..10 {
            f();
        }
        eprintln!("{name}: {:.2} ms", watch.elapsed().as_secs_f64() * 100.0);
    };
    time("face", &mut || {
        face_(&generated.texture, &mut dice);
    });
    let mut dice = Dice::new(1, 1);
    time("finger", &mut || {
        pictures::fingerprint(&mut dice);
    });
    let dossier = generated.truth(3);
    time("write", &mut || {
        osia::write(&dossier);
    });
    let document = osia::write(&dossier);
    time("canonical", &mut || {
        crate::dossier::json::canonical_without(document.as_object().unwrap(), "x").unwrap();
    });
    time("sign", &mut || {
        generated.registry.sign(&document);
    });
    let body = generated.registry.sign(&document);
    time("parse", &mut || {
        crate::dossier::json::parse(&body).unwrap();
    });
    let trust = [generated.trust_anchor_der.clone()];
    time("open", &mut || {
        open(&body, &trust, datetime!(2026-11-20 08:00 UTC), &|_| None).unwrap();
    });
    time("decode", &mut || {
        crate::dossier::image::decode_grey(dossier.portrait.as_ref().unwrap()).unwrap();
    });
    time("decode finger", &mut || {
        crate::dossier::image::decode_grey(dossier.finger(2).unwrap()).unwrap();
    });
    time("base64", &mut || {
        let _ = data_encoding::BASE64.encode(&body);
    });
    let offices = OfficeTable::new(generated.offices.clone()).unwrap();
    time("glyphs", &mut || {
        Glyphs::of(font::SANS).unwrap();
    });
    let glyphs = Glyphs::of(font::SANS).unwrap();
    let profiles = Requirements::viet_nam();
    let rules = Rules {
        profiles: &profiles,
        offices: &offices,
        glyphs: &glyphs,
        portrait: Default::default(),
        issue_ahead_days: 3,
    };
    time("check", &mut || {
        let _ = check(&dossier, &rules, ISSUED);
    });
    panic!();
}
fn face_(t: &Texture, d: &mut Dice) {
    pictures::face(30, crate::dossier::Sex::Male, t, d);
}
