//! Document to dossier. Everything that is missing or of the wrong type is found in one go, so that an office has to
//! correct a dossier once.

use data_encoding::BASE64;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use time::Date;
use time::macros::format_description;

use super::{FINGERS, Finding, Resolve, is_id};
use crate::base::ids::OfficeCode;
use crate::base::{Code, hex, limits};
use crate::dossier::fault;
use crate::dossier::image::probe;
use crate::dossier::record::{
    Capture, Dossier, Expiry, Finger, Image, ImageFormat, Person, Place, Reason, Sex,
};

/// Ten fingers, a face, and what else OSIA knows.
const BIOMETRICS_MAX: usize = 16;

/// Reads a document.
///
/// # Errors
/// All findings about its form. What the data say is [`crate::dossier::admit`]'s matter.
pub fn read(document: &Value, resolve: Resolve<'_>) -> Result<Dossier, Vec<Finding>> {
    let empty = Map::new();
    let mut findings = Findings(Vec::new());
    let root = Object::new("", document.as_object().unwrap_or(&empty));
    let data = root.object("requestData", &empty, &mut findings);
    let others = data.object("others", &empty, &mut findings);
    let bio = root.object("biographicData", &empty, &mut findings);

    if !matches!(root.text("status"), None | Some("PENDING")) {
        findings.add(&fault::STATUS_WRONG, "status".to_owned());
    }
    let request = root.id("credentialRequestId", &mut findings);
    let version = others.positive("version", &mut findings);
    let priority = data.chosen("priority", &mut findings, |value| {
        value
            .as_u64()
            .filter(|priority| *priority <= 9)
            .and_then(|priority| u8::try_from(priority).ok())
    });
    let profile = data.id("credentialProfileId", &mut findings);
    let reason = data.chosen("requestType", &mut findings, |value| match value.as_str()? {
        "FIRST_ISSUANCE" => Some(Reason::New),
        "RENEWAL" => Some(Reason::Exchange),
        "REPLACEMENT" => Some(Reason::Reissue),
        _ => None,
    });
    let office = data.id("deliveryOffice", &mut findings).map(OfficeCode);
    let sequence = others.positive("sequence", &mut findings);
    let (village, team) = (
        others.required("village", &mut findings),
        others.required("team", &mut findings),
    );
    let issued = data.date("validFromDate", &mut findings);
    let expiry = expiry(&data, &others, &mut findings);
    let received = others.date("receivedDate", &mut findings);
    let manual_entry = others.flag("manualEntry", &mut findings);
    let residence_verified = others.flag("residenceVerified", &mut findings);
    let person = person(&root, &bio, &mut findings);
    let (portrait, fingers) = biometrics(&root, resolve, &mut findings);

    let dossier = (|| {
        Some(Dossier {
            request: request?,
            version: version?,
            priority: priority?,
            profile: profile?,
            reason: reason?,
            office: office?,
            place: Place {
                village: village?,
                team: team?,
                sequence: sequence?,
            },
            issued: issued?,
            expiry: expiry?,
            received: received?,
            manual_entry: manual_entry?,
            residence_verified: residence_verified?,
            person: person?,
            portrait,
            fingers,
        })
    })();
    match dossier {
        Some(dossier) if findings.0.is_empty() => Ok(dossier),
        _ => Err(findings.0),
    }
}

fn expiry(data: &Object<'_>, others: &Object<'_>, findings: &mut Findings) -> Option<Expiry> {
    let unlimited = others.value("unlimited").is_some() && others.flag("unlimited", findings)?;
    match (unlimited, data.value("validToDate")) {
        (true, None) => Some(Expiry::Unlimited),
        // A date and "no expiry" at once: neither is believed.
        (true, Some(_)) => {
            findings.wrong(others.path("unlimited"));
            None
        }
        (false, _) => data.date("validToDate", findings).map(Expiry::On),
    }
}

