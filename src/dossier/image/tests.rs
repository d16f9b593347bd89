use jpeg_encoder::Encoder;
use proptest::prelude::*;

use super::*;

const GREY_JP2: &[u8] = include_bytes!("samples/grey.jp2");
const GREY_J2K: &[u8] = include_bytes!("samples/grey.j2k");
const COLOUR_JP2: &[u8] = include_bytes!("samples/colour.jp2");

/// A picture that grows lighter to the bottom.
fn jpeg(width: u16, height: u16, progressive: bool) -> Vec<u8> {
    let pixels: Vec<u8> = (0..height)
        .flat_map(|row| {
            vec![u8::try_from(u32::from(row) * 255 / u32::from(height)).unwrap(); usize::from(width)]
        })
        .collect();
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 90);
    encoder.set_progressive(progressive);
    encoder
        .encode(&pixels, width, height, jpeg_encoder::ColorType::Luma)
        .unwrap();
    bytes
}

fn png(width: u32, height: u32, colour: ColorType) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(colour);
    encoder.set_depth(BitDepth::Eight);
    let pixels = vec![77; (width * height) as usize * colour.samples()];
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    bytes
}

fn decode(bytes: &[u8]) -> Result<Grey, Fault> {
    Image::from_bytes(bytes.to_vec()).and_then(|image| decode_grey(&image))
}

fn lighter_at_the_bottom(grey: &Grey) -> bool {
    grey.pixels.first().unwrap() + 100 < *grey.pixels.last().unwrap()
}

#[test]
fn every_format_is_measured_and_decoded() {
    for bytes in [jpeg(30, 40, false), jpeg(30, 40, true)] {
        let grey = decode(&bytes).unwrap();
        assert_eq!((grey.width, grey.height, grey.pixels.len()), (30, 40, 1200));
        assert!(lighter_at_the_bottom(&grey));
    }
    for bytes in [GREY_JP2, GREY_J2K, COLOUR_JP2] {
        let grey = decode(bytes).unwrap();
        assert_eq!((grey.width, grey.height, grey.pixels.len()), (24, 32, 768));
    }
    // White above black.
    let grey = decode(GREY_JP2).unwrap();
    assert!(grey.pixels[0] > 240 && grey.pixels[767] < 15);
    // Red above blue: 76 and 29 by the luma formula.
    let colour = decode(COLOUR_JP2).unwrap();
    assert!(colour.pixels[0].abs_diff(76) < 5 && colour.pixels[767].abs_diff(29) < 5);
    assert_eq!(decode(&png(3, 2, ColorType::Grayscale)).unwrap().pixels, [77; 6]);
}

#[test]
fn bombs_are_refused_by_their_header() {
    let refused = |bytes: &[u8]| decode(bytes).unwrap_err().code.id == fault::IMAGE_LIMITS.id;
    let mut bomb = jpeg(30, 40, false);
    let frame = bomb.windows(2).position(|marker| marker == [0xFF, 0xC0]).unwrap();
    bomb[frame + 5..frame + 9].copy_from_slice(&[0x75, 0x30, 0x75, 0x30]);
    assert!(refused(&bomb));
    let mut bomb = png(3, 2, ColorType::Grayscale);
    bomb[16..24].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]);
    assert!(refused(&bomb));
    let mut bomb = GREY_J2K.to_vec();
    bomb[8..16].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]);
    bomb[24..32].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]);
    assert!(refused(&bomb));
    // Within the side, beyond the area.
    assert!(refused(&jpeg_header(4000, 4000)));
    let mut long = jpeg(30, 40, false);
    long.resize(limits::PORTRAIT_BYTES_MAX + 1, 0);
    assert!(refused(&long));
}

/// A frame header and nothing else.
fn jpeg_header(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = vec![0xFF, 0xD8, 0xFF, 0xC0, 0, 11, 8];
    bytes.extend(height.to_be_bytes());
    bytes.extend(width.to_be_bytes());
    bytes.extend([1, 1, 0x11, 0]);
    bytes
}

#[test]
fn damaged_and_foreign_pictures_are_refused() {
    let refused = |bytes: &[u8]| decode(bytes).unwrap_err().code.id == fault::IMAGE_UNREADABLE.id;
    for whole in [
        jpeg(60, 80, false),
        png(3, 2, ColorType::Grayscale),
        GREY_JP2.to_vec(),
    ] {
        assert!(refused(&whole[..whole.len() / 2]));
    }
    assert!(refused(b""));
    assert!(refused(b"GIF89a"));
    assert!(refused(&jpeg_header(30, 0)));
    assert!(refused(&png(3, 2, ColorType::Rgb)));
    // A box that announces other measures than the codestream has.
    let mut liar = GREY_JP2.to_vec();
    liar[0x37] = 200;
    assert!(refused(&liar));
    // A picture declared as another format.
    let image = Image {
        format: ImageFormat::Jpeg2000,
        ..Image::from_bytes(jpeg(30, 40, false)).unwrap()
    };
    assert_eq!(decode_grey(&image).unwrap_err().detail, "declared otherwise");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_spoiled_byte_never_stops_intake(which in 0..4usize, at in 0..4096usize, value: u8) {
        let mut bytes = [jpeg(30, 40, true), GREY_JP2.to_vec(), GREY_J2K.to_vec(), png(9, 9, ColorType::Grayscale)]
            .into_iter()
            .nth(which)
            .unwrap();
        let at = at % bytes.len();
        bytes[at] = value;
        let _ = decode(&bytes);
    }
}
