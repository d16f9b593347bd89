//! The bytes of the dialect, as its applets' sources read them.

use hex_literal::hex;

use super::*;
use crate::pki::EllipticCurve;

#[test]
fn the_mrz_seed_has_three_fields() {
    let mrz = MrzKey::new("L898902C", "690806", "940623").unwrap();
    assert_eq!(
        secrets::mrz_seed(&mrz)[..],
        hex!("621B 0409 4C383938393032433C 0406 363930383036 0406 393430363233")
    );
}

#[test]
fn the_key_names_its_curve() {
    let key = secrets::ec_key(&[7; 32]);
    let objects: Vec<_> = crate::chip::tlv::objects(&key).map(Result::unwrap).collect();
    let shape: Vec<_> = objects
        .iter()
        .map(|object| (object.tag, object.value.len()))
        .collect();
    assert_eq!(
        shape,
        [
            (0x81, 32),
            (0x82, 32),
            (0x83, 32),
            (0x84, 65),
            (0x85, 32),
            (0x86, 32)
        ]
    );
    let mut one = [0; 32];
    one[31] = 1;
    assert_eq!(EllipticCurve::P256.public(&one).unwrap()[..], *objects[3].value);
}

#[test]
fn an_rsa_key_comes_in_two_halves() {
    let half = secrets::rsa_number(0x60, &[0xAB; RSA_BYTES]);
    assert_eq!(half[..5], hex!("6000 048180"));
    assert_eq!(half[5..], [0xAB; 128]);
    assert_eq!(
        secrets::rsa_number(0x61, &[1; RSA_BYTES])[..6],
        hex!("6100 048180 01")
    );
}

#[test]
fn commands_of_a_small_card_byte_for_byte() {
    let files = CardFiles::from([
        (FileId::Com, hex!("60045C026177").to_vec()),
        (FileId::Dg(1), hex!("6100").to_vec()),
        (FileId::Sod, hex!("7700").to_vec()),
    ]);
    let profile = ChipProfile::built_in("emrtd-short").unwrap();
    let mrz = MrzKey::new("L898902C", "690806", "940623").unwrap();
    let image = CardImage::new(&files, &mrz);
    let mut said = Vec::new();
    let written = crate::base::dialogue::drive(&mut personalize(&profile, image, None).unwrap(), |command| {
        said.push(crate::base::hex::encode(command));
        // A blank: EF.COM is not found at first.
        Some(if said.len() == 2 {
            vec![0x6A, 0x82]
        } else {
            vec![0x90, 0x00]
        })
    });
    assert_eq!(
        written,
        Ok(Written {
            commands: 12,
            bytes: 10
        })
    );
    assert_eq!(
        said,
        [
            "00A4040C07A0000002471001",
            "00A4020C02011E",
            "00E000000663040006011E",
            "00A4020C02011E",
            "00D600000660045C026177",
            "00E0000006630400020101",
            "00A4020C020101",
            "00D60000026100",
            "00E000000663040002011D",
            "00A4020C02011D",
            "00D60000027700",
            "00DA00621D621B04094C383938393032433C04063639303830360406393430363233",
        ]
    );
}