fn person(root: &Object<'_>, bio: &Object<'_>, findings: &mut Findings) -> Option<Person> {
    let number = root.required("personId", findings);
    let name = bio.required("fullName", findings);
    let born = bio.date("dateOfBirth", findings);
    let sex = bio.chosen("gender", findings, |value| match value.as_str()? {
        "1" => Some(Sex::Male),
        "2" => Some(Sex::Female),
        _ => None,
    });
    // Which of these a card needs is the profile's matter.
    let mut text = |name: &str| bio.optional(name, findings);
    let nationality = text("nationality").unwrap_or_default();
    let ethnicity = text("ethnicity").unwrap_or_default();
    let religion = text("religion").unwrap_or_default();
    let origin = text("placeOfOrigin").unwrap_or_default();
    let birth_place = text("placeOfBirth").unwrap_or_default();
    let residence = text("residence").unwrap_or_default();
    let marks = text("identifyingMarks").unwrap_or_default();
    let (father, mother, spouse) = (text("fatherName"), text("motherName"), text("spouseName"));
    let (old_number, cancelled_number) = (text("oldNumber"), text("cancelledNumber"));
    Some(Person {
        number: number?,
        name: name?,
        born: born?,
        sex: sex?,
        nationality,
        ethnicity,
        religion,
        origin,
        birth_place,
        residence,
        marks,
        father,
        mother,
        spouse,
        old_number,
        cancelled_number,
    })
}

fn biometrics(
    root: &Object<'_>,
    resolve: Resolve<'_>,
    findings: &mut Findings,
) -> (Option<Image>, Vec<Finger>) {
    let (mut portrait, mut fingers) = (None, Vec::new());
    let entries = match root.value("biometricData") {
        None => &[][..],
        Some(Value::Array(entries)) if entries.len() <= BIOMETRICS_MAX => entries,
        Some(_) => {
            findings.wrong("biometricData".to_owned());
            &[][..]
        }
    };
    for (index, entry) in entries.iter().enumerate() {
        let path = format!("biometricData[{index}]");
        let Some(entry) = entry.as_object().map(|entry| Object::new(&path, entry)) else {
            findings.wrong(path);
            continue;
        };
        match entry.text("biometricType") {
            Some("FACE") => {
                let image = image(&entry, resolve, findings);
                if image.is_some() && portrait.is_some() {
                    findings.wrong(entry.path("biometricType"));
                }
                portrait = image.or(portrait);
            }
            Some("FINGER") => fingers.extend(finger(&entry, resolve, findings)),
            // Irises and signatures are allowed by OSIA and not used on this card.
            Some("IRIS" | "SIGNATURE" | "UNKNOWN") => {}
            _ => findings.wrong(entry.path("biometricType")),
        }
    }
    fingers.sort_by_key(|finger: &Finger| finger.position);
    (portrait, fingers)
}

fn finger(entry: &Object<'_>, resolve: Resolve<'_>, findings: &mut Findings) -> Option<Finger> {
    let position = entry.chosen("biometricSubType", findings, |value| {
        let name = value.as_str()?;
        u8::try_from(FINGERS.iter().position(|finger| *finger == name)? + 1).ok()
    })?;
    let presence = entry
        .value("missing")
        .and_then(|missing| missing.pointer("/0/presence"))
        .and_then(Value::as_str);
    let capture = match presence {
        None => Capture::Taken(image(entry, resolve, findings)?),
        Some("AMPUTATED") => Capture::Amputated,
        Some("BANDAGED" | "DAMAGED" | "OTHER") => Capture::Unavailable,
        Some(_) => {
            findings.wrong(entry.path("missing"));
            return None;
        }
    };
    Some(Finger { position, capture })
}

/// An image by value or by reference. A header that cannot be read gives measures of 0: admission says so, together
/// with everything else.
fn image(entry: &Object<'_>, resolve: Resolve<'_>, findings: &mut Findings) -> Option<Image> {
    let bytes = image_bytes(entry, resolve)
        .map_err(|finding| findings.0.push(finding))
        .ok()?;
    let declared = entry.chosen("mimeType", findings, |value| match value.as_str()? {
        "image/jpeg" => Some(ImageFormat::Jpeg),
        "image/jp2" | "image/j2c" | "image/jpeg2000" => Some(ImageFormat::Jpeg2000),
        "image/png" => Some(ImageFormat::Png),
        _ => None,
    })?;
    let (width, height) = probe(&bytes).map_or((0, 0), |header| (header.width, header.height));
    Some(Image {
        format: declared,
        width,
        height,
        bytes,
    })
}

