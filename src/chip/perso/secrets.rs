//! The secrets of a chip, in the form in which its application takes them, whichever way they come.

use zeroize::Zeroizing;

use super::{ActiveSecret, CardImage};
use crate::chip::password::{Can, MrzKey};
use crate::chip::profile::PutData;
use crate::chip::tlv;

/// One PUT DATA, or the grouping that stands for it.
pub(super) struct Put {
    /// What it brings in.
    pub(super) what: PutData,
    /// Which place of several it takes, counted from 1; 0 where there is but one.
    pub(super) place: u8,
    /// The data.
    pub(super) value: Zeroizing<Vec<u8>>,
}

/// All secrets of a card, in the order of writing: the CVCAs come last, because a chip takes each only once, and
/// everything before them can be written again.
pub(super) fn of(image: &CardImage<'_>) -> Vec<Put> {
    let put = |what, value| Put {
        what,
        place: 0,
        value,
    };
    let mut secrets = vec![put(PutData::Mrz, mrz_seed(image.mrz))];
    secrets.extend(image.can.map(|can| put(PutData::PaceSecret, pace_secret(can))));
    match image.active_authentication {
        None => {}
        Some(ActiveSecret::Elliptic(key)) => {
            secrets.push(put(PutData::ActiveAuthentication, ec_key(key.expose())));
        }
        Some(ActiveSecret::Rsa(key)) => {
            secrets.push(put(PutData::ActiveModulus, rsa_number(0x60, &key.modulus)));
            let exponent = rsa_number(0x61, key.exponent.expose());
            secrets.push(put(PutData::ActiveExponent, exponent));
        }
    }
    let key = image.chip_authentication;
    secrets.extend(key.map(|key| put(PutData::ChipAuthentication, ec_key(key.expose()))));
    secrets.extend((1..).zip(image.cvcas).map(|(place, cvca)| Put {
        what: PutData::TrustPoint,
        place,
        value: Zeroizing::new(cvca.body.clone()),
    }));
    secrets
}

/// Bytes of the only RSA keys that the applet takes.
pub const RSA_BYTES: usize = 128;

/// `60` or `61`, empty, and the number in an object of its own: what the applet's own tool sends.
pub(super) fn rsa_number(tag: u8, number: &[u8; RSA_BYTES]) -> Zeroizing<Vec<u8>> {
    let mut data = Zeroizing::new(Vec::with_capacity(RSA_BYTES + 5));
    data.extend([tag, 0x00]);
    tlv::push(&mut data, 0x04, number);
    data
}

/// `62 L [04 document][04 birth][04 expiry]`: the chip derives its keys itself.
pub(super) fn mrz_seed(mrz: &MrzKey) -> Zeroizing<Vec<u8>> {
    let mut fields = Zeroizing::new(Vec::with_capacity(40));
    for field in [mrz.document(), mrz.birth(), mrz.expiry()] {
        tlv::push(&mut fields, 0x04, field.as_bytes());
    }
    let mut seed = Zeroizing::new(Vec::with_capacity(42));
    tlv::push(&mut seed, 0x62, &fields);
    seed
}

/// `66 L 02` and the digits: the password with reference 2.
fn pace_secret(can: &Can) -> Zeroizing<Vec<u8>> {
    let mut secret = Zeroizing::new(Vec::with_capacity(9));
    secret.extend([0x66, 7, 0x02]);
    secret.extend(can.digits());
    secret
}

/// `81` field, `82` a, `83` b, `84` G, `85` order, `86` private key, all on P-256 (SEC 2, section 2.4.2).
pub(super) fn ec_key(private: &[u8; 32]) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(Vec::with_capacity(240));
    for (tag, value) in P_256 {
        tlv::push(&mut key, tag, value);
    }
    tlv::push(&mut key, 0x86, private);
    key
}

/// The domain parameters of P-256 under the tags of PUT DATA 63 and 68.
pub const P_256: [(u16, &[u8]); 5] = [
    (
        0x81,
        &parameter("FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF"),
    ),
    (
        0x82,
        &parameter("FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFC"),
    ),
    (
        0x83,
        &parameter("5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B"),
    ),
    (0x84, &GENERATOR),
    (
        0x85,
        &parameter("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551"),
    ),
];

const GENERATOR: [u8; 65] = {
    let x = parameter("6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296");
    let y = parameter("4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5");
    let mut point = [4; 65];
    let mut i = 0;
    while i < 32 {
        point[1 + i] = x[i];
        point[33 + i] = y[i];
        i += 1;
    }
    point
};

/// 32 bytes from 64 hexadecimal digits, when the program is built.
const fn parameter(digits: &str) -> [u8; 32] {
    let digits = digits.as_bytes();
    let mut bytes = [0; 32];
    let mut i = 0;
    while i < 64 {
        let digit = match digits[i] {
            digit @ b'0'..=b'9' => digit - b'0',
            digit => digit - b'A' + 10,
        };
        bytes[i / 2] = bytes[i / 2] << 4 | digit;
        i += 1;
    }
    bytes
}
