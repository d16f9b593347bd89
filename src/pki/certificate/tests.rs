use time::Duration;
use time::macros::datetime;

use super::*;
use crate::base::hex;
use crate::pki::asn1::Signed;
use crate::pki::testkit::{NOW, OpenSsl, Rehearsal, SoftKey, csca_plan, ds_plan};
use crate::pki::trust::{Certificate, verify_issued, verify_root};

#[test]
fn openssl_builds_the_chain_of_named_curves() {
    let pki = Rehearsal::new(Curve::Named);
    let openssl = OpenSsl::new();
    openssl.certificate("csca.pem", &pki.csca.der);
    openssl.certificate("ds.pem", &pki.ds.der);
    let at = NOW.unix_timestamp();
    openssl.succeeds(&format!(
        "verify -x509_strict -attime {at} -CAfile csca.pem ds.pem"
    ));
    let late = datetime!(2060-01-01 0:00 UTC).unix_timestamp();
    assert!(
        !openssl
            .run(&format!("verify -attime {late} -CAfile csca.pem ds.pem"))
            .0
    );
}

#[test]
fn openssl_verifies_the_signer_of_explicit_curves_over_its_body() {
    let pki = Rehearsal::new(Curve::Explicit);
    let signed = Signed::from_der(&pki.ds.der).unwrap();
    let openssl = OpenSsl::new();
    openssl.certificate("csca.pem", &pki.csca.der);
    openssl.succeeds("x509 -in csca.pem -noout -pubkey -out csca-key.pem");
    openssl.file("tbs.der", &signed.body.to_der().unwrap());
    openssl.file("signature.der", signed.signature.as_bytes().unwrap());
    let command = "dgst -sha256 -verify csca-key.pem -signature signature.der tbs.der";
    openssl.succeeds(command);
    openssl.file("tbs.der", b"another body");
    assert!(!openssl.run(command).0);
}

#[test]
fn the_signer_has_the_extensions_of_the_profile() {
    let pki = Rehearsal::new(Curve::Explicit);
    let openssl = OpenSsl::new();
    openssl.certificate("ds.pem", &pki.ds.der);
    // Versions of OpenSSL write directory names in two ways.
    let text = openssl
        .succeeds("x509 -in ds.pem -noout -text")
        .replace("/L=", "L = ");
    for line in [
        "Version: 3 (0x2)",
        "Serial Number: 66 (0x42)",
        "Issuer: C = VN, O = cardwright, CN = CSCA REHEARSAL",
        "Subject: C = VN, O = cardwright, CN = DS 1 REHEARSAL",
        "Field Type: prime-field",
        "Cofactor:  1 (0x1)",
        "X509v3 Authority Key Identifier",
        "X509v3 Key Usage: critical\n                Digital Signature\n",
        "Not Before: Nov 22 02:00:00 2026 GMT, Not After: Feb 20 04:00:00 2027 GMT",
        "X509v3 Subject Alternative Name: \n                email:pki@csca.example, DirName:L = VNM",
        "X509v3 Issuer Alternative Name: \n                email:pki@csca.example, DirName:L = VNM",
        "URI:https://csca.example/rehearsal.crl",
        "2.23.136.1.1.6.2: \n",
    ] {
        assert!(text.contains(line), "{line:?} is missing in\n{text}");
    }
    assert!(!text.contains("Basic Constraints") && !text.contains("Extended Key Usage"));
    // OBJECT IDENTIFIER, no BOOLEAN for critical, OCTET STRING { SEQUENCE { 0, SET { "ID" } } }.
    let list = "060767810801010602040B3009020100310413024944";
    assert!(hex::encode(&pki.ds.der).contains(list));
}

