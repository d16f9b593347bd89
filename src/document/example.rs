//! One invented man, for tests.

use elliptic_curve::sec1::ToSec1Point;
use time::macros::date;

use crate::base::ids::OfficeCode;
use crate::document::profile::CardProfile;
use crate::dossier::{Dossier, Expiry, Image, ImageFormat, Person, Place, Reason, Sex};

/// Item 16 of his DG13.
pub(crate) const CARD_NUMBER: &str = "0123456789ABCDEF";

/// His dossier, for a card of 2021.
pub(crate) fn dossier() -> Dossier {
    Dossier {
        request: "R-1".into(),
        version: 1,
        priority: 5,
        profile: "cccd-2021".into(),
        reason: Reason::New,
        office: OfficeCode::new("00001"),
        place: Place {
            village: "Tổ 1".into(),
            team: "A".into(),
            sequence: 1,
        },
        issued: date!(2021 - 05 - 20),
        expiry: Expiry::On(date!(2028 - 04 - 15)),
        received: date!(2021 - 05 - 10),
        manual_entry: false,
        residence_verified: true,
        person: Person {
            number: "001203012345".into(),
            name: "Đỗ Văn Đạt".into(),
            born: date!(2003 - 04 - 15),
            sex: Sex::Male,
            nationality: "Việt Nam".into(),
            ethnicity: "Kinh".into(),
            religion: "Không".into(),
            origin: "Phúc Xá, Ba Đình, Hà Nội".into(),
            birth_place: "Phường Phúc Xá, Hà Nội".into(),
            residence: "Số 1, Tràng Tiền, Hoàn Kiếm, Hà Nội".into(),
            marks: "Nốt ruồi C:1,5cm trên sau đuôi mắt phải".into(),
            father: Some("Đỗ Văn Bình".into()),
            mother: Some("Lê Thị Cúc".into()),
            spouse: None,
            old_number: Some("012345678".into()),
            cancelled_number: None,
        },
        portrait: Some(Image {
            format: ImageFormat::Jpeg,
            width: 480,
            height: 640,
            bytes: b"\xFF\xD8\xFF\xE0 the picture itself is not looked at \xFF\xD9".to_vec(),
        }),
        fingers: Vec::new(),
    }
}

/// A built-in profile.
pub(crate) fn profile(id: &str) -> CardProfile {
    CardProfile::builtin(id).unwrap()
}

/// The public key of his chip: some point of P-256.
pub(crate) fn chip_key() -> [u8; 65] {
    let key = p256::SecretKey::from_slice(&[7; 32]).unwrap().public_key();
    <[u8; 65]>::try_from(key.to_sec1_point(false).as_bytes()).unwrap()
}
