//! The session that GlobalPlatformPro's and pySim's tests publish.

use hex_literal::hex;
use proptest::prelude::*;

use super::*;
use crate::chip::scp::{ChipKeys, Introduction, Opened, Protocol, initialize_update};

const CHALLENGE: [u8; 8] = hex!("40A62C37FA6304F8");
const INTRODUCTION: [u8; 28] = hex!("00000000000000000000 7002 0001 6B4524ABEE7C F32EA3838BC148F3");

fn static_keys() -> StaticKeys<TripleDesKey> {
    let [encrypt, mac, data] = [
        hex!("100102030405060708090a0b0c0d0e0f"),
        hex!("101102030405060708090a0b0c0d0e0f"),
        hex!("102102030405060708090a0b0c0d0e0f"),
    ]
    .map(|key| TripleDesKey::new(&key).unwrap());
    StaticKeys { encrypt, mac, data }
}

fn introduction() -> Introduction {
    Introduction::parse(Protocol::Scp02, &INTRODUCTION).unwrap()
}

fn open(level: Level) -> (Channel, Vec<u8>, super::super::DataKey) {
    let opened = introduction().open(&ChipKeys::TripleDes(static_keys()), &CHALLENGE, &[], level);
    let Opened {
        channel: super::super::Channel::Scp02(channel),
        authenticate,
        data,
    } = opened.unwrap()
    else {
        panic!("another protocol")
    };
    (channel, authenticate, data)
}

#[test]
fn a_session_byte_for_byte() {
    assert_eq!(
        initialize_update(0, &CHALLENGE),
        hex!("8050000008 40A62C37FA6304F8 00")
    );
    let introduced = introduction();
    assert_eq!((introduced.key_version, introduced.options()), (0x70, None));
    let (mut channel, authenticate, data) = open(Level::Mac);
    assert_eq!(authenticate, hex!("8482010010BA6961667737C5BCEBECE14C7D6A4376"));
    assert_eq!(channel.encrypt.bytes(), &hex!("1ba074b31f72a6c44fe8f5d9afe4da2f"));
    assert_eq!(channel.mac.bytes(), &hex!("29a69328e60494982632039ddd47a2f1"));
    let super::super::DataKey::TripleDes(data) = data else {
        panic!("another cipher")
    };
    assert_eq!(data.bytes(), &hex!("511db767812597722109c867f9d7257a"));
    for (plain, wrapped) in [
        (&hex!("80F22002")[..], &hex!("84F220020814DB34FA4341DCA8")[..]),
        (&hex!("80CA006600"), &hex!("84CA00660855ED7C5FF069512B00")),
        (
            &hex!("80F220020A4F0212345C054F9F70C5"),
            &hex!("84F22002124F0212345C054F9F70C58FC1B380C4228AF8"),
        ),
        (
            &hex!("80F28002024F0000"),
            &hex!("84F280020A4F003B95F09317DE6A4E00"),
        ),
    ] {
        assert_eq!(channel.wrap(&Command::parse(plain).unwrap()), wrapped);
    }
}

#[test]
fn a_chip_with_other_keys_is_found_before_it_is_told_anything() {
    let mut other = static_keys();
    std::mem::swap(&mut other.encrypt, &mut other.mac);
    let refused = introduction().prove(&ChipKeys::TripleDes(other), &CHALLENGE, &[]);
    assert_eq!(refused.unwrap_err().code, &fault::NOT_OUR_KEYS);
    let aes = ChipKeys::new(Protocol::Scp03, [&[0; 16]; 3]).unwrap();
    let refused = introduction().prove(&aes, &CHALLENGE, &[]);
    assert_eq!(refused.unwrap_err().code, &fault::MISUSE);
    assert!(ChipKeys::new(Protocol::Scp02, [&[0; 24]; 3]).is_err());
    assert!(ChipKeys::new(Protocol::Scp02, [&[0; 16], &[0; 16], &[0; 8]]).is_err());
}

#[test]
fn introductions_of_another_form_are_refused() {
    let code = |bytes: &[u8]| Introduction::parse(Protocol::Scp02, bytes).unwrap_err().code;
    for length in 0..INTRODUCTION.len() {
        assert_eq!(code(&INTRODUCTION[..length]), &fault::GARBLED);
    }
    assert_eq!(code(&[&INTRODUCTION[..], &[0]].concat()), &fault::GARBLED);
    let mut scp03 = INTRODUCTION;
    scp03[11] = 3;
    assert_eq!(code(&scp03), &fault::KEYS);
}

#[test]
fn only_options_that_are_spoken_are_taken() {
    let taken: Vec<u8> = (0..=u8::MAX).filter(|options| speaks(*options)).collect();
    assert_eq!(taken, [0x15, 0x35, 0x55, 0x75, 0x95, 0xB5, 0xD5, 0xF5]);
}

proptest! {
    #[test]
    fn what_fits_fits(max in 64usize..=DATA_MAX, encrypted in any::<bool>()) {
        let (mut channel, ..) = open(if encrypted { Level::MacEncrypt } else { Level::Mac });
        let full = vec![7; channel.capacity(max)];
        let wrapped = channel.wrap(&Command::new(0x80, 0xE2, 0, 0).data(&full));
        let length = Command::parse(&wrapped).unwrap().data.len();
        // Never too long, and not one block shorter than need be.
        prop_assert!(length <= max && length + 8 > max, "{length} of {max}");
    }

    #[test]
    fn any_introduction_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(introduction) = Introduction::parse(Protocol::Scp02, &bytes) {
            let keys = ChipKeys::TripleDes(static_keys());
            prop_assert!(introduction.prove(&keys, &CHALLENGE, &[]).is_err());
        }
    }
}
