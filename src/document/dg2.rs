//! EF.DG2: the portrait (Doc 9303-10, EF.DG2), in a facial record of ISO/IEC 19794-5:2005 inside a CBEFF frame.
//!
//! The image is passed through as it was approved: never decoded, never encoded anew.

use crate::base::Fault;
use crate::document::cbeff::{self, Fields, Instance, Kind};
use crate::document::fault::FIELD_UNFIT;
use crate::document::file::FileId;
use crate::document::tlv::{self, Malformed};
use crate::dossier::{Image, ImageFormat};

/// Face, in the format of ISO/IEC 19794-5.
const FACE: Kind = Kind {
    biometric: 0x02,
    format: 0x0008,
    other: "not a facial record of ISO/IEC 19794-5",
};
/// Format identifier `FAC` and version `010`, each ending with a zero.
const RECORD_START: [u8; 8] = *b"FAC\x00010\x00";
/// Bytes of facial record header, facial information, one feature point, and image information.
const RECORD_HEADER: usize = 14;
const FACE_INFORMATION: usize = 20;
const FEATURE_POINT: usize = 8;
const IMAGE_INFORMATION: usize = 12;
/// Full frontal image, as the law's portraits are.
const FULL_FRONTAL: u8 = 1;
/// 24-bit RGB.
const RGB: u8 = 1;

/// The file.
///
/// # Errors
/// A dossier fault if the image is neither JPEG nor JPEG 2000, or too large for the record's fields.
pub fn encode(portrait: &Image) -> Result<Vec<u8>, Fault> {
    let unfit = |why: &str| Fault::new(&FIELD_UNFIT, why).at("portrait");
    let data_type = match portrait.format {
        ImageFormat::Jpeg => 0,
        ImageFormat::Jpeg2000 => 1,
        ImageFormat::Png => return Err(unfit("neither JPEG nor JPEG 2000")),
    };
    let side = |pixels: u32| {
        u16::try_from(pixels)
            .ok()
            .filter(|pixels| *pixels > 0)
            .ok_or_else(|| unfit("width or height"))
    };
    let block = FACE_INFORMATION + IMAGE_INFORMATION + portrait.bytes.len();
    let size = |bytes: usize| u32::try_from(bytes).map_err(|_| unfit("too large"));

    let mut record = Vec::with_capacity(RECORD_HEADER + block);
    record.extend(RECORD_START);
    record.extend(size(RECORD_HEADER + block)?.to_be_bytes());
    record.extend(1u16.to_be_bytes());
    // Facial information: no feature points; sex, colours, expression and pose unspecified.
    record.extend(size(block)?.to_be_bytes());
    record.extend([0; FACE_INFORMATION - 4]);
    record.extend([FULL_FRONTAL, data_type]);
    record.extend(side(portrait.width)?.to_be_bytes());
    record.extend(side(portrait.height)?.to_be_bytes());
    // Source, device and quality unspecified.
    record.extend([RGB, 0, 0, 0, 0, 0]);
    record.extend(&portrait.bytes);

    let face = Instance {
        subtype: 0,
        record: &record,
    };
    Ok(tlv::object(0x75, &cbeff::group(&FACE, &[face])))
}

/// Reads the portrait out of the file; of further instances, which the standard permits, only the frame is looked at.
///
/// # Errors
/// `FILE_MALFORMED`.
pub fn decode(file: &[u8]) -> Result<Image, Fault> {
    read(file).map_err(|why| why.fault(FileId::Dg(2)))
}

fn read(file: &[u8]) -> Result<Image, Malformed> {
    let faces = cbeff::templates(&FACE, tlv::only(tlv::only(file, 0x75)?, 0x7F61)?)?;
    facial_record(faces.first().ok_or(Malformed::Content("no face"))?.record)
}

fn facial_record(record: &[u8]) -> Result<Image, Malformed> {
    let mut fields = Fields(record);
    if fields.take()? != RECORD_START {
        return Err(Malformed::Content("not a facial record of version 010"));
    }
    if length(fields.take()?) != Some(record.len()) {
        return Err(Malformed::Content("length of the facial record"));
    }
    if u16::from_be_bytes(fields.take()?) == 0 {
        return Err(Malformed::Content("no face"));
    }
    let block = length(fields.take()?).and_then(|length| length.checked_sub(4));
    let mut face = Fields(fields.bytes(block.ok_or(Malformed::Truncated)?)?);
    let points = usize::from(u16::from_be_bytes(face.take()?));
    face.bytes(FACE_INFORMATION - 6)?;
    face.bytes(points * FEATURE_POINT)?;

    let [_face_image_type, data_type] = face.take()?;
    let format = match data_type {
        0 => ImageFormat::Jpeg,
        1 => ImageFormat::Jpeg2000,
        _ => return Err(Malformed::Content("unknown image data type")),
    };
    let width = u16::from_be_bytes(face.take()?).into();
    let height = u16::from_be_bytes(face.take()?).into();
    face.bytes(IMAGE_INFORMATION - 6)?;
    Ok(Image {
        format,
        width,
        height,
        bytes: face.0.to_vec(),
    })
}

