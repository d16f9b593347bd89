use hex_literal::hex;
use proptest::prelude::*;

use super::*;

/// The DG14 example of BSI TR-03110 and Doc 9303: key, chip authentication and terminal authentication, not in DER
/// order.
const PUBLISHED: &[u8] = &hex!(
    "6e8201dc318201d8308201b4060904007f000702020101308201a53082011a06092a864886f70d0103013082010b0281\
     8100dcb554df8c6931e865c1b588273d"
    "80a2d87ab539c5e4a074b40249ff655a9ab830633b457c4cf885e31cd79f81148c8a68d1dbfc2f7b70ed55c0387c23a0\
     479a9572e8a6714f418a6bf9b00ec5bc"
    "4def255a9485058a4271008ba694aa62cc18385ef9d7b6e833a7088ac817aa1f9b93a86b983eab73c15884e733665659\
     ca7d0281802e69fe94d3c0a4378c8a47"
    "9d83091aed41923425c103008c6ab3f6e83e20cb16c4ae0b0e28ed9bc79cd7d7e9dfd39dd0a39141f2dd57149ab688db\
     ad177c686f771828e5a04408512f1564"
    "74b0bfd430cbbf91c01589e721dddffcdf450043eb771e61084c597f7aea9048420a2180ebfec1b3b93c1a6cb1ad38b3\
     984ff05210020203f903818400028180"
    "553ce735ecf5cbf2029d30faa4f97335df404047e4f8586d76a7d221a09e7f55bbe255c6587bf2885d41b786bcef2177\
     d52bf3cdba785d37d70b88d6ab4e1ca6"
    "6a63b6011376ed44444a662bd0dc9524176e971287ad41d29bed3d35eac7d39ca73ecb2a3b4d39671ce4125c92658c5b\
     f3deda915ed71b88fc031bab887248a1"
    "300f060a04007f00070202030101020101300d060804007f0007020202020101"
);

fn pace(parameter_id: u32) -> SecurityInfo {
    SecurityInfo::Pace {
        protocol: PACE_ECDH_GM_AES_128,
        parameter_id: Some(parameter_id),
    }
}

#[test]
fn published_card_access_files() {
    // Doc 9303-11, appendix G.1: generic mapping over brainpoolP256r1.
    let ecdh = hex!("31143012060A04007F0007020204020202010202010D");
    assert_eq!(SecurityInfos::new(vec![pace(13)]).card_access(), ecdh);
    assert_eq!(
        SecurityInfos::from_card_access(&ecdh).unwrap().infos(),
        [pace(13)]
    );
    // Appendix G.2: over a group of RFC 5114.
    let dh = hex!("31143012060A04007F00070202040102020102020100");
    let infos = SecurityInfos::from_card_access(&dh).unwrap();
    assert_eq!(
        infos.infos(),
        [SecurityInfo::Pace {
            protocol: ObjectIdentifier::new_unwrap("0.4.0.127.0.7.2.2.4.1.2"),
            parameter_id: Some(0),
        }]
    );
    assert_eq!(infos.card_access(), dh);
}

#[test]
fn the_published_dg14_is_read_and_kept_byte_for_byte() {
    assert_eq!(PUBLISHED.len(), 480);
    let infos = SecurityInfos::from_dg14(PUBLISHED).unwrap();
    let [
        SecurityInfo::ChipAuthenticationPublicKey {
            protocol,
            key,
            key_id: None,
        },
        chip,
        SecurityInfo::Other(terminal),
    ] = infos.infos()
    else {
        panic!("other entries");
    };
    assert_eq!(protocol.to_string(), "0.4.0.127.0.7.2.2.1.1");
    assert_eq!((key.len(), &key[..4]), (0x1A5 + 4, &hex!("308201A5")[..]));
    assert_eq!(
        chip,
        &SecurityInfo::ChipAuthentication {
            protocol: ObjectIdentifier::new_unwrap("0.4.0.127.0.7.2.2.3.1.1"),
            key_id: None
        }
    );
    assert_eq!(terminal[..], hex!("300d060804007f0007020202020101"));

    assert!(!infos.is_in_der_order());
    let written = infos.dg14();
    let sorted = SecurityInfos::from_dg14(&written).unwrap();
    assert!(sorted.is_in_der_order() && sorted.contains_all(&infos) && infos.contains_all(&sorted));
    assert_eq!(written.len(), PUBLISHED.len());
    for info in infos.infos() {
        let entry = info.encode();
        assert!(PUBLISHED.windows(entry.len()).any(|bytes| bytes == entry));
    }
}

