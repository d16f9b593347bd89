use p256::ecdsa::Signature;
use p256::ecdsa::signature::hazmat::PrehashSigner;
use serde_json::json;
use sha2::{Digest, Sha256};
use time::macros::datetime;

use super::*;
use crate::dossier::admit::tests::sample;
use crate::dossier::jws::chain::tests::{NOW, key, leaf, root};

fn trust() -> Vec<Vec<u8>> {
    vec![root().certify(&key(1), &key(1))]
}

/// Signs with key `signer` under a certificate issued by key `issuer`.
fn signed(mut document: Value, signer: u8, issuer: u8) -> Value {
    let protected = jws::protected_header(&[leaf().certify(&key(signer), &key(issuer))]);
    let canonical = json::canonical_without(document.as_object().unwrap(), "integrity").unwrap();
    let digest = Sha256::digest(jws::signing_input(&protected, &canonical));
    let signature: Signature = key(signer).sign_prehash(&digest).unwrap();
    let signature = jws::assemble(&protected, &signature.to_bytes().into());
    document["integrity"] = json!([{ "type": "JWS", "scope": ["$"], "signature": signature }]);
    document
}

fn good() -> Value {
    signed(osia::write(&sample()), 2, 1)
}

fn open_value(document: &Value) -> Result<Opened, Box<Rejected>> {
    open(document.to_string().as_bytes(), &trust(), NOW, &|_| None)
}

fn refusal(document: &Value) -> &'static str {
    let rejected = open_value(document).map(|_| ()).unwrap_err();
    assert!(!rejected.authentic);
    // Even a document nobody vouches for can be returned to where it says it comes from.
    assert_eq!(rejected.origin.request.as_deref(), Some("DT-26-00000001"));
    rejected.findings[0].code.id
}

#[test]
fn a_signed_dossier_opens() {
    let opened = open_value(&good()).unwrap();
    assert!(opened.dossier == sample());
    assert_eq!(opened.signer, "CN=REHEARSAL Signer");
    // White space and the order of members are not signed; the canonical form is the same.
    let pretty = serde_json::to_vec_pretty(&good()).unwrap();
    assert_eq!(
        open(&pretty, &trust(), NOW, &|_| None).unwrap().canonical,
        opened.canonical
    );
}

#[test]
fn what_was_altered_signed_by_others_or_out_of_time_is_refused() {
    let mut altered = good();
    altered["requestData"]["priority"] = 9.into();
    assert_eq!(refusal(&altered), fault::SIGNATURE_WRONG.id);
    let mut added = good();
    added["note"] = true.into();
    assert_eq!(refusal(&added), fault::SIGNATURE_WRONG.id);
    assert_eq!(
        refusal(&signed(osia::write(&sample()), 2, 9)),
        fault::CERTIFICATE_UNTRUSTED.id
    );
    let late = open(
        good().to_string().as_bytes(),
        &trust(),
        datetime!(2031-01-01 00:00 UTC),
        &|_| None,
    );
    assert_eq!(
        late.map(|_| ()).unwrap_err().findings[0].code.id,
        fault::CERTIFICATE_EXPIRED.id
    );
}

#[test]
fn there_is_exactly_one_integrity_entry_and_all_it_claims_is_checked() {
    let integrity = |change: fn(&mut Value)| {
        let mut document = good();
        change(&mut document["integrity"]);
        refusal(&document)
    };
    let missing = fault::INTEGRITY_MISSING.id;
    assert_eq!(integrity(|entry| *entry = Value::Null), missing);
    assert_eq!(integrity(|entry| *entry = json!([])), missing);
    assert_eq!(integrity(|entry| *entry = json!([entry[0], entry[0]])), missing);
    assert_eq!(integrity(|entry| entry[0]["type"] = "NONE".into()), missing);
    assert_eq!(integrity(|entry| entry[0]["alg"] = "RS256".into()), missing);
    assert_eq!(
        integrity(|entry| entry[0]["scope"] = json!(["$.requestData"])),
        missing
    );
    assert_eq!(integrity(|entry| entry[0]["hash"] = "AAAA".into()), missing);
    assert_eq!(
        integrity(|entry| entry[0]["signature"] = "a.b.c".into()),
        fault::SIGNATURE_UNREADABLE.id
    );
}

#[test]
fn a_faulty_form_of_an_authentic_document_says_so() {
    let mut document = osia::write(&sample());
    document["biographicData"]["gender"] = "X".into();
    let rejected = open_value(&signed(document, 2, 1)).map(|_| ()).unwrap_err();
    assert!(rejected.authentic);
    assert_eq!(rejected.findings.len(), 1);
    assert_eq!(rejected.origin.version, Some(1));
}

#[test]
fn garbage_is_refused_cheaply() {
    let code = |bytes: &[u8]| {
        open(bytes, &trust(), NOW, &|_| None)
            .map(|_| ())
            .unwrap_err()
            .findings[0]
            .code
            .id
    };
    assert_eq!(code(&vec![b'x'; 10 << 20]), fault::TOO_LARGE.id);
    assert_eq!(code(&[b'['; 100_000]), fault::JSON_TOO_COMPLEX.id);
    assert_eq!(code(b""), fault::JSON_UNREADABLE.id);
    assert_eq!(code(b"[]"), fault::JSON_UNREADABLE.id);
    assert_eq!(code(b"{}"), fault::INTEGRITY_MISSING.id);
    let text = good().to_string();
    let twice = text.replacen('{', r#"{"status":"PENDING","#, 1);
    assert_eq!(code(twice.as_bytes()), fault::JSON_DUPLICATE.id);
}
