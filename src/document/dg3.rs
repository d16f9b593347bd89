//! EF.DG3: fingerprints (Doc 9303-10, EF.DG3), each in a finger image record of ISO/IEC 19794-4:2005 inside a CBEFF
//! frame. Chips let only terminals of the state read it.
//!
//! The images are passed through as they were approved: never decoded, never encoded anew.

use crate::base::Fault;
use crate::document::cbeff::{self, Fields, Instance, Kind};
use crate::document::fault::FIELD_UNFIT;
use crate::document::file::FileId;
use crate::document::tlv::{self, Malformed, Reader};
use crate::dossier::{Capture, Dossier, Image, ImageFormat};

/// Finger, in the format of ISO/IEC 19794-4.
const FINGER: Kind = Kind {
    biometric: 0x08,
    format: 0x0007,
    other: "not a finger image record of ISO/IEC 19794-4",
};
/// Format identifier `FIR` and version `010`, each ending with a zero.
const RECORD_START: [u8; 8] = *b"FIR\x00010\x00";
/// Bytes of the general record header and of a finger image header.
const RECORD_HEADER: usize = 32;
const IMAGE_HEADER: usize = 14;
/// Image acquisition level 31: 500 pixels per inch, 8 bits of grey, as intake sets deliver it.
const ACQUISITION_LEVEL: u16 = 31;
/// Its resolution, and the unit of resolutions: pixels per inch.
const RESOLUTION: u16 = 500;
const PER_INCH: u8 = 1;
/// Bits per pixel.
const DEPTH: u8 = 8;
/// The quality was not measured.
const NO_QUALITY: u8 = 0xFE;
/// Live scan, plain.
const PLAIN: u8 = 0;

/// A fingerprint as the file holds it.
#[derive(Clone, Eq, PartialEq)]
pub struct Print {
    /// Which finger, ISO/IEC 19794-4 position: 1 to 5 right thumb to little, 6 to 10 left.
    pub position: u8,
    /// Its picture.
    pub image: Image,
}

// Personal data: never shown.
impl std::fmt::Debug for Print {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Print({})", self.position)
    }
}

/// The pictures that a dossier has of fingers.
pub fn pictures(dossier: &Dossier) -> impl Iterator<Item = (u8, &Image)> {
    dossier.fingers.iter().filter_map(|finger| match &finger.capture {
        Capture::Taken(image) => Some((finger.position, image)),
        Capture::Amputated | Capture::Unavailable => None,
    })
}

/// The file, with one template for each finger of which there is a picture. `filler` tells the files of people without
/// any from each other, whose hashes in EF.SOD would give them away otherwise.
///
/// # Errors
/// A dossier fault if a position is none, or an image too large for the record's fields.
pub fn encode(dossier: &Dossier, filler: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut records = Vec::new();
    for (position, image) in pictures(dossier) {
        let unfit = |why: &str| Fault::new(&FIELD_UNFIT, why).at(format!("finger {position}"));
        let subtype = subtype(position).ok_or_else(|| unfit("no such finger"))?;
        records.push((
            subtype,
            record(position, image).ok_or_else(|| unfit("too large"))?,
        ));
    }
    let instances: Vec<Instance<'_>> = records
        .iter()
        .map(|(subtype, record)| Instance {
            subtype: *subtype,
            record,
        })
        .collect();
    let mut content = cbeff::group(&FINGER, &instances);
    if instances.is_empty() {
        tlv::push(&mut content, 0x53, filler);
    }
    Ok(tlv::object(0x63, &content))
}

/// CBEFF subtype: right or left, and which finger.
fn subtype(position: u8) -> Option<u8> {
    match position {
        1..=5 => Some(position << 2 | 0b01),
        6..=10 => Some((position - 5) << 2 | 0b10),
        _ => None,
    }
}

