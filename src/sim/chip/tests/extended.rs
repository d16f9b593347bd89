//! The applet's variant with extended access control: an RSA key for active authentication, a key for chip
//! authentication, and CVCAs, each brought in by its own PUT DATA.

use super::terminal::Authority;
use super::*;
use crate::chip::profile::PutData;
use crate::document::security_info::{CA_ECDH_AES_128, PK_ECDH, SecurityInfo, SecurityInfos};
use crate::pki::{Curve, EllipticCurve};

/// An RSA key of 1,024 bits that OpenSSL made for this test; its public exponent is 65,537.
const MODULUS: [u8; 128] = hex!(
    "9d7941d6cf95b9c27a7d126f02c3fba92e35d96fb183398631984ac203c3e348fcbd5e0c2b88882b69c132fc1f13f5f8"
    "2a7ce02581b9c5de343b8112de9590df73a89ddabbdf6c01f05f07ae5175c776aebd50ee55b899fd0eb389647e4b83aa"
    "8003bef96880d87a9e03c4edcdfd0f28f74b40fba7495735a7af2f3e38e20ac5"
);
const EXPONENT: [u8; 128] = hex!(
    "2c3c65dc5c0fe950d26bd403cf3912b6e1be4ac86f8b375b950efce127819d95613a28f32e3f7a5107b2380a4f08a26e"
    "0631721dd725428a3b0e042232d8bd0b37744891699357a91e1aeb8c8fe83446cc52893db5a122469429471d78033698"
    "026159820f03791536ea556dd301477e8a57c2ff62dfc8f0eee3a69446a19381"
);
/// The private number for chip authentication.
const AGREEMENT: [u8; 32] = [0x43; 32];
const AUTHORITY: Authority = Authority {
    curve: EllipticCurve::P256,
};

fn object(tag: u16, contents: &[u8]) -> Vec<u8> {
    let mut object = Vec::new();
    tlv::push(&mut object, tag, contents);
    object
}

/// EF.DG15 with the RSA key.
fn dg15() -> Vec<u8> {
    let modulus = [&[0][..], &MODULUS].concat();
    let key = [object(0x02, &modulus), object(0x02, &[1, 0, 1])].concat();
    let key = [&[0][..], &object(0x30, &key)].concat();
    let algorithm = hex!("300D 06092A864886F70D010101 0500");
    object(
        0x6F,
        &object(0x30, &[&algorithm[..], &object(0x03, &key)].concat()),
    )
}

/// EF.DG14 with the key for chip authentication.
fn dg14() -> Vec<u8> {
    let curve = EllipticCurve::P256;
    let point = curve.public(&AGREEMENT).unwrap();
    SecurityInfos::new(vec![
        SecurityInfo::ChipAuthentication {
            protocol: CA_ECDH_AES_128,
            key_id: None,
        },
        SecurityInfo::ChipAuthenticationPublicKey {
            protocol: PK_ECDH,
            key: Curve::Explicit.spki_on(curve, &point).unwrap(),
            key_id: None,
        },
    ])
    .dg14()
}

/// A card with every key that this variant takes.
pub(super) fn card() -> Rehearsal {
    filled_on("emrtd-eac")
}

fn filled_on(profile: &str) -> Rehearsal {
    let mut card = Rehearsal::new(profile, &[1, 2, 3, 13, 15, 14]);
    card.files.insert(FileId::Dg(14), dg14());
    card.files.insert(FileId::Dg(15), dg15());
    card.rsa = Some(RsaSecret {
        modulus: MODULUS,
        exponent: Secret::new(EXPONENT),
    });
    card.agreement = Some(Secret::new(AGREEMENT));
    card.cvcas = vec![CvCertificate::parse(&AUTHORITY.cvca()).unwrap()];
    card
}

/// Reads as a terminal of the authority does.
fn read_by_the_state(card: &mut Rehearsal) -> Inspection {
    let chain = [AUTHORITY.cvca(), AUTHORITY.verifier(), AUTHORITY.terminal()];
    let request = Request {
        allow_bac: true,
        terminal: Some(AUTHORITY.reader(&chain)),
        ..card.request()
    };
    card.inspect(request).unwrap()
}

#[test]
fn every_key_that_was_put_counts() {
    let mut card = card().sealed();
    let strangers = card.inspect(card.request()).unwrap();
    assert_eq!(strangers.access, Access::Bac);
    assert_eq!(strangers.active_authentication, Verdict::Genuine);
    assert_eq!(strangers.chip_authentication, Verdict::Genuine);
    assert_eq!(strangers.protected, [FileId::Dg(3)]);
    let state = read_by_the_state(&mut card);
    assert_eq!(state.terminal_authentication, Verdict::Genuine);
    assert_eq!(state.files, card.files);
}