fn image_bytes(entry: &Object<'_>, resolve: Resolve<'_>) -> Result<Vec<u8>, Finding> {
    let refuse = |code, name| Finding::new(code, entry.path(name));
    match (entry.text("image"), entry.text("imageRef")) {
        (Some(image), None) => {
            if image.len() > limits::PORTRAIT_BYTES_MAX / 3 * 4 + 4 {
                return Err(refuse(&fault::IMAGE_LIMITS, "image"));
            }
            BASE64
                .decode(image.as_bytes())
                .map_err(|_| refuse(&fault::FIELD_WRONG, "image"))
        }
        (None, Some(reference)) => {
            let hash = entry.text("hash").and_then(hex::decode);
            let hash = hash.ok_or_else(|| refuse(&fault::FIELD_MISSING, "hash"))?;
            let bytes = resolve(reference).ok_or_else(|| refuse(&fault::IMAGE_REFERENCE, "imageRef"))?;
            if Sha256::digest(&bytes)[..] == hash[..] {
                Ok(bytes)
            } else {
                Err(refuse(&fault::IMAGE_HASH, "imageRef"))
            }
        }
        (None, None) => Err(refuse(&fault::FIELD_MISSING, "image")),
        (Some(_), Some(_)) => Err(refuse(&fault::FIELD_WRONG, "imageRef")),
    }
}

/// An object of the document and the way to it.
#[derive(Clone)]
struct Object<'a> {
    path: String,
    members: &'a Map<String, Value>,
}

impl<'a> Object<'a> {
    fn new(path: &str, members: &'a Map<String, Value>) -> Self {
        Self {
            path: path.to_owned(),
            members,
        }
    }

    fn path(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    /// A member; `null` is none.
    fn value(&self, name: &str) -> Option<&'a Value> {
        self.members.get(name).filter(|value| !value.is_null())
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        self.value(name).and_then(Value::as_str)
    }

    /// A member that must be an object; `empty` stands in for one that is not, so that all its members are found
    /// missing too.
    fn object(&self, name: &str, empty: &'a Map<String, Value>, findings: &mut Findings) -> Self {
        let members = self.chosen(name, findings, Value::as_object);
        Self {
            path: self.path(name),
            members: members.unwrap_or(empty),
        }
    }

    /// A required member in a form that `choose` accepts.
    fn chosen<T>(
        &self,
        name: &str,
        findings: &mut Findings,
        choose: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.value(name);
        let chosen = value.and_then(choose);
        if value.is_none() {
            findings.missing(self.path(name));
        } else if chosen.is_none() {
            findings.wrong(self.path(name));
        }
        chosen
    }

    fn required(&self, name: &str, findings: &mut Findings) -> Option<String> {
        let text = self.chosen(name, findings, |value| value.as_str().map(str::to_owned))?;
        if text.is_empty() {
            findings.missing(self.path(name));
            return None;
        }
        Some(text)
    }

    fn optional(&self, name: &str, findings: &mut Findings) -> Option<String> {
        self.value(name)?;
        self.chosen(name, findings, |value| value.as_str().map(str::to_owned))
            .filter(|text| !text.is_empty())
    }

    fn id(&self, name: &str, findings: &mut Findings) -> Option<String> {
        self.chosen(name, findings, |value| {
            value.as_str().filter(|text| is_id(text)).map(str::to_owned)
        })
    }

    fn positive(&self, name: &str, findings: &mut Findings) -> Option<u32> {
        self.chosen(name, findings, |value| {
            value
                .as_u64()
                .filter(|number| *number > 0)
                .and_then(|number| u32::try_from(number).ok())
        })
    }

    fn flag(&self, name: &str, findings: &mut Findings) -> Option<bool> {
        self.chosen(name, findings, Value::as_bool)
    }

    fn date(&self, name: &str, findings: &mut Findings) -> Option<Date> {
        self.chosen(name, findings, |value| {
            let text = value.as_str().filter(|text| text.len() == 10)?;
            Date::parse(text, format_description!("[year]-[month]-[day]")).ok()
        })
    }
}

struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, code: &'static Code, field: String) {
        self.0.push(Finding::new(code, field));
    }

    fn missing(&mut self, field: String) {
        self.add(&fault::FIELD_MISSING, field);
    }

    fn wrong(&mut self, field: String) {
        self.add(&fault::FIELD_WRONG, field);
    }
}