fn record(position: u8, image: &Image) -> Option<Vec<u8>> {
    let compression = match image.format {
        ImageFormat::Jpeg => 3,
        ImageFormat::Jpeg2000 => 4,
        ImageFormat::Png => 5,
    };
    let side = |pixels: u32| u16::try_from(pixels).ok().filter(|pixels| *pixels > 0);
    let block = u32::try_from(IMAGE_HEADER + image.bytes.len()).ok()?;
    let total = u32::try_from(RECORD_HEADER).ok()?.checked_add(block)?;
    let mut record = Vec::with_capacity(RECORD_HEADER + IMAGE_HEADER + image.bytes.len());
    record.extend(RECORD_START);
    // Six bytes of length, and a capture device that is not told.
    record.extend([0, 0]);
    record.extend(total.to_be_bytes());
    record.extend([0, 0]);
    record.extend(ACQUISITION_LEVEL.to_be_bytes());
    record.extend([1, PER_INCH]);
    // Of scanning and of the image, across and down.
    for _ in 0..4 {
        record.extend(RESOLUTION.to_be_bytes());
    }
    record.extend([DEPTH, compression, 0, 0]);
    record.extend(block.to_be_bytes());
    // The only view of this finger.
    record.extend([position, 1, 1, NO_QUALITY, PLAIN]);
    record.extend(side(image.width)?.to_be_bytes());
    record.extend(side(image.height)?.to_be_bytes());
    record.push(0);
    record.extend(&image.bytes);
    Some(record)
}

/// Reads the fingerprints out of the file.
///
/// # Errors
/// `FILE_MALFORMED`.
pub fn decode(file: &[u8]) -> Result<Vec<Print>, Fault> {
    read(file).map_err(|why| why.fault(FileId::Dg(3)))
}

fn read(file: &[u8]) -> Result<Vec<Print>, Malformed> {
    let mut content = Reader::new(tlv::only(file, 0x63)?);
    let instances = cbeff::templates(&FINGER, content.expect(0x7F61)?)?;
    let prints = instances.iter().map(|instance| {
        let print = finger_record(instance.record)?;
        // Some writers name no subtype; one that is named must be right.
        if instance.subtype != 0 && Some(instance.subtype) != subtype(print.position) {
            return Err(Malformed::Content("two names for a finger"));
        }
        Ok(print)
    });
    prints.collect()
}