/// The same keys through a card manager, as groupings.
#[test]
fn a_card_manager_takes_them_as_groupings() {
    let mut card = filled_on("rehearsal-gp");
    card.profile.applet.put_data = PutData::ALL.to_vec();
    card.profile.applet.card_access = None;
    card.chip = Chip::blank(0x0102_0304, 0x0506, &card.profile);
    card.chip.power_on();
    let mut card = card.sealed();
    let seen = read_by_the_state(&mut card);
    assert_eq!(seen.active_authentication, Verdict::Genuine);
    assert_eq!(seen.chip_authentication, Verdict::Genuine);
    assert_eq!(seen.files, card.files);
}

#[test]
fn parts_that_do_not_belong_together_are_refused_before_the_first_write() {
    let refused = |change: &dyn Fn(&mut Rehearsal)| {
        let mut card = card();
        change(&mut card);
        let silent = card.write_over(|_, _| panic!("something was said to the chip"));
        assert_eq!(code(silent), &fault::IMAGE);
    };
    let takes_not = |what: PutData| {
        refused(&|card| card.profile.applet.put_data.retain(|taken| *taken != what));
    };
    takes_not(PutData::ActiveModulus);
    takes_not(PutData::ChipAuthentication);
    takes_not(PutData::TrustPoint);
    // Keys that are not those of DG14 and DG15, in kind or in number, or have none there.
    refused(&|card| card.rsa.as_mut().unwrap().exponent = Secret::new(MODULUS));
    refused(&|card| card.rsa.as_mut().unwrap().modulus[5] ^= 1);
    refused(&|card| card.rsa = None);
    refused(&|card| card.key = Some(Secret::new([0x42; 32])));
    refused(&|card| card.agreement = Some(Secret::new([0x44; 32])));
    refused(&|card| card.agreement = None);
    refused(&|card| drop(card.files.remove(&FileId::Dg(14))));
    refused(&|card| drop(card.files.remove(&FileId::Dg(15))));
    // Three CVCAs, one that is none, and one that does not fit into a command.
    refused(&|card| card.cvcas = vec![card.cvcas[0].clone(); 3]);
    refused(&|card| card.cvcas = vec![CvCertificate::parse(&AUTHORITY.verifier()).unwrap()]);
    refused(&|card| card.profile.apdu.command_data_max = 255);
}

#[test]
fn a_chip_has_two_places_and_fills_each_once() {
    let mut card = card();
    let newer = Authority {
        curve: EllipticCurve::BrainpoolP256r1,
    };
    card.cvcas.push(CvCertificate::parse(&newer.cvca()).unwrap());
    card.personalize().unwrap();
    let body = card.cvcas[0].body.clone();
    for (place, body, status) in [
        (1, &body[..], Status::Conditions),
        (0, &body, Status::WrongParameters),
        (3, &body, Status::WrongParameters),
    ] {
        let put = Command::new(0, 0xDA, place, 0x64).data(body).encode();
        assert_eq!(card.chip.transmit(&put), status.word().to_be_bytes(), "{place}");
    }
    let mut blank = Rehearsal::new("emrtd-eac", &[1]);
    blank.chip.transmit(&hex!("00A4040C07A0000002471001"));
    for rubbish in [&[][..], &hex!("7F4E00"), &body[..body.len() - 1]] {
        let put = Command::new(0, 0xDA, 1, 0x64).data(rubbish).encode();
        assert_eq!(blank.chip.transmit(&put), hex!("6A80"));
    }
}

/// Somebody has put a certificate of his own into a blank: its terminals would read the fingerprints.
#[test]
fn a_blank_that_trusts_a_stranger_is_left() {
    let mut card = card();
    card.chip.transmit(&hex!("00A4040C07A0000002471001"));
    let stranger = Authority {
        curve: EllipticCurve::BrainpoolP384r1,
    };
    let body = CvCertificate::parse(&stranger.cvca()).unwrap().body;
    let put = Command::new(0, 0xDA, 1, 0x64).data(&body).encode();
    assert_eq!(card.chip.transmit(&put), hex!("9000"));
    card.chip.power_on();
    let refused = card.personalize().unwrap_err();
    assert_eq!(refused.code, &fault::REFUSED);
    assert!(refused.detail.contains("PUT DATA 64"), "{refused}");
}

#[test]
fn a_writing_that_broke_off_is_begun_again() {
    let whole = card().personalize().unwrap().commands;
    for broken in 1..whole {
        let mut card = card();
        let mut commands = 0;
        let torn = card.write_over(|chip, command| {
            commands += 1;
            (commands <= broken).then(|| chip.transmit(command))
        });
        assert_eq!(code(torn), &fault::SILENT);
        card.chip.power_on();
        card.personalize().unwrap();
        card.seal().unwrap();
    }
}
