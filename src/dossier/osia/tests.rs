use std::collections::BTreeSet;

use serde_json::json;
use sha2::{Digest, Sha256};

use super::*;
use crate::base::hex;
use crate::dossier::admit::tests::sample;
use crate::dossier::fault;
use crate::dossier::record::{Capture, Expiry, Finger};

fn nothing(_: &str) -> Option<Vec<u8>> {
    None
}

fn found(document: &Value) -> BTreeSet<(&'static str, String)> {
    let findings = read(document, &nothing).map(|_| ()).unwrap_err();
    findings
        .into_iter()
        .map(|finding| (finding.code.id, finding.field))
        .collect()
}

fn expected(entries: &[(&'static crate::base::Code, &str)]) -> BTreeSet<(&'static str, String)> {
    entries
        .iter()
        .map(|(code, field)| (code.id, (*field).to_owned()))
        .collect()
}

#[test]
fn what_is_written_is_read() {
    let mut dossier = sample();
    assert!(read(&write(&dossier), &nothing).unwrap() == dossier);
    dossier.expiry = Expiry::Unlimited;
    dossier.portrait = None;
    dossier.fingers = vec![
        Finger {
            position: 3,
            capture: Capture::Amputated,
        },
        Finger {
            position: 10,
            capture: Capture::Unavailable,
        },
    ];
    assert!(read(&write(&dossier), &nothing).unwrap() == dossier);
}

#[test]
fn everything_wrong_is_found_in_one_go() {
    let mut document = write(&sample());
    document["status"] = "CANCELLED".into();
    document["personId"] = Value::Null;
    document["requestData"]["priority"] = 10.into();
    document["requestData"]["requestType"] = "OTHER".into();
    document["requestData"]["deliveryOffice"] = "../etc".into();
    document["requestData"]["others"]["version"] = 0.into();
    document["requestData"]["others"]["manualEntry"] = "no".into();
    document["biographicData"]["dateOfBirth"] = "2003-02-30".into();
    document["biographicData"]["gender"] = "9".into();
    document["biographicData"]["fullName"] = "".into();
    document["biometricData"][1]["biometricSubType"] = "LEFT_TOE".into();
    assert_eq!(
        found(&document),
        expected(&[
            (&fault::STATUS_WRONG, "status"),
            (&fault::FIELD_MISSING, "personId"),
            (&fault::FIELD_WRONG, "requestData.priority"),
            (&fault::FIELD_WRONG, "requestData.requestType"),
            (&fault::FIELD_WRONG, "requestData.deliveryOffice"),
            (&fault::FIELD_WRONG, "requestData.others.version"),
            (&fault::FIELD_WRONG, "requestData.others.manualEntry"),
            (&fault::FIELD_WRONG, "biographicData.dateOfBirth"),
            (&fault::FIELD_WRONG, "biographicData.gender"),
            (&fault::FIELD_MISSING, "biographicData.fullName"),
            (&fault::FIELD_WRONG, "biometricData[1].biometricSubType"),
        ])
    );
}

#[test]
fn an_empty_document_is_no_dossier_and_its_origin_unknown() {
    for document in [
        json!({}),
        json!([]),
        json!({ "requestData": 5, "biometricData": {} }),
    ] {
        assert!(read(&document, &nothing).is_err());
        assert_eq!(Origin::of(&document), Origin::default());
    }
    let origin = Origin::of(&write(&sample()));
    assert_eq!(origin.request.as_deref(), Some("DT-26-00000001"));
    assert_eq!(
        (origin.version, origin.office),
        (Some(1), Some(OfficeCode::new("C1")))
    );
}

#[test]
fn an_expiry_is_a_date_or_none_but_not_both() {
    let mut document = write(&sample());
    document["requestData"]["others"]["unlimited"] = true.into();
    assert_eq!(
        found(&document),
        expected(&[(&fault::FIELD_WRONG, "requestData.others.unlimited")])
    );
    document["requestData"]["validToDate"] = Value::Null;
    assert!(read(&document, &nothing).unwrap().expiry == Expiry::Unlimited);
    document["requestData"]["others"]["unlimited"] = false.into();
    assert_eq!(
        found(&document),
        expected(&[(&fault::FIELD_MISSING, "requestData.validToDate")])
    );
}

#[test]
fn a_referenced_image_must_be_the_one_that_was_hashed() {
    let dossier = sample();
    let bytes = dossier.portrait.as_ref().unwrap().bytes.clone();
    let mut document = write(&dossier);
    let face = document["biometricData"][0].as_object_mut().unwrap();
    face.remove("image");
    face.insert("imageRef".to_owned(), "p/1.jpg".into());
    assert_eq!(
        found(&document),
        expected(&[(&fault::FIELD_MISSING, "biometricData[0].hash")])
    );
    document["biometricData"][0]["hash"] = hex::encode(&Sha256::digest(&bytes)).into();
    assert_eq!(
        found(&document),
        expected(&[(&fault::IMAGE_REFERENCE, "biometricData[0].imageRef")])
    );
    let resolve = |name: &str| (name == "p/1.jpg").then(|| bytes.clone());
    assert!(read(&document, &resolve).unwrap() == dossier);
    let other = |_: &str| Some(b"other".to_vec());
    let findings = read(&document, &other).map(|_| ()).unwrap_err();
    assert_eq!(findings[0].code.id, fault::IMAGE_HASH.id);
    document["biometricData"][0]["image"] = "AAAA".into();
    assert_eq!(
        found(&document),
        expected(&[(&fault::FIELD_WRONG, "biometricData[0].imageRef")])
    );
}

#[test]
fn two_faces_are_one_too_many() {
    let mut document = write(&sample());
    let face = document["biometricData"][0].clone();
    document["biometricData"].as_array_mut().unwrap().push(face);
    assert_eq!(
        found(&document),
        expected(&[(&fault::FIELD_WRONG, "biometricData[3].biometricType")])
    );
}
