//! The approved record of one person, as the facility uses it: parsed, checked, immutable.

use serde::{Deserialize, Serialize};
use time::Date;
use zeroize::Zeroize;

use crate::base::ids::OfficeCode;

/// One version of one person's approved application. A correction is a new version, never a change.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
pub struct Dossier {
    /// The registry's id of the credential request (OSIA `credentialRequestId`).
    pub request: String,
    /// Version of the dossier: 1 for the first, higher for corrections.
    pub version: u32,
    /// 0 to 9, 9 is the most urgent (OSIA `priority`).
    pub priority: u8,
    /// Card profile asked for, such as `cc-2024`.
    pub profile: String,
    /// Why a card is made.
    pub reason: Reason,
    /// The office that hands the card over, as received: routing happens at packing.
    pub office: OfficeCode,
    /// Where in the office's own order the card belongs.
    pub place: Place,
    /// Date of issue, set by the approval.
    pub issued: Date,
    /// Date of expiry, set by the approval.
    pub expiry: Expiry,
    /// When the office took the application in; the due date counts from here.
    pub received: Date,
    /// Typed in by hand because data could not be fetched.
    pub manual_entry: bool,
    /// Residence has been verified (form HK03).
    pub residence_verified: bool,
    /// The person.
    pub person: Person,
    /// The portrait, unless the profile has none.
    pub portrait: Option<Image>,
    /// Fingerprints, and reasons for those that are missing.
    pub fingers: Vec<Finger>,
}

/// Why a card is made (Luật Căn cước 26/2023/QH15, Điều 24).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Cấp: the first card.
    New,
    /// Cấp đổi: milestone age, damage, changed or wrong data.
    Exchange,
    /// Cấp lại: lost.
    Reissue,
}

/// Where in its office's order a card belongs: village, intake team, sequence number.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Place {
    /// Village or street group.
    pub village: String,
    /// Intake team.
    pub team: String,
    /// Number within the team's list.
    pub sequence: u32,
}

/// Date of expiry.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Expiry {
    /// On this date.
    On(Date),
    /// Không thời hạn.
    Unlimited,
}

/// Sex as printed and encoded.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Sex {
    /// Nam.
    Male,
    /// Nữ.
    Female,
}

/// What the card says of the person. All text is NFC.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
pub struct Person {
    /// Twelve digits; leading zeros count.
    pub number: String,
    /// Họ, chữ đệm và tên, in ordinary capitalization.
    pub name: String,
    /// Date of birth.
    pub born: Date,
    /// Sex.
    pub sex: Sex,
    /// Quốc tịch, `Việt Nam` for citizens.
    pub nationality: String,
    /// Dân tộc.
    pub ethnicity: String,
    /// Tôn giáo.
    pub religion: String,
    /// Quê quán.
    pub origin: String,
    /// Nơi đăng ký khai sinh.
    pub birth_place: String,
    /// Nơi thường trú, nơi cư trú.
    pub residence: String,
    /// Đặc điểm nhận dạng.
    pub marks: String,
    /// Father's name, if known.
    pub father: Option<String>,
    /// Mother's name, if known.
    pub mother: Option<String>,
    /// Spouse's name, if any.
    pub spouse: Option<String>,
    /// The nine-digit number of an old card (CMND), if any.
    pub old_number: Option<String>,
    /// A cancelled personal number, if any.
    pub cancelled_number: Option<String>,
}

/// An image as received: never re-encoded, so that what was approved is what is on the chip.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
pub struct Image {
    /// How the bytes are to be read.
    pub format: ImageFormat,
    /// Width in pixels, from the image's own header.
    pub width: u32,
    /// Height in pixels, from the image's own header.
    pub height: u32,
    /// The encoded image.
    #[serde(with = "crate::base::base64")]
    pub bytes: Vec<u8>,
}

/// Image formats a dossier may carry.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ImageFormat {
    /// ISO/IEC 10918 (baseline or progressive).
    Jpeg,
    /// ISO/IEC 15444 (JP2 file format or raw codestream).
    Jpeg2000,
    /// ISO/IEC 15948, 8 bits of grey: fingerprint pictures only.
    Png,
}

/// One finger: its picture or why there is none.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
pub struct Finger {
    /// Which finger, ISO/IEC 19794-2 position: 1 to 5 right thumb to little, 6 to 10 left.
    pub position: u8,
    /// The picture or the exception.
    pub capture: Capture,
}

/// What the intake set captured of a finger.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Capture {
    /// A picture.
    Taken(Image),
    /// Missing for good (OSIA `AMPUTATED`).
    Amputated,
    /// Cannot be taken now (OSIA `BANDAGED`, `OTHER`).
    Unavailable,
}

/// ISO position of the right index finger.
pub const RIGHT_INDEX: u8 = 2;
/// ISO position of the left index finger.
pub const LEFT_INDEX: u8 = 7;

impl Dossier {
    /// The picture of a finger, if it was taken.
    #[must_use]
    pub fn finger(&self, position: u8) -> Option<&Image> {
        self.fingers
            .iter()
            .find(|finger| finger.position == position)
            .and_then(|finger| match &finger.capture {
                Capture::Taken(image) => Some(image),
                Capture::Amputated | Capture::Unavailable => None,
            })
    }
}

// Personal data is never shown by Debug: a log line must not be able to leak it (law 10).
impl std::fmt::Debug for Dossier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dossier")
            .field("request", &self.request)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Person(…)")
    }
}

impl std::fmt::Debug for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Image({:?} {}×{}, {} bytes)",
            self.format,
            self.width,
            self.height,
            self.bytes.len()
        )
    }
}

impl std::fmt::Debug for Finger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Finger({})", self.position)
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        for text in [
            &mut self.number,
            &mut self.name,
            &mut self.origin,
            &mut self.birth_place,
            &mut self.residence,
            &mut self.marks,
        ] {
            text.zeroize();
        }
        for text in [
            &mut self.father,
            &mut self.mother,
            &mut self.spouse,
            &mut self.old_number,
            &mut self.cancelled_number,
        ] {
            text.zeroize();
        }
    }
}
