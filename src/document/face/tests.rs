use sha2::{Digest, Sha256};

use super::layout::{Align, Field, FieldName, Style};
use super::testkit::{dossier, face, mrz, qr};
use super::typeface::{Size, vietnamese};
use super::*;
use crate::base::Blame;

const LAYOUTS: [&str; 3] = ["cc-2024", "cc-2024-child", "cccd-2021"];

fn marks<'a>(mrz: &'a [String; 3], qr: Option<&'a str>) -> Marks<'a> {
    Marks { mrz, qr, can: None }
}

fn compose(press: &Press, layout: &str, dossier: &Dossier) -> Result<Faces, Fault> {
    press.compose(&face(layout), dossier, marks(&mrz(), Some(&qr(dossier))), false)
}

#[test]
fn every_vietnamese_letter_has_a_glyph_and_a_place() {
    let typefaces = Typefaces::new(Fonts::default()).unwrap();
    let letters: Vec<char> = vietnamese().collect();
    let marked = letters.iter().filter(|letter| !letter.is_ascii()).count();
    // Twelve vowels in six tones less the six plain ones, and đ, in both cases: 134 letters ASCII does not have.
    assert_eq!(marked, 134);
    for style in [Style::Regular, Style::Bold, Style::Oblique] {
        for letter in &letters {
            assert!(
                typefaces.width(style, &letter.to_string()).unwrap() > 0.2,
                "{letter}"
            );
            for points in [4.0, 6.5, 11.0] {
                let size = Size::points(points);
                let (top, bottom) = typefaces.glyph(style, size, *letter).rows().unwrap();
                let above = units::whole((typefaces.above(style) * size.dots_per_em()).ceil());
                let line = units::whole((typefaces.line(style) * size.dots_per_em()).ceil());
                assert!(
                    -above <= top && bottom <= line - above,
                    "{letter} at {points} leaves its line"
                );
            }
        }
    }
}

#[test]
fn marks_keep_letters_apart_at_the_smallest_size() {
    let typefaces = Typefaces::new(Fonts::default()).unwrap();
    let mut seen = BTreeMap::new();
    for letter in vietnamese() {
        let mut dots = Bitmap::new(40, 40);
        typefaces.draw(
            &mut dots,
            Style::Regular,
            Size::points(4.0),
            &letter.to_string(),
            4.0,
            25,
        );
        assert_eq!(
            seen.insert(dots.rows().to_vec(), letter),
            None,
            "{letter} looks like another letter"
        );
    }
}

#[test]
fn long_addresses_fit_and_absurd_ones_go_back_to_the_office() {
    let press = Press::builtin().unwrap();
    let mut dossier = dossier();
    dossier.person.residence =
        "Số 128/12/34, ngách 56, ngõ 78, đường Nguyễn Thị Minh Khai, Tổ dân phố số 15, Phường Hoàng Văn Thụ, \
         Thành phố Thủ Đức, Thành phố Hồ Chí Minh"
            .to_owned();
    dossier.person.name = "Công Tằng Tôn Nữ Nguyễn Phước Hoàng Quỳnh Phương".to_owned();
    for layout in LAYOUTS {
        compose(&press, layout, &dossier).unwrap();
    }
    dossier.person.residence = dossier.person.residence.repeat(3);
    for layout in LAYOUTS {
        let fault = press
            .compose(&face(layout), &dossier, marks(&mrz(), Some("x")), false)
            .unwrap_err();
        assert_eq!(
            (fault.code, fault.blame()),
            (&fault::TEXT_TOO_LONG, Blame::Dossier)
        );
        assert!(fault.detail.ends_with("field Residence"), "{fault}");
    }
}

#[test]
fn a_letter_without_a_glyph_goes_back_to_the_office() {
    let press = Press::builtin().unwrap();
    let mut dossier = dossier();
    dossier.person.name = "Đỗ 文".to_owned();
    let fault = compose(&press, "cc-2024", &dossier).unwrap_err();
    assert_eq!(fault.code, &fault::LETTER_MISSING);
    assert_eq!(fault.detail, "front: field Name");
    // Decomposed text is composed before it is set, and gives the same dots.
    dossier.person.name = "Đỗ Văn Đạt".to_owned();
    let composed = compose(&press, "cc-2024", &dossier).unwrap();
    dossier.person.name = unicode_normalization::UnicodeNormalization::nfd("Đỗ Văn Đạt").collect();
    let decomposed = press
        .compose(&face("cc-2024"), &dossier, marks(&mrz(), Some("x")), false)
        .unwrap();
    assert_eq!(composed.front, decomposed.front);
}