fn length(field: [u8; 4]) -> Option<usize> {
    usize::try_from(u32::from_be_bytes(field)).ok()
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;
    use proptest::prelude::*;

    use super::*;

    /// The first bytes of the public sample loes2006, ef0102.bin (13,785 bytes, 449 × 598, JPEG 2000).
    const PUBLISHED: [u8; 92] = hex!(
        "75 8235D5 7F61 8235D0 0201 01 7F60 8235C8 A1 0E 8101 02 8201 00 8702 0101 8802 0008 5F2E 8235B3"
        "46414300 30313000 000035B3 0001"
        "000035A5 0000 00 00 00 000000 0000 000000 000000"
        "01 01 01C1 0256 01 00 0000 0000"
        "0000000C6A502020"
    );

    /// An image of the sample's size that starts as JP2 does.
    fn published_image() -> Image {
        let mut bytes = hex!("0000000C6A502020").to_vec();
        bytes.resize(
            0x35B3 - RECORD_HEADER - FACE_INFORMATION - IMAGE_INFORMATION,
            0x5A,
        );
        Image {
            format: ImageFormat::Jpeg2000,
            width: 449,
            height: 598,
            bytes,
        }
    }

    #[test]
    fn the_published_frame_is_made_and_read() {
        let image = published_image();
        let file = encode(&image).unwrap();
        assert_eq!(file.len(), 13_785);
        assert_eq!(file[..PUBLISHED.len()], PUBLISHED);
        assert!(decode(&file).unwrap() == image);
    }

    #[test]
    fn other_writers_headers_and_feature_points_are_read() {
        // Header with a version element, as other cards have it; one feature point; JPEG.
        let record = hex!(
            "46414300 30313000 0000003A 0001"
            "0000002C 0001 01 02 03 000000 0000 000000 000000"
            "01 31 00C8 012C 0000"
            "01 00 01E0 0280 01 02 0000 0000"
            "FFD8FFD9"
        );
        let template = [
            tlv::object(0xA1, &hex!("80020101 87020101 88020008")),
            tlv::object(0x5F2E, &record),
        ]
        .concat();
        let group = [tlv::object(2, &[1]), tlv::object(0x7F60, &template)].concat();
        let image = decode(&tlv::object(0x75, &tlv::object(0x7F61, &group))).unwrap();
        assert_eq!(
            (image.format, image.width, image.height),
            (ImageFormat::Jpeg, 480, 640)
        );
        assert_eq!(image.bytes, hex!("FFD8FFD9"));
    }

    #[test]
    fn lengths_that_contradict_each_other_are_refused() {
        let image = Image {
            format: ImageFormat::Jpeg,
            width: 3,
            height: 4,
            bytes: vec![1, 2, 3],
        };
        let file = encode(&image).unwrap();
        let start = file.windows(3).position(|bytes| bytes == b"FAC").unwrap();
        for offset in [0, 7, 11, 13, 17, 19, 35] {
            let mut wrong = file.clone();
            wrong[start + offset] ^= 0x40;
            let result = decode(&wrong);
            // One more face is read as the first; everything else contradicts.
            assert!(result.is_err() || offset == 13, "byte {offset}");
        }
        for length in 0..file.len() {
            assert!(decode(&file[..length]).is_err());
        }
    }

    #[test]
    fn what_a_chip_cannot_show_is_refused() {
        for (format, width, height) in [
            (ImageFormat::Png, 3, 4),
            (ImageFormat::Jpeg, 0, 4),
            (ImageFormat::Jpeg, 3, 65_536),
        ] {
            let image = Image {
                format,
                width,
                height,
                bytes: vec![0],
            };
            assert_eq!(encode(&image).unwrap_err().code, &FIELD_UNFIT);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_read_or_are_refused(bytes: Vec<u8>) {
            let _ = decode(&bytes);
            let _ = facial_record(&bytes);
            let _ = facial_record(&[&PUBLISHED[38..84], &bytes[..]].concat());
        }

        #[test]
        fn what_is_written_reads_back(width in 1u32..65_536, height in 1u32..65_536, bytes: Vec<u8>, jpeg: bool) {
            let format = if jpeg { ImageFormat::Jpeg } else { ImageFormat::Jpeg2000 };
            let image = Image { format, width, height, bytes };
            prop_assert!(decode(&encode(&image).unwrap()).unwrap() == image);
        }
    }
}