#[test]
fn dg14_holds_card_access_or_it_shows() {
    let active = SecurityInfo::ActiveAuthentication {
        algorithm: ECDSA_PLAIN_SHA256,
    };
    let card_access = SecurityInfos::new(vec![pace(13)]);
    let dg14 = SecurityInfos::new(vec![pace(13), active.clone(), active.clone()]);
    assert_eq!(dg14.infos().len(), 2);
    // SEQUENCE { 2.23.136.1.1.5, INTEGER 1, 0.4.0.127.0.7.1.1.4.1.3 }.
    assert_eq!(
        active.encode(),
        hex!("3017 0606678108010105 020101 060A04007F00070101040103")
    );
    let file = dg14.dg14();
    let entry = pace(13).encode();
    assert!(file.windows(entry.len()).any(|bytes| bytes == entry));
    let read = SecurityInfos::from_dg14(&file).unwrap();
    assert!(read.contains_all(&card_access));
    assert!(!read.contains_all(&SecurityInfos::new(vec![pace(12)])));
}

#[test]
fn what_is_not_understood_is_kept() {
    for entry in [
        // PACEInfo of version 1, with a second parameter, with a negative parameter; an unknown protocol.
        &hex!("300F060A04007F00070202040202020101")[..],
        &hex!("3015060A04007F0007020204020202010202010D02010E"),
        &hex!("3012060A04007F000702020402020201020201FF"),
        &hex!("3006060101 020101"),
    ] {
        let infos = SecurityInfos::from_card_access(&tlv::object(tlv::SET, entry)).unwrap();
        assert_eq!(infos.infos(), [SecurityInfo::Other(entry.to_vec())]);
    }
    for file in [
        &hex!("3100 00")[..],
        &hex!("3000"),
        &hex!("31020500"),
        &hex!("31023000"),
        b"",
    ] {
        assert!(SecurityInfos::from_card_access(file).is_err());
    }
}

fn any_info() -> impl Strategy<Value = SecurityInfo> {
    let number = || prop::option::of(any::<u32>());
    prop_oneof![
        number().prop_map(|parameter_id| SecurityInfo::Pace {
            protocol: PACE_ECDH_GM_AES_128,
            parameter_id
        }),
        Just(SecurityInfo::ActiveAuthentication {
            algorithm: ECDSA_PLAIN_SHA256
        }),
        number().prop_map(|key_id| SecurityInfo::ChipAuthentication {
            protocol: CA_ECDH_AES_128,
            key_id
        }),
        (any::<Vec<u8>>(), number()).prop_map(|(key, key_id)| SecurityInfo::ChipAuthenticationPublicKey {
            protocol: PK_ECDH,
            key: tlv::object(tlv::SEQUENCE, &key),
            key_id
        }),
    ]
}

proptest! {
    #[test]
    fn what_is_written_reads_back(infos in prop::collection::vec(any_info(), 0..6)) {
        let infos = SecurityInfos::new(infos);
        let read = SecurityInfos::from_dg14(&infos.dg14()).unwrap();
        prop_assert!(read.is_in_der_order());
        prop_assert_eq!(read, infos);
    }

    #[test]
    fn any_bytes_read_or_are_refused(bytes: Vec<u8>, at in 0usize..480, byte: u8) {
        let _ = SecurityInfos::from_card_access(&bytes);
        let _ = SecurityInfos::from_card_access(&tlv::object(tlv::SET, &bytes));
        let mut changed = PUBLISHED.to_vec();
        changed[at] = byte;
        if let Ok(infos) = SecurityInfos::from_dg14(&changed) {
            prop_assert_eq!(infos.dg14().len(), changed.len());
        }
    }
}