#[test]
fn texts_are_made_smaller_then_broken_then_refused() {
    let typefaces = Typefaces::new(Fonts::default()).unwrap();
    let field = Field {
        what: FieldName::Name,
        x: 0.0,
        y: 0.0,
        w: 30.0,
        h: 3.8,
        size: 8.0,
        size_min: 4.0,
        lines: 2,
        style: Style::Bold,
        align: Align::Left,
        capitals: false,
    };
    let fit = |text: &str| text::fit(&typefaces, &field, text);
    let short = fit("Lê An").unwrap();
    assert_eq!((short.size, short.lines.len()), (Size::points(8.0), 1));
    let middle = fit("Nguyễn Thị Hồng Ánh Dương").unwrap();
    assert!(middle.size < Size::points(8.0) && middle.lines.len() == 1);
    let long = fit("Nguyễn Thị Hồng Ánh Dương Nguyễn Thị Hồng Ánh Dương Nguyễn Thị").unwrap();
    assert_eq!(long.lines.len(), 2);
    assert_eq!(
        long.lines.join(" "),
        "Nguyễn Thị Hồng Ánh Dương Nguyễn Thị Hồng Ánh Dương Nguyễn Thị"
    );
    assert_eq!(fit(&"Nguyễn Thị ".repeat(12)).unwrap_err(), &fault::TEXT_TOO_LONG);
    assert_eq!(fit(&"W".repeat(60)).unwrap_err(), &fault::TEXT_TOO_LONG);
}

#[test]
fn only_rehearsal_faces_carry_the_mark() {
    let press = Press::builtin().unwrap();
    let dossier = dossier();
    for layout in LAYOUTS {
        let compose = |rehearsal| {
            press
                .compose(
                    &face(layout),
                    &dossier,
                    marks(&mrz(), Some(&qr(&dossier))),
                    rehearsal,
                )
                .unwrap()
        };
        let (production, rehearsal) = (compose(false), compose(true));
        for (plain, marked) in [
            (&production.front, &rehearsal.front),
            (&production.back, &rehearsal.back),
        ] {
            let mut both = plain.clone();
            both.overlay(marked);
            assert_eq!(&both, marked, "the mark only adds ink");
            assert!(marked.ink() > plain.ink() + 1_000, "{layout}: no mark");
        }
    }
}

#[test]
fn what_the_dossier_lacks_is_named() {
    let press = Press::builtin().unwrap();
    let mut dossier = dossier();
    dossier.fingers.clear();
    compose(&press, "cccd-2021", &dossier).unwrap();
    if let Some(portrait) = &mut dossier.portrait {
        portrait.bytes.truncate(40);
    }
    assert_eq!(
        compose(&press, "cc-2024", &dossier).unwrap_err().code,
        &fault::PICTURE_UNREADABLE
    );
    dossier.portrait = None;
    assert_eq!(
        compose(&press, "cc-2024", &dossier).unwrap_err().code,
        &fault::PORTRAIT_MISSING
    );
    compose(&press, "cc-2024-child", &dossier).unwrap();
}

#[test]
fn a_card_without_expiry_says_so_in_the_profiles_words() {
    let press = Press::builtin().unwrap();
    let mut dossier = dossier();
    dossier.expiry = crate::dossier::Expiry::Unlimited;
    let compose = |words: &str| {
        let face = FaceProfile {
            unlimited_expiry: words.to_owned(),
            ..face("cc-2024")
        };
        press
            .compose(&face, &dossier, marks(&mrz(), Some("x")), false)
            .unwrap()
    };
    assert_ne!(compose("Không thời hạn"), compose("Vô thời hạn"));
}

#[test]
fn callers_are_held_to_the_layout() {
    let press = Press::builtin().unwrap();
    let dossier = dossier();
    let too_long = "x".repeat(500);
    let refused = |layout, mrz: &[String; 3], qr| {
        press
            .compose(&face(layout), &dossier, marks(mrz, qr), false)
            .unwrap_err()
            .code
    };
    assert_eq!(refused("cmnd-1976", &mrz(), Some("x")), &fault::LAYOUT_UNKNOWN);
    assert_eq!(refused("cc-2024", &mrz(), None), &fault::QR_MISMATCH);
    assert_eq!(
        refused("cc-2024", &mrz(), Some(too_long.as_str())),
        &fault::QR_TOO_LONG
    );
    for line in [
        "DO<VAN<DAT",
        "DO<VAN<DAT<<<<<<<<<<<<<<<<<<<a",
        "DO<VAN<DAT<<<<<<<<<<<<<<<<<<<<<",
    ] {
        let mut lines = mrz();
        line.clone_into(&mut lines[2]);
        assert_eq!(refused("cc-2024", &lines, Some("x")), &fault::MRZ_MALFORMED);
    }
}