#[test]
fn the_csca_has_the_extensions_of_the_profile() {
    let pki = Rehearsal::new(Curve::Explicit);
    let openssl = OpenSsl::new();
    openssl.certificate("csca.pem", &pki.csca.der);
    let text = openssl.succeeds("x509 -in csca.pem -noout -text");
    for line in [
        "Serial Number: 2164326915 (0x81010203)",
        "X509v3 Basic Constraints: critical\n                CA:TRUE, pathlen:0",
        "X509v3 Key Usage: critical\n                Certificate Sign, CRL Sign",
        "X509v3 Subject Key Identifier",
        "X509v3 Private Key Usage Period",
    ] {
        assert!(text.contains(line), "{line:?} is missing in\n{text}");
    }
    verify_root(&pki.csca, NOW).unwrap();
}

#[test]
fn validity_changes_its_form_in_2050() {
    let pki = Rehearsal::new(Curve::Named);
    let contains = |der: &[u8], part: &[u8]| der.windows(part.len()).any(|window| window == part);
    assert!(contains(
        &pki.csca.der,
        b"\x17\x0D261121040000Z\x18\x0F20531121000000Z"
    ));
    assert!(contains(
        &pki.ds.der,
        b"\x17\x0D261122020000Z\x17\x0D490220000000Z"
    ));
    let mut plan = ds_plan(&pki.csca, &pki.ds_key, Curve::Named);
    for end in [datetime!(2049-12-31 23:59:59 UTC), datetime!(2050-01-01 0:00 UTC)] {
        plan.not_after = end;
        let ds = Certificate::parse(&pki.csca_key.finish(&plan.draft().unwrap())).unwrap();
        assert_eq!(ds.not_after, end);
        verify_issued(&ds, &pki.csca, NOW).unwrap();
        let openssl = OpenSsl::new();
        openssl.certificate("csca.pem", &pki.csca.der);
        openssl.certificate("ds.pem", &ds.der);
        // OpenSSL counts the last second itself as over.
        let at = end.unix_timestamp() - 1;
        openssl.succeeds(&format!("verify -attime {at} -CAfile csca.pem ds.pem"));
        let at = at + 2;
        assert!(
            !openssl
                .run(&format!("verify -attime {at} -CAfile csca.pem ds.pem"))
                .0
        );
    }
}

#[test]
fn a_name_that_could_pass_for_real_is_refused() {
    let mut plan = csca_plan(&SoftKey::new(1), Curve::Named);
    plan.subject.common_name = "CSCA Vietnam".into();
    assert_eq!(plan.draft().unwrap_err().code, &fault::NAME_NOT_REHEARSAL);
}

#[test]
fn plans_that_break_the_profile_are_refused() {
    let pki = Rehearsal::new(Curve::Named);
    let changes: [fn(&mut CertificatePlan<'_>); 13] = [
        |plan| plan.serial = vec![0],
        |plan| plan.serial = vec![0x80; 20],
        |plan| plan.usage_from = plan.not_before - Duration::seconds(1),
        |plan| plan.usage_until = plan.not_after + Duration::seconds(1),
        |plan| plan.usage_until = plan.usage_from,
        |plan| plan.crl_urls.clear(),
        |plan| plan.crl_urls = vec!["no url".into()],
        |plan| plan.contact.email = "nobody".into(),
        |plan| plan.contact.state = "VN".into(),
        |plan| plan.subject.country = "XX".into(),
        |plan| plan.not_after = datetime!(2053-11-21 00:00:01 UTC),
        |plan| document_types(plan, &[]),
        |plan| document_types(plan, &["id"]),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut plan = ds_plan(&pki.csca, &pki.ds_key, Curve::Named);
        change(&mut plan);
        let refused = plan.draft().expect_err(&format!("change {number}"));
        assert_eq!(refused.code, &fault::PLAN_REFUSED, "change {number}");
    }
    let not_a_ca = ds_plan(&pki.ds, &pki.ds_key, Curve::Named);
    assert_eq!(not_a_ca.draft().unwrap_err().code, &fault::PLAN_REFUSED);
}

fn document_types(plan: &mut CertificatePlan<'_>, types: &[&str]) {
    if let Role::DocumentSigner { document_types, .. } = &mut plan.role {
        *document_types = types.iter().map(|&kind| kind.to_owned()).collect();
    }
}
