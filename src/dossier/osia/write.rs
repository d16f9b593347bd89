//! Dossier to document: what a registry does. Used by the rehearsal's registry and to prove the reader.

use data_encoding::BASE64;
use serde_json::{Map, Value, json};
use time::Date;

use super::FINGERS;
use crate::dossier::record::{Capture, Dossier, Expiry, Image, ImageFormat, Reason, Sex};

/// The document of a dossier, images by value, not yet signed.
#[must_use]
pub fn write(dossier: &Dossier) -> Value {
    let person = &dossier.person;
    let mut data = json!({
        "priority": dossier.priority,
        "credentialProfileId": dossier.profile,
        "requestType": match dossier.reason {
            Reason::New => "FIRST_ISSUANCE",
            Reason::Exchange => "RENEWAL",
            Reason::Reissue => "REPLACEMENT",
        },
        "validFromDate": day(dossier.issued),
        "deliveryOffice": dossier.office,
        "others": {
            "version": dossier.version,
            "village": dossier.place.village,
            "team": dossier.place.team,
            "sequence": dossier.place.sequence,
            "receivedDate": day(dossier.received),
            "manualEntry": dossier.manual_entry,
            "residenceVerified": dossier.residence_verified,
        },
    });
    match dossier.expiry {
        Expiry::On(date) => data["validToDate"] = day(date),
        Expiry::Unlimited => data["others"]["unlimited"] = true.into(),
    }
    let mut bio = Map::new();
    for (name, text) in [
        ("fullName", Some(&person.name)),
        ("nationality", Some(&person.nationality)),
        ("ethnicity", Some(&person.ethnicity)),
        ("religion", Some(&person.religion)),
        ("placeOfOrigin", Some(&person.origin)),
        ("placeOfBirth", Some(&person.birth_place)),
        ("residence", Some(&person.residence)),
        ("identifyingMarks", Some(&person.marks)),
        ("fatherName", person.father.as_ref()),
        ("motherName", person.mother.as_ref()),
        ("spouseName", person.spouse.as_ref()),
        ("oldNumber", person.old_number.as_ref()),
        ("cancelledNumber", person.cancelled_number.as_ref()),
    ] {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            bio.insert(name.to_owned(), text.as_str().into());
        }
    }
    bio.insert("dateOfBirth".to_owned(), day(person.born));
    let gender = match person.sex {
        Sex::Male => "1",
        Sex::Female => "2",
    };
    bio.insert("gender".to_owned(), gender.into());
    json!({
        "credentialRequestId": dossier.request,
        "status": "PENDING",
        "requestData": data,
        "personId": person.number,
        "biographicData": bio,
        "biometricData": biometrics(dossier),
    })
}

fn biometrics(dossier: &Dossier) -> Value {
    let face = dossier.portrait.iter().map(|image| {
        let mut entry = picture(image);
        entry["biometricType"] = "FACE".into();
        entry["biometricSubType"] = "PORTRAIT".into();
        entry
    });
    let fingers = dossier.fingers.iter().map(|finger| {
        let name = usize::from(finger.position)
            .checked_sub(1)
            .and_then(|index| FINGERS.get(index));
        let name = name.copied().unwrap_or("UNKNOWN");
        let absent =
            |presence: &str| json!({ "missing": [{ "biometricSubType": name, "presence": presence }] });
        let mut entry = match &finger.capture {
            Capture::Taken(image) => picture(image),
            Capture::Amputated => absent("AMPUTATED"),
            Capture::Unavailable => absent("BANDAGED"),
        };
        entry["biometricType"] = "FINGER".into();
        entry["biometricSubType"] = name.into();
        entry
    });
    face.chain(fingers).collect()
}

fn picture(image: &Image) -> Value {
    let (mime, compression) = match image.format {
        ImageFormat::Jpeg => ("image/jpeg", "JPEG"),
        ImageFormat::Jpeg2000 => ("image/jp2", "JPEG2000"),
        ImageFormat::Png => ("image/png", "PNG"),
    };
    json!({
        "image": BASE64.encode(&image.bytes),
        "mimeType": mime,
        "compression": compression,
        "width": image.width,
        "height": image.height,
    })
}

fn day(date: Date) -> Value {
    format!(
        "{:04}-{:02}-{:02}",
        date.year(),
        u8::from(date.month()),
        date.day()
    )
    .into()
}
