//! A published signature of a real chip, and what must not pass.

use hex_literal::hex;

use super::*;
use crate::document::security_info::SecurityInfos;
use crate::pki::EllipticCurve;

/// EF.DG15 with the P-256 key that belongs to this private number.
fn dg15(private: u8) -> Vec<u8> {
    let mut file = hex!("6F5B3059301306072A8648CE3D020106082A8648CE3D030107034200").to_vec();
    file.extend(EllipticCurve::P256.public(&[private; 32]).unwrap());
    file
}

fn signed(private: u8, hash: Hash, challenge: &[u8; 8]) -> Vec<u8> {
    EllipticCurve::P256
        .sign(&[private; 32], &hash.digest(challenge))
        .unwrap()
}

#[test]
fn only_the_right_key_over_the_right_challenge() {
    let signature = signed(7, Hash::Sha256, b"12345678");
    let verdict = |private, challenge, signature: &[u8]| verify(&dg15(private), None, challenge, signature);
    assert_eq!(verdict(7, b"12345678", &signature), Verdict::Genuine);
    assert_eq!(verdict(7, b"12345679", &signature), Verdict::Failed);
    assert_eq!(verdict(8, b"12345678", &signature), Verdict::Failed);
    assert_eq!(verdict(7, b"12345678", &signature[..63]), Verdict::Failed);
    assert_eq!(verdict(7, b"12345678", &[]), Verdict::Failed);
}

#[test]
fn the_digest_is_the_one_that_dg14_names() {
    let infos = |arc: u8| {
        let mut set = hex!("311930170606678108010105020101060A04007F00070101040100").to_vec();
        *set.last_mut().unwrap() = arc;
        SecurityInfos::from_card_access(&set).unwrap()
    };
    for (arc, hash) in [
        (1, Hash::Sha1),
        (2, Hash::Sha224),
        (3, Hash::Sha256),
        (4, Hash::Sha384),
        (5, Hash::Sha512),
    ] {
        let signature = signed(7, hash, b"12345678");
        for other in 1..=5 {
            let verdict = verify(&dg15(7), Some(&infos(other)), b"12345678", &signature);
            let expected = if other == arc {
                Verdict::Genuine
            } else {
                Verdict::Failed
            };
            assert_eq!(verdict, expected, "{arc} {other}");
        }
    }
}

#[test]
fn keys_that_are_not_supported_prove_nothing() {
    // A curve that is not known, and no key at all.
    let mut unknown = dg15(7);
    unknown[23] ^= 1;
    for dg15 in [&unknown[..], &hex!("6F00"), &[]] {
        assert_eq!(verify(dg15, None, b"12345678", &[0; 64]), Verdict::Unsupported);
    }
}

/// A published EF.DG15 with RSA-1792, and what the chip answered (gmrtd, activeauth_test.go).
const RSA_DG15: &[u8] = &hex!(
    "6F8201023081FF300D06092A864886F70D01010105000381ED003081E90281E100BB8F93F4DC95E205CDA17C6927AB1E\
     365B13065D03CD12E0FCE95D96840529453202F56CC4C13F77CD062930C8BC89A2873B257045C286E601CF3C09323A53\
     103314902804AA10A314628CE222206A8866946A36B442041BB54AC81E6855DD1D6E16101833D65A191C20AC8B33B8A1\
     A32920F46043F8031CF2BC17417030865FC5BE5A39DEE423BCBA3CA8177168EB23CFE01BA43EC87711B1CFFF85DB46F3\
     00DD8AE317B50D543B573E119E23AF7070D0B2FED6A3B2313A5EC02A531AAED1741F4390D1013E2A0F081EAC5DC8B0A1\
     B2C6BDB1206F08D30E3643E1E5BDF536110203010001"
);
const RSA_CHALLENGE: [u8; 8] = hex!("96302b0f3d7e7864");
const RSA_SIGNATURE: &[u8] = &hex!(
    "474256306840c0ab1b63c10e1c26bdfef4a0dd843920283cc4e6e70a60f2bd25dc7725f9677bc1cde66379dc28b38e84\
     90f33afb2d10f9980c44c0bfc175d2b6684218f535c92fdd3e18db770a9ccbf91db3c7f0138e6d9e94b9bc8371761e3a\
     bed5e5e9b260279cfb238b58ae0d6a01da51c74c2a3ecd62c448bd9f20127f7384587287fa971204234e55b1a856c3e5\
     aaaa620bb799a68fbae08ee132bb61683eba9b0b40dc1e54641cad975b16991cab50af82e3f3985afd19e7427a125f5b\
     4b9878b12a5d2e01c7eedca3bb41c6fc05dccd818bce379d04b1f2f5d43487d3"
);

