//! EF.DG1: the machine-readable zone, the same characters as on the plastic (Doc 9303-10, EF.DG1).

use crate::base::Fault;
use crate::document::file::FileId;
use crate::document::mrz::Mrz;
use crate::document::tlv::{self, Malformed, Reader};

/// The file.
#[must_use]
pub fn encode(mrz: &Mrz) -> Vec<u8> {
    tlv::object(0x61, &tlv::object(0x5F1F, mrz.zone().as_bytes()))
}

/// Reads the file; only the three lines of an ID-1 card are taken.
///
/// # Errors
/// `FILE_MALFORMED`, or `MRZ_MALFORMED` if a check digit is wrong.
pub fn decode(file: &[u8]) -> Result<Mrz, Fault> {
    let zone = read(file).map_err(|why| why.fault(FileId::Dg(1)))?;
    Mrz::from_text(zone).map_err(|fault| fault.at(FileId::Dg(1)))
}

fn read(file: &[u8]) -> Result<&str, Malformed> {
    let mut reader = Reader::new(tlv::only(file, 0x61)?);
    let zone = reader.expect(0x5F1F)?;
    reader.finish()?;
    // White space, which a scanned zone may have, has no place here.
    if zone.len() != crate::document::mrz::ZONE {
        return Err(Malformed::Content("not the zone of an ID-1 card"));
    }
    std::str::from_utf8(zone).map_err(|_| Malformed::Content("not the characters of a zone"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::document::example;

    #[test]
    fn the_file_of_an_id_card() {
        let mrz = Mrz::compose(&example::dossier(), &example::profile("cc-2024")).unwrap();
        let file = encode(&mrz);
        // Doc 9303-10: 61 5D 5F1F 5A and ninety characters.
        assert_eq!(file[..5], [0x61, 0x5D, 0x5F, 0x1F, 0x5A]);
        assert_eq!(&file[5..], mrz.lines().concat().as_bytes());
        assert_eq!(decode(&file).unwrap(), mrz);
    }

    #[test]
    fn a_passport_s_zone_is_refused() {
        // The specimen of Doc 9303-4: two lines of 44 characters.
        let zone = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<L898902C36UTO7408122F1204159ZE184226B<<<<<10";
        let file = tlv::object(0x61, &tlv::object(0x5F1F, zone.as_bytes()));
        assert_eq!(file.len(), 93);
        assert!(decode(&file).unwrap_err().detail.contains("ID-1"));
    }

    proptest! {
        #[test]
        fn any_bytes_read_or_are_refused(bytes: Vec<u8>, zone in prop::collection::vec(any::<u8>(), 90)) {
            let _ = decode(&bytes);
            let _ = decode(&tlv::object(0x61, &tlv::object(0x5F1F, &zone)));
        }
    }
}
