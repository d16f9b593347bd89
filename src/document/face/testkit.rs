//! An invented person with drawn pictures, for the tests of faces and of what reads them.

use crate::document::example;
use crate::document::profile::FaceProfile;
use crate::dossier::record::{LEFT_INDEX, RIGHT_INDEX};
use crate::dossier::{Capture, Dossier, Finger, Image, ImageFormat};

/// The zone of the invented person.
pub(crate) fn mrz() -> [String; 3] {
    [
        "IDVNM2030123450001203012345<<1".to_owned(),
        "0304155M2804154VNM<<<<<<<<<<<8".to_owned(),
        "DO<VAN<DAT<<<<<<<<<<<<<<<<<<<<".to_owned(),
    ]
}

/// A profile's faces in this layout.
pub(crate) fn face(layout: &str) -> FaceProfile {
    FaceProfile {
        layout: layout.to_owned(),
        unlimited_expiry: "Không thời hạn".to_owned(),
    }
}

/// QR content as CCCD 2021 has it.
pub(crate) fn qr(dossier: &Dossier) -> String {
    let person = &dossier.person;
    format!(
        "{}||{}|15042003|Nam|{}|20052021",
        person.number, person.name, person.residence
    )
}

/// The example's man with pictures that can be decoded, for a card of 2024.
pub(crate) fn dossier() -> Dossier {
    let finger = |position| Finger {
        position,
        capture: Capture::Taken(print()),
    };
    let mut dossier = Dossier {
        profile: "cc-2024".to_owned(),
        portrait: Some(portrait()),
        fingers: vec![finger(RIGHT_INDEX), finger(LEFT_INDEX)],
        ..example::dossier()
    };
    // A place in three parts, as most are: it takes more than one line on a card.
    "Tràng Tiền, Hoàn Kiếm, Hà Nội".clone_into(&mut dossier.person.birth_place);
    dossier
}

/// A light oval on a dark gradient, as JPEG.
fn portrait() -> Image {
    let (width, height) = (300_u16, 400_u16);
    let mut pixels = Vec::new();
    for y in 0..i32::from(height) {
        for x in 0..i32::from(width) {
            let (across, down) = ((x - 150) * 100 / 95, (y - 190) * 100 / 130);
            let face = across * across + down * down < 10_000;
            pixels.push(u8::try_from(if face { 215 - y / 6 } else { 40 + y / 4 }).unwrap());
        }
    }
    let mut bytes = Vec::new();
    jpeg_encoder::Encoder::new(&mut bytes, 85)
        .encode(&pixels, width, height, jpeg_encoder::ColorType::Luma)
        .unwrap();
    Image {
        format: ImageFormat::Jpeg,
        width: width.into(),
        height: height.into(),
        bytes,
    }
}

/// Rings as a finger has them, as PNG.
fn print() -> Image {
    let (width, height) = (160_u32, 200_u32);
    let mut pixels = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let away = x.abs_diff(80).pow(2) + y.abs_diff(90).pow(2);
            pixels.push(if away.isqrt() / 4 % 2 == 0 { 30 } else { 230 });
        }
    }
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    Image {
        format: ImageFormat::Png,
        width,
        height,
        bytes,
    }
}
