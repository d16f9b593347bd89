use proptest::prelude::*;

use super::*;
use crate::document::face::testkit::{dossier, face, mrz, qr};
use crate::document::face::{Faces, Marks, Press};

fn press() -> &'static Press {
    static PRESS: std::sync::LazyLock<Press> = std::sync::LazyLock::new(|| Press::builtin().unwrap());
    &PRESS
}

fn faces(layout: &str, mrz: &[String; 3], qr: &str) -> Faces {
    let marks = Marks {
        mrz,
        qr: Some(qr),
        can: None,
    };
    press().compose(&face(layout), &dossier(), marks, true).unwrap()
}

/// The same dots on a card that lies a little aside.
fn moved(picture: &Bitmap, right: i32, down: i32) -> Bitmap {
    let mut other = Bitmap::new(picture.width(), picture.height());
    for y in 0..picture.height() {
        for x in (0..picture.width()).filter(|x| picture.get(*x, y)) {
            if let (Some(x), Some(y)) = (x.checked_add_signed(right), y.checked_add_signed(down)) {
                other.set(x, y);
            }
        }
    }
    other
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_was_printed_is_read(
        lines in prop::array::uniform3("[A-Z0-9<]{30}"),
        text in "[a-zA-ZàáảãạăằắẳẵặâầấẩẫậđèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵĐ0-9 |,]{1,130}",
        layout in prop::sample::select(vec!["cccd-2021", "cc-2024", "cc-2024-child"]),
        right in -11_i32..=11,
        down in -11_i32..=11,
    ) {
        let faces = faces(layout, &lines, &text);
        let reading = read(&moved(&faces.front, right, down), &moved(&faces.back, right, down));
        prop_assert_eq!(reading, Reading { mrz: Some(lines), qr: Some(text) });
    }
}

#[test]
fn every_character_of_the_zone_is_read_beside_every_other() {
    let letters: Vec<char> = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ<".chars().collect();
    for shift in (0..letters.len()).step_by(7) {
        let line = |start: usize| letters.iter().cycle().skip(start).take(30).collect::<String>();
        let lines = [line(shift), line(shift + 30), "<".repeat(30)];
        assert_eq!(
            read(&Bitmap::new(1, 1), &faces("cc-2024", &lines, "x").back).mrz,
            Some(lines)
        );
    }
}

#[test]
fn long_contents_with_small_modules_are_read() {
    let dossier = dossier();
    let text = qr(&dossier);
    for length in [text.len(), 180, 230, 330, 420] {
        let text: String = text
            .chars()
            .cycle()
            .scan(0, |bytes, letter| {
                *bytes += letter.len_utf8();
                (*bytes <= length).then_some(letter)
            })
            .collect();
        let faces = faces("cc-2024", &mrz(), &text);
        assert_eq!(read(&faces.front, &faces.back).qr, Some(text));
    }
}

#[test]
fn blank_faces_and_faces_in_the_wrong_place_read_as_nothing() {
    let blank = Bitmap::new(1016, 648);
    assert_eq!(read(&blank, &blank), Reading::default());
    assert_eq!(read(&Bitmap::new(0, 0), &Bitmap::new(7, 7)), Reading::default());
    let faces = faces("cccd-2021", &mrz(), "x");
    assert_eq!(read(&blank, &faces.front).mrz, None);
    let mut full = Bitmap::new(1016, 648);
    full.fill(0, 0, 1016, 648);
    assert_eq!(read(&full, &full), Reading::default());
}

#[test]
fn a_smeared_zone_is_refused_not_guessed() {
    let faces = faces("cc-2024", &mrz(), "x");
    let good = &faces.back;
    // The ribbon dragged: every dot of the zone leaves a trail.
    for trail in [6, 12, 25] {
        let mut smeared = good.clone();
        for y in 430..570 {
            for x in (0..1016).filter(|x| good.get(*x, y)) {
                smeared.fill(x, y, trail, 1);
            }
        }
        assert_eq!(read(&faces.front, &smeared).mrz, None, "trail of {trail} dots");
    }
    // A ribbon crease: a light stripe through one line, and one through a few characters.
    let mut creased = Bitmap::new(1016, 648);
    let mut scratched = Bitmap::new(1016, 648);
    for y in 0..648 {
        for x in (0..1016).filter(|x| good.get(*x, y)) {
            if !(446..456).contains(&y) {
                creased.set(x, y);
            }
            if !(300..316).contains(&x) {
                scratched.set(x, y);
            }
        }
    }
    assert_eq!(read(&faces.front, &creased).mrz, None);
    assert_eq!(read(&faces.front, &scratched).mrz, None);
    // A blot over one character.
    let mut blotted = good.clone();
    blotted.fill(300, 480, 14, 20);
    assert_eq!(read(&faces.front, &blotted).mrz, None);
}

#[test]
fn a_little_dirt_does_no_harm() {
    let faces = faces("cc-2024", &mrz(), &qr(&dossier()));
    let mut back = faces.back.clone();
    let mut seed = 1_u32;
    for _ in 0..300 {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        back.set((seed >> 8) % 1016, (seed >> 20) % 400);
    }
    for column in [60, 333, 700] {
        back.fill(column, 500, 2, 1);
    }
    assert_eq!(
        read(&faces.front, &back),
        Reading {
            mrz: Some(mrz()),
            qr: Some(qr(&dossier()))
        }
    );
}

#[test]
fn a_code_torn_through_is_not_read() {
    let faces = faces("cc-2024", &mrz(), &qr(&dossier()));
    let mut torn = faces.back.clone();
    torn.fill(800, 40, 60, 210);
    assert_eq!(read(&faces.front, &torn).qr, None);
}
