//! The picture in README.md: both faces of the first invented adult of a rehearsal.
//!
//! Kept as a golden file. After a change of a layout that was meant, look at the new one and keep it:
//! `CARDWRIGHT_KEEP=1 cargo test --test system faces`.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, which clippy does not count as tests"
)]

use std::path::Path;

use cardwright::base::Bitmap;
use cardwright::document::face::{Marks, Press};
use cardwright::document::{CardProfile, Mrz, qr};
use cardwright::sim::dossiers::{Plan, generate};

const GAP_DOTS: u32 = 24;

#[test]
fn the_picture_shows_what_is_printed() {
    let plan = Plan {
        seed: 1,
        count: 20,
        issued: time::macros::date!(2026 - 03 - 02),
        intake: None,
    };
    let generated = generate(plan);
    let dossier = (0..20)
        .map(|index| generated.truth(index))
        .find(|dossier| dossier.profile == "cc-2024")
        .unwrap();
    let profile = CardProfile::builtin(&dossier.profile).unwrap();
    let mrz = Mrz::compose(&dossier, &profile).unwrap();
    let code = qr::text(&dossier, &profile).unwrap();
    let press = Press::builtin().unwrap();
    let marks = Marks {
        mrz: mrz.lines(),
        qr: code.as_deref(),
        can: None,
    };
    let faces = press.compose(&profile.face, &dossier, marks, true).unwrap();
    let picture = side_by_side(&faces.front, &faces.back);

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/faces.png");
    if std::env::var_os("CARDWRIGHT_KEEP").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, png(&picture)).unwrap();
    }
    assert!(
        std::fs::read(&path).unwrap() == png(&picture),
        "the faces have changed; fixtures/faces.png shows the former ones"
    );
}

fn side_by_side(front: &Bitmap, back: &Bitmap) -> Bitmap {
    let right = front.width() + 3 * GAP_DOTS;
    let mut picture = Bitmap::new(right + back.width() + GAP_DOTS, front.height() + 2 * GAP_DOTS);
    for (face, left) in [(front, GAP_DOTS), (back, right - GAP_DOTS)] {
        frame(&mut picture, left, face);
        for y in 0..face.height() {
            for x in (0..face.width()).filter(|x| face.get(*x, y)) {
                picture.set(left + x, GAP_DOTS + y);
            }
        }
    }
    picture
}

/// The edge of the card, two dots outside what is printed.
fn frame(picture: &mut Bitmap, left: u32, face: &Bitmap) {
    let (x, y) = (left - 3, GAP_DOTS - 3);
    let (width, height) = (face.width() + 6, face.height() + 6);
    picture.fill(x, y, width, 1);
    picture.fill(x, y + height - 1, width, 1);
    picture.fill(x, y, 1, height);
    picture.fill(x + width - 1, y, 1, height);
}

/// One bit a dot; ink is black, which PNG writes as 0.
fn png(picture: &Bitmap) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, picture.width(), picture.height());
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::One);
    let rows: Vec<u8> = picture.rows().iter().map(|byte| !byte).collect();
    encoder.write_header().unwrap().write_image_data(&rows).unwrap();
    bytes
}