fn finger_record(record: &[u8]) -> Result<Print, Malformed> {
    let mut fields = Fields(record);
    if fields.take()? != RECORD_START {
        return Err(Malformed::Content("not a finger image record of version 010"));
    }
    let length: [u8; 6] = fields.take()?;
    let length = length.iter().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
    if usize::try_from(length) != Ok(record.len()) {
        return Err(Malformed::Content("length of the finger image record"));
    }
    let [_device, _, _level, _, fingers] = fields.take()?;
    if fingers != 1 {
        return Err(Malformed::Content("not one finger in a record"));
    }
    let [_unit, ..]: [u8; 9] = fields.take()?;
    let [_depth, compression, _, _] = fields.take()?;
    let block = usize::try_from(u32::from_be_bytes(fields.take()?)).map_err(|_| Malformed::Truncated)?;
    if block.checked_sub(4) != Some(fields.0.len()) {
        return Err(Malformed::Content("length of the finger image"));
    }
    let [position, _views, _view, _quality, _impression] = fields.take()?;
    let (width, height) = (fields.take()?, fields.take()?);
    let [_reserved] = fields.take()?;
    Ok(Print {
        position,
        image: Image {
            format: match compression {
                3 => ImageFormat::Jpeg,
                4 => ImageFormat::Jpeg2000,
                5 => ImageFormat::Png,
                _ => return Err(Malformed::Content("unknown image compression algorithm")),
            },
            width: u16::from_be_bytes(width).into(),
            height: u16::from_be_bytes(height).into(),
            bytes: fields.0.to_vec(),
        },
    })
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;
    use proptest::prelude::*;

    use super::*;
    use crate::document::example;
    use crate::dossier::Finger;

    fn finger(position: u8, bytes: &[u8]) -> Finger {
        Finger {
            position,
            capture: Capture::Taken(Image {
                format: ImageFormat::Jpeg,
                width: 300,
                height: 400,
                bytes: bytes.to_vec(),
            }),
        }
    }

    fn with(fingers: Vec<Finger>) -> Dossier {
        Dossier {
            fingers,
            ..example::dossier()
        }
    }

    fn told(prints: &[Print]) -> Vec<(u8, Vec<u8>)> {
        let told = prints
            .iter()
            .map(|print| (print.position, print.image.bytes.clone()));
        told.collect()
    }

    #[test]
    fn two_index_fingers_as_the_standards_lay_them_out() {
        let dossier = with(vec![finger(2, &[0xFF, 0xD8]), finger(7, &[0xFF, 0xD8, 0xFF])]);
        let file = encode(&dossier, b"").unwrap();
        // Byte by byte from Doc 9303-10, EF.DG3, and ISO/IEC 19794-4:2005, tables 2 and 4; each template's header says
        // finger, right or left index, and the format.
        assert_eq!(
            file,
            hex!(
                "63 8194 7F61 8190 020102"
                "7F60 43 A10E 810108 820109 87020101 88020007 5F2E 30"
                "46495200 30313000 000000000030 0000 001F 01 01 01F4 01F4 01F4 01F4 08 03 0000"
                "00000010 02 01 01 FE 00 012C 0190 00 FFD8"
                "7F60 44 A10E 810108 82010A 87020101 88020007 5F2E 31"
                "46495200 30313000 000000000031 0000 001F 01 01 01F4 01F4 01F4 01F4 08 03 0000"
                "00000011 07 01 01 FE 00 012C 0190 00 FFD8FF"
            )
        );
        let prints = decode(&file).unwrap();
        assert_eq!(
            told(&prints),
            [(2, vec![0xFF, 0xD8]), (7, vec![0xFF, 0xD8, 0xFF])]
        );
        assert_eq!((prints[0].image.width, prints[0].image.height), (300, 400));
    }

    #[test]
    fn nobody_s_fingers_look_like_nobody_else_s() {
        let amputated = Finger {
            position: 2,
            capture: Capture::Amputated,
        };
        for dossier in [with(Vec::new()), with(vec![amputated])] {
            let file = encode(&dossier, b"0123456789ABCDEF").unwrap();
            assert_eq!(file[..8], hex!("63 18 7F61 03 020100"));
            assert_eq!(file[8..], [&[0x53, 16], &b"0123456789ABCDEF"[..]].concat());
            assert_eq!(decode(&file).unwrap(), []);
            assert_ne!(file, encode(&dossier, b"0123456789ABCDE0").unwrap());
        }
    }

    #[test]
    fn what_fits_no_record_is_refused() {
        for position in [0, 11, 255] {
            let fault = encode(&with(vec![finger(position, &[1])]), b"").unwrap_err();
            assert_eq!(fault.code, &FIELD_UNFIT, "{position}");
        }
        let mut wide = finger(2, &[1]);
        if let Capture::Taken(image) = &mut wide.capture {
            image.width = 65_536;
        }
        assert!(encode(&with(vec![wide]), b"").is_err());
    }

    #[test]
    fn damaged_records_are_refused() {
        let file = encode(&with(vec![finger(2, &[0xFF, 0xD8])]), b"").unwrap();
        // The header's subtype and format, the record's identifier, length, count, compression, block and position.
        for place in [18, 26, 30, 43, 48, 59, 65, 66] {
            let mut damaged = file.clone();
            damaged[place] ^= 0x40;
            assert!(decode(&damaged).is_err(), "{place}");
        }
        for cut in 0..file.len() {
            assert!(decode(&file[..cut]).is_err(), "cut at {cut}");
        }
    }

    proptest! {
        #[test]
        fn any_fingers_come_back(
            all in prop::collection::btree_map(1u8..=10, prop::collection::vec(any::<u8>(), 0..600), 0..=10)
        ) {
            let fingers = all.iter().map(|(position, bytes)| finger(*position, bytes)).collect();
            let prints = decode(&encode(&with(fingers), b"filler").unwrap()).unwrap();
            prop_assert_eq!(told(&prints), all.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn any_bytes_read_or_are_refused(bytes: Vec<u8>) {
            let _ = decode(&bytes);
            let group = [tlv::object(2, &[1]), tlv::object(0x7F60, &bytes)].concat();
            let _ = decode(&tlv::object(0x63, &tlv::object(0x7F61, &group)));
        }
    }
}