#[test]
fn a_published_rsa_signature_opens() {
    assert_eq!(
        verify(RSA_DG15, None, &RSA_CHALLENGE, RSA_SIGNATURE),
        Verdict::Genuine
    );
    // The other root of the same square is the same signature.
    let Some(PublicKey::Rsa(key)) = key(RSA_DG15) else {
        panic!("not RSA");
    };
    let opened = rsa::open(&key, RSA_SIGNATURE).unwrap();
    assert_eq!(opened.message[0], 0x6A);
    assert!(opened.message.ends_with(&[0x34, 0xCC]));
    let other = subtract(&opened.modulus, RSA_SIGNATURE).unwrap();
    assert_eq!(verify(RSA_DG15, None, &RSA_CHALLENGE, &other), Verdict::Genuine);
}

#[test]
fn an_rsa_signature_that_is_not_over_the_challenge_fails() {
    let mut challenge = RSA_CHALLENGE;
    challenge[7] ^= 1;
    assert_eq!(verify(RSA_DG15, None, &challenge, RSA_SIGNATURE), Verdict::Failed);
    let mut signature = RSA_SIGNATURE.to_vec();
    signature[100] ^= 1;
    assert_eq!(
        verify(RSA_DG15, None, &RSA_CHALLENGE, &signature),
        Verdict::Failed
    );
    for wrong in [&[][..], &[0; 224], &[0xFF; 224], &[1; 500]] {
        assert_eq!(verify(RSA_DG15, None, &RSA_CHALLENGE, wrong), Verdict::Failed);
    }
}

#[test]
fn doc_9303_11_appendix_f() {
    // M1 and RND.IFD, and the digest that the appendix gives.
    let m1 = hex!(
        "9D2784A67F8E7C659973EA1AEA25D95B6C8F91E5002F369F0FBDCE8A3CEC1991B543F1696546C5524CF23A5303CD6C98\
         599F40B79F377B5F3A1406B3B4D8F96784D23AA88DB7E1032A405E69325FA91A6E86F5C71AEA978264C4A207446DAD4E\
         7292E2DCDA3024B47DA8"
    );
    let digest = Hash::Sha1.digest(&[&m1[..], &hex!("F173589974BF40C6")].concat());
    assert_eq!(digest, hex!("C063AA1E6D22FBD976AB0FE73D94D2D9C6D88127"));
    let message = [&[0x6A][..], &m1, &digest, &[0xBC]].concat();
    let (hash, body) = trailer(&message).unwrap();
    assert_eq!((hash, body.len()), (Hash::Sha1, message.len() - 1));
}

#[test]
fn padding_is_read_to_its_end() {
    // With the exponent 1, a signature opens to itself: any message can be shown. The modulus is 2^512 - 1.
    let mut key = hex!("30460241 00").to_vec();
    key.extend([0xFF; 64]);
    key.extend(hex!("020101"));
    let shown = |parts: &[&[u8]]| {
        let mut message = parts.concat();
        message.resize(64, 0);
        recovers(&key, b"12345678", &message).is_some()
    };
    let filled = |head: &[u8], m1: &[u8]| {
        let digest = Hash::Sha256.digest(&[m1, b"12345678"].concat());
        shown(&[head, m1, &digest, &[0x34, 0xCC]])
    };
    assert!(filled(&[0x6A], &[7; 29]));
    assert!(filled(&[0x6B, 0xBB, 0xBB, 0xBA], &[7; 26]));
    assert!(filled(&[0x6B, 0xBA], &[7; 28]));
    // Total recovery, no end of the padding, something else in the padding, nothing recovered.
    assert!(!filled(&[0x4A], &[7; 29]));
    assert!(!filled(&[0x6B], &[0xBB; 29]));
    assert!(!filled(&[0x6B, 0xBB, 0xBC, 0xBA], &[7; 26]));
    assert!(!filled(&[&[0x6B][..], &[0xBB; 28], &[0xBA]].concat(), &[]));
}
