use std::collections::{BTreeMap, BTreeSet};

use p256::SecretKey;
use p256::elliptic_curve::sec1::ToSec1Point;
use time::OffsetDateTime;
use time::macros::{date, datetime};

use super::*;
use crate::base::font;
use crate::document::profile::{BUILTIN, CardProfile};
use crate::dossier::admit::PortraitRules;
use crate::dossier::finding::{Finding, Severity, worst};
use crate::dossier::jwe::Sealed;
use crate::dossier::name::Glyphs;
use crate::dossier::{Expiry, OfficeTable, Rules, check, open};

const ISSUED: Date = date!(2026 - 11 - 20);
const NOW: OffsetDateTime = datetime!(2026-11-20 08:00 UTC);

fn plan(count: usize) -> Plan {
    Plan {
        seed: 2026,
        count,
        issued: ISSUED,
        intake: None,
    }
}

/// A facility that opens and admits as production does.
struct Intake {
    trust: Vec<Vec<u8>>,
    offices: OfficeTable,
    glyphs: Glyphs,
    profiles: BTreeMap<&'static str, CardProfile>,
}

impl Intake {
    fn of(generated: &Generated) -> Self {
        Self {
            trust: vec![generated.trust_anchor_der.clone()],
            offices: OfficeTable::new(generated.offices.clone()).unwrap(),
            glyphs: Glyphs::of(font::SANS).unwrap(),
            profiles: BUILTIN
                .iter()
                .map(|(id, text)| (*id, CardProfile::parse(text).unwrap()))
                .collect(),
        }
    }

    fn findings(&self, request: &Request) -> Vec<Finding> {
        // Production takes an attachment only from beside its document.
        assert!(request.attachments.iter().all(|(name, _)| !name.contains('/')));
        let attached = |name: &str| request.attachments.iter().find(|(key, _)| key == name);
        let resolve = |name: &str| attached(name).map(|(_, bytes)| bytes.clone());
        match open(&request.body, &self.trust, NOW, &resolve) {
            Ok(opened) => {
                assert_eq!(opened.dossier.request, request.request_id);
                assert_eq!(opened.dossier.office, request.office);
                let profile = self.profiles.get(opened.dossier.profile.as_str());
                let rules = Rules {
                    requirements: profile.map(|profile| &profile.requirements),
                    offices: &self.offices,
                    glyphs: &self.glyphs,
                    portrait: PortraitRules::default(),
                    issue_ahead_days: 3,
                };
                check(&opened.dossier, &rules, ISSUED)
            }
            Err(rejected) => rejected.findings,
        }
    }
}

#[test]
fn every_mistake_is_found() {
    let generated = generate(plan(40));
    let intake = Intake::of(&generated);
    assert!(intake.offices.iter().count() >= 20);
    let portrayed = |index: &usize| generated.truth(*index).portrait.is_some();
    let index = (1..40).find(portrayed).unwrap();
    for mistake in mistakes::ALL {
        let mut dice = generated.dice(index);
        let dossier = generated.dossier(index, &mut dice);
        let request = generated.send(index, dossier, Some(*mistake), &mut dice);
        let findings = intake.findings(&request);
        if *mistake == Mistake::SamePerson {
            // Only the order book can see this one.
            assert_ne!(worst(&findings), Some(Severity::Return), "{findings:?}");
            assert!(generated.truth(index - 1).person.number == opened_number(&request, &intake));
        } else {
            let id = mistake.finding();
            assert!(
                findings.iter().any(|finding| finding.code.id == id),
                "{mistake:?}: {findings:?}"
            );
        }
    }
}

fn opened_number(request: &Request, intake: &Intake) -> String {
    let resolve = |_: &str| request.attachments.first().map(|(_, bytes)| bytes.clone());
    open(&request.body, &intake.trust, NOW, &resolve)
        .unwrap()
        .dossier
        .person
        .number
        .clone()
}

#[test]
fn requests_without_a_mistake_are_not_returned() {
    let generated = generate(plan(100));
    let intake = Intake::of(&generated);
    let (mut spoiled, mut unlimited, mut profiles) = (0, 0, BTreeSet::new());
    for index in 0..100 {
        let request = generated.request(index);
        let findings = intake.findings(&request);
        match request.faulty {
            Some(_) => spoiled += 1,
            None => assert_ne!(
                worst(&findings),
                Some(Severity::Return),
                "{request:?}: {findings:?}"
            ),
        }
        let truth = generated.truth(index);
        unlimited += usize::from(truth.expiry == Expiry::Unlimited);
        profiles.insert(truth.profile);
    }
    assert!(spoiled < 6, "{spoiled}");
    assert!((8..32).contains(&unlimited), "{unlimited}");
    assert_eq!(profiles.len(), 3);
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
        ..plan(100)
    });
    let plain = generate(plan(100));
    let mut sealed = 0;
    for index in 0..100 {
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
        .find(|index| generated.request(*index).faulty.is_some())
        .unwrap();
    let corrected = generated.correction(index);
    let opened = open(
        &corrected.body,
        std::slice::from_ref(&generated.trust_anchor_der),
        NOW,
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
