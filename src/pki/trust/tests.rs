use proptest::prelude::*;
use time::Duration;

use super::*;
use crate::pki::testkit::{NOW, Rehearsal, SoftKey, csca_plan, ds_plan};
use crate::pki::{CertificatePlan, Curve, EllipticCurve, PublicKey, RevokedEntry, Role};

fn code(result: Result<(), Fault>) -> &'static str {
    result.expect_err("refused").code.id
}

fn issue(pki: &Rehearsal, change: impl Fn(&mut CertificatePlan<'_>)) -> Certificate {
    let mut plan = ds_plan(&pki.csca, &pki.ds_key, pki.curve);
    change(&mut plan);
    Certificate::parse(&pki.csca_key.finish(&plan.draft().unwrap())).unwrap()
}

#[test]
fn a_certificate_reads_back_as_planned() {
    for curve in [Curve::Named, Curve::Explicit] {
        let pki = Rehearsal::new(curve);
        let ds = &pki.ds;
        let plan = ds_plan(&pki.csca, &pki.ds_key, curve);
        assert_eq!(ds.serial, [0x42]);
        assert_eq!((ds.not_before, ds.not_after), (plan.not_before, plan.not_after));
        assert_eq!(ds.usage_period, Some((plan.usage_from, plan.usage_until)));
        assert_eq!(ds.document_types, ["ID"]);
        assert_eq!(ds.authority_key, pki.csca.subject_key);
        let point = pki.ds_key.point();
        let key = PublicKey::Elliptic {
            curve: EllipticCurve::P256,
            form: curve,
            point: point.to_vec(),
        };
        assert_eq!(ds.key, key);
        assert!(ds.is_rehearsal() && ds.may_sign_documents() && !ds.may_sign_certificates());
        assert!(pki.csca.may_sign_certificates() && pki.csca.may_sign_crls());
        assert_eq!(ds.subject.country(), Some("VN"));
        assert!(ds.issuer.matches(&pki.csca.subject) && !ds.subject.matches(&pki.csca.subject));
    }
}

#[test]
fn the_chain_holds_and_each_flaw_is_named() {
    let pki = Rehearsal::new(Curve::Explicit);
    let (ds, csca) = (&pki.ds, &pki.csca);
    verify_issued(ds, csca, NOW).unwrap();
    assert_eq!(
        code(verify_issued(ds, csca, ds.not_after + Duration::seconds(1))),
        "PKI-012"
    );
    assert_eq!(
        code(verify_issued(ds, csca, ds.not_before - Duration::seconds(1))),
        "PKI-012"
    );
    assert_eq!(code(verify_issued(csca, csca, NOW)), "PKI-011");
    assert_eq!(code(verify_issued(ds, ds, NOW)), "PKI-010");
    assert_eq!(code(verify_root(ds, NOW)), "PKI-010");

    // Another CSCA of the same name: the key identifier leads elsewhere.
    let other_key = SoftKey::new(9);
    let other = other_key.finish(&csca_plan(&other_key, Curve::Explicit).draft().unwrap());
    let other = Certificate::parse(&other).unwrap();
    assert_eq!(code(verify_issued(ds, &other, NOW)), "PKI-010");

    // Signed by a key that is not the CSCA's.
    let forged = ds_plan(csca, &pki.ds_key, Curve::Explicit).draft().unwrap();
    let forged = Certificate::parse(&other_key.finish(&forged)).unwrap();
    assert_eq!(code(verify_issued(&forged, csca, NOW)), "PKI-002");
    assert_eq!(
        TrustStore {
            cscas: vec![csca.clone()],
            crls: Vec::new()
        }
        .issuer_of(&forged)
        .unwrap_err()
        .code
        .id,
        "PKI-002"
    );
}

#[test]
fn a_critical_document_type_list_is_refused() {
    let pki = Rehearsal::new(Curve::Named);
    let list = [0x06, 0x07, 0x67, 0x81, 0x08, 0x01, 0x01, 0x06, 0x02];
    let mut tbs = ds_plan(&pki.csca, &pki.ds_key, Curve::Named).draft().unwrap().tbs;
    let place = tbs.windows(list.len()).position(|window| window == list).unwrap();
    // BOOLEAN TRUE after the object identifier; three octets more in all four surrounding lengths.
    tbs.splice(place + 9..place + 9, [0x01, 0x01, 0xFF]);
    tbs[place - 1] += 3;
    grow(&mut tbs, 1);
    let extensions = tbs.windows(2).rposition(|window| window == [0xA3, 0x82]).unwrap();
    grow(&mut tbs, extensions + 1);
    grow(&mut tbs, extensions + 5);
    let critical = Certificate::parse(&pki.csca_key.finish(&crate::pki::Draft::new(tbs))).unwrap();
    assert_eq!(code(verify_issued(&critical, &pki.csca, NOW)), "PKI-013");
}

/// Adds three to a length in the form 82 hh ll.
fn grow(der: &mut [u8], at: usize) {
    assert_eq!(der[at], 0x82);
    let length = u16::from_be_bytes([der[at + 1], der[at + 2]]) + 3;
    der[at + 1..at + 3].copy_from_slice(&length.to_be_bytes());
}

#[test]
fn revocation_is_good_bad_or_unknown() {
    let pki = Rehearsal::new(Curve::Explicit);
    let ask = |crls: Vec<Crl>, at| {
        TrustStore {
            cscas: vec![pki.csca.clone()],
            crls,
        }
        .revocation(&pki.ds, &pki.csca, at)
    };
    let since = NOW - Duration::hours(2);
    let entry = |serial: &[u8]| RevokedEntry {
        serial: serial.to_vec(),
        revoked_at: since,
    };
    let stale = NOW + Duration::days(31);
    let unknown = |revocation| matches!(revocation, Revocation::Undetermined { .. });

    assert_eq!(ask(vec![pki.crl(vec![])], NOW), Revocation::Good);
    assert_eq!(ask(vec![pki.crl(vec![entry(&[0x43])])], NOW), Revocation::Good);
    assert_eq!(
        ask(vec![pki.crl(vec![entry(&[0x42])])], NOW),
        Revocation::Revoked { since }
    );
    assert_eq!(
        ask(vec![pki.crl(vec![entry(&[0x42])])], stale),
        Revocation::Revoked { since }
    );
    assert!(unknown(ask(vec![], NOW)));
    assert!(unknown(ask(vec![pki.crl(vec![])], stale)));
    assert!(unknown(ask(vec![pki.crl(vec![])], NOW - Duration::hours(2))));

    // A forged list: right name and key identifier, wrong key.
    let forger = Rehearsal {
        csca_key: SoftKey::new(9),
        ..Rehearsal::new(Curve::Explicit)
    };
    assert!(unknown(ask(vec![forger.crl(vec![])], NOW)));
    assert_eq!(code(forger.crl(vec![]).verify(&pki.csca)), "PKI-002");
}

#[test]
fn the_store_wants_chain_validity_and_a_current_list() {
    let pki = Rehearsal::new(Curve::Explicit);
    let mut trust = pki.trust();
    assert_eq!(trust.verify(&pki.ds, NOW).unwrap().subject, pki.csca.subject);
    trust.crls = vec![pki.crl(vec![RevokedEntry {
        serial: vec![0x42],
        revoked_at: NOW,
    }])];
    assert_eq!(trust.verify(&pki.ds, NOW).unwrap_err().code.id, "PKI-015");
    trust.crls.clear();
    assert_eq!(trust.verify(&pki.ds, NOW).unwrap_err().code.id, "PKI-016");
    trust.cscas.clear();
    assert_eq!(trust.verify(&pki.ds, NOW).unwrap_err().code.id, "PKI-014");
}

#[test]
fn names_match_however_they_are_written() {
    let pki = Rehearsal::new(Curve::Named);
    let shouting = issue(&pki, |plan| plan.subject.organization = "CardWright".into());
    let spaced = issue(&pki, |plan| plan.subject.organization = " cardwright ".into());
    assert!(shouting.subject.matches(&spaced.subject) && shouting.subject != spaced.subject);
    let other = issue(&pki, |plan| plan.subject.organization = "card wright".into());
    assert!(!other.subject.matches(&pki.ds.subject));
}

#[test]
fn several_document_types_are_read() {
    let pki = Rehearsal::new(Curve::Named);
    let ds = issue(&pki, |plan| {
        if let Role::DocumentSigner { document_types, .. } = &mut plan.role {
            *document_types = vec!["ID".into(), "AR".into(), "ID".into(), "I".into()];
        }
    });
    // SET OF: sorted by encoding, each once.
    assert_eq!(ds.document_types, ["I", "AR", "ID"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn damaged_certificates_and_lists_do_not_panic(
        place in 0usize..4096, byte: u8, length in 0usize..4096, noise in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        let pki = FIXED.get_or_init(|| {
            let pki = Rehearsal::new(Curve::Explicit);
            let crl = pki.crl(vec![RevokedEntry { serial: vec![1], revoked_at: NOW }]);
            (pki.ds.der, crl.der)
        });
        for original in [&pki.0, &pki.1] {
            let mut der = original.clone();
            let place = place % der.len();
            der[place] = byte;
            der.truncate(length.max(place));
            let _ = Certificate::parse(&der);
            let _ = Crl::parse(&der);
        }
        let _ = Certificate::parse(&noise);
        let _ = Crl::parse(&noise);
        let _ = PublicKey::from_spki(&noise);
    }
}

static FIXED: std::sync::OnceLock<(Vec<u8>, Vec<u8>)> = std::sync::OnceLock::new();