#[test]
fn a_card_access_number_stands_in_its_place_and_nowhere_else() {
    let good = include_str!("layouts/cc-2024.toml");
    let place = "{ what = \"can\", x = 4.0, y = 49.0, w = 20.0, h = 3.4, size = 7.0, size_min = 6.5 },";
    let text = good.replacen("field = [\n", &format!("field = [\n  {place}\n"), 1);
    let press = Press::new([Layout::parse(&text).unwrap()], Fonts::default()).unwrap();
    let dossier = dossier();
    let compose = |can| {
        let (mrz, qr) = (mrz(), qr(&dossier));
        let marks = Marks {
            can,
            ..marks(&mrz, Some(&qr))
        };
        press.compose(&face("cc-2024"), &dossier, marks, false)
    };
    let (one, other) = (compose(Some("100000")).unwrap(), compose(Some("999999")).unwrap());
    assert_eq!(one.back, other.back);
    let area = layout::Place {
        x: 4.0,
        y: 49.0,
        w: 20.0,
        h: 3.4,
    }
    .area();
    let inside =
        |x: u32, y: u32| (area.x..area.x + area.w).contains(&x) && (area.y..area.y + area.h).contains(&y);
    let mut differ = 0;
    for y in 0..FACE_HEIGHT_DOTS {
        for x in 0..FACE_WIDTH_DOTS {
            if one.front.get(x, y) != other.front.get(x, y) {
                assert!(inside(x, y), "{x} {y}");
                differ += 1;
            }
        }
    }
    assert!(differ > 100, "{differ}");
    assert_eq!(compose(None).unwrap_err().code, &fault::CAN_MISMATCH);
    let builtin = Press::builtin().unwrap();
    let (mrz, qr) = (mrz(), qr(&dossier));
    let marks = Marks {
        can: Some("100000"),
        ..marks(&mrz, Some(&qr))
    };
    let refused = builtin.compose(&face("cc-2024"), &dossier, marks, false);
    assert_eq!(refused.unwrap_err().code, &fault::CAN_MISMATCH);
}

#[test]
fn layouts_with_mistakes_are_refused() {
    let good = include_str!("layouts/cc-2024.toml");
    let refused = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        Layout::parse(&good.replacen(from, to, 1))
            .and_then(|layout| Press::new([layout], Fonts::default()))
            .unwrap_err()
    };
    for (from, to, why) in [
        ("x = 4.0, y = 18.0", "x = 70.0, y = 18.0", "leaves the card"),
        ("x = 4.0, y = 18.0", "x = nan, y = 18.0", "leaves the card"),
        ("x = 4.0, y = 18.0", "x = 9.0, y = 18.0", "overlaps"),
        (
            "w = 43.0, size = 13.0",
            "w = 13.0, size = 13.0",
            "wider than its box",
        ),
        ("size = 13.0", "size = 1.0", "points"),
        ("align =", "colour =", "colour"),
        ("CĂN CƯỚC", "身份", "without a glyph"),
    ] {
        let fault = refused(from, to);
        assert_eq!(fault.code, &fault::LAYOUT_MALFORMED);
        assert!(fault.detail.contains(why), "{fault}");
    }
}

#[test]
fn the_same_card_gives_the_same_dots() {
    let press = Press::builtin().unwrap();
    let dossier = dossier();
    let first = compose(&press, "cccd-2021", &dossier).unwrap();
    assert_eq!(first, compose(&press, "cccd-2021", &dossier).unwrap());
    assert_eq!(
        first,
        compose(&Press::builtin().unwrap(), "cccd-2021", &dossier).unwrap()
    );
    assert_eq!(
        (first.front.width(), first.front.height(), first.front.stride()),
        (1016, 648, 127)
    );

    // No picture here, so that a decoder's rounding does not count: a change of typeface, layout or raster does.
    let faces = compose(&press, "cc-2024-child", &dossier).unwrap();
    let hash = |picture: &Bitmap| crate::base::hex::encode(&Sha256::digest(picture.rows())[..8]);
    assert_eq!(
        (hash(&faces.front).as_str(), hash(&faces.back).as_str()),
        ("D5F5AA8E78A7DA9B", "6280328968217AA8")
    );
}

#[test]
fn pictures_for_people_are_one_bit_png() {
    let faces = compose(&Press::builtin().unwrap(), "cc-2024", &dossier()).unwrap();
    let (front, _) = faces.png().unwrap();
    let mut reader = png::Decoder::new(std::io::Cursor::new(front))
        .read_info()
        .unwrap();
    assert_eq!(
        reader.output_color_type(),
        (png::ColorType::Grayscale, png::BitDepth::One)
    );
    let mut rows = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut rows).unwrap();
    let inverted: Vec<u8> = rows.iter().map(|byte| !byte).collect();
    assert_eq!(Bitmap::from_rows(1016, 648, inverted), Some(faces.front));
}
