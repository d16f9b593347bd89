//! EF.DG15: the chip's own public key, with which it answers challenges (Doc 9303-10, EF.DG15).

use p256::PublicKey;

use crate::base::Fault;
use crate::document::fault::PREPARATION_WRONG;
use crate::document::file::FileId;
use crate::document::tlv::{self, Malformed, Reader};

/// AlgorithmIdentifier of an EC key on the named curve P-256 (RFC 5480).
const EC_P256: &[u8] = &[
    0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03,
    0x01, 0x07,
];
/// AlgorithmIdentifier of an RSA key (RFC 8017).
const RSA: &[u8] = &[
    0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05, 0x00,
];

/// The key that active authentication is checked with.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ChipKey {
    /// ECDSA on P-256: the uncompressed point, 04 and both coordinates. On the curve.
    P256([u8; 65]),
    /// RSA: the SubjectPublicKeyInfo in DER.
    Rsa(Vec<u8>),
    /// Any other: the SubjectPublicKeyInfo in DER.
    Other(Vec<u8>),
}

/// The file for a P-256 key, given as an uncompressed point.
///
/// # Errors
/// `PREPARATION_WRONG` if the point is not on the curve.
pub fn encode(point: &[u8; 65]) -> Result<Vec<u8>, Fault> {
    if !is_on_curve(point) {
        return Err(Fault::new(&PREPARATION_WRONG, "chip key is not a point of P-256"));
    }
    let mut key = tlv::object(tlv::SEQUENCE, EC_P256);
    tlv::push(&mut key, 0x03, &[&[0], &point[..]].concat());
    Ok(tlv::object(0x6F, &tlv::object(tlv::SEQUENCE, &key)))
}

/// Reads the file.
///
/// # Errors
/// `FILE_MALFORMED`, also if a P-256 key is not on the curve.
pub fn decode(file: &[u8]) -> Result<ChipKey, Fault> {
    read(file).map_err(|why| why.fault(FileId::Dg(15)))
}

fn read(file: &[u8]) -> Result<ChipKey, Malformed> {
    let info = tlv::only(file, 0x6F)?;
    let mut reader = Reader::new(tlv::only(info, tlv::SEQUENCE)?);
    let algorithm = reader.expect(tlv::SEQUENCE)?;
    let key = reader.expect(0x03)?;
    reader.finish()?;
    match (algorithm, key) {
        (EC_P256, [0, point @ ..]) => <[u8; 65]>::try_from(point)
            .ok()
            .filter(is_on_curve)
            .map(ChipKey::P256)
            .ok_or(Malformed::Content("not an uncompressed point of P-256")),
        (RSA, _) => Ok(ChipKey::Rsa(info.to_vec())),
        _ => Ok(ChipKey::Other(info.to_vec())),
    }
}

fn is_on_curve(point: &[u8; 65]) -> bool {
    point[0] == 0x04 && PublicKey::from_sec1_bytes(point).is_ok()
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;
    use p256::pkcs8::EncodePublicKey;
    use proptest::prelude::*;

    use super::*;
    use crate::document::example;

    #[test]
    fn a_key_is_written_as_another_library_writes_it() {
        let point = example::chip_key();
        let file = encode(&point).unwrap();
        let other = PublicKey::from_sec1_bytes(&point)
            .unwrap()
            .to_public_key_der()
            .unwrap();
        assert_eq!(tlv::only(&file, 0x6F).unwrap(), other.as_bytes());
        assert_eq!(decode(&file).unwrap(), ChipKey::P256(point));
    }

    #[test]
    fn an_rsa_key_is_kept_as_it_is() {
        // A published RSA-1792 key (gmrtd, activeauth_test.go).
        let file = hex!(
            "6F8201023081FF300D06092A864886F70D01010105000381ED003081E90281E100BB8F93F4DC95E205CDA17C6927AB1E\
             365B13065D03CD12E0FCE95D96840529453202F56CC4C13F77CD062930C8BC89A2873B257045C286E601CF3C09323A53\
             103314902804AA10A314628CE222206A8866946A36B442041BB54AC81E6855DD1D6E16101833D65A191C20AC8B33B8A1\
             A32920F46043F8031CF2BC17417030865FC5BE5A39DEE423BCBA3CA8177168EB23CFE01BA43EC87711B1CFFF85DB46F3\
             00DD8AE317B50D543B573E119E23AF7070D0B2FED6A3B2313A5EC02A531AAED1741F4390D1013E2A0F081EAC5DC8B0A1\
             B2C6BDB1206F08D30E3643E1E5BDF536110203010001"
        );
        let ChipKey::Rsa(info) = decode(&file).unwrap() else {
            panic!("not RSA");
        };
        assert_eq!(tlv::object(0x6F, &info), file);
    }

    #[test]
    fn points_beside_the_curve_are_refused() {
        let mut point = example::chip_key();
        let file = encode(&point).unwrap();
        point[64] ^= 1;
        assert_eq!(encode(&point).unwrap_err().code, &PREPARATION_WRONG);
        let mut wrong = file;
        if let Some(last) = wrong.last_mut() {
            *last ^= 1;
        }
        assert!(decode(&wrong).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_read_or_are_refused(bytes: Vec<u8>) {
            let _ = decode(&bytes);
            let _ = decode(&tlv::object(0x6F, &tlv::object(tlv::SEQUENCE, &bytes)));
        }
    }
}
