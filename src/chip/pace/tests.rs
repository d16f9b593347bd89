//! Doc 9303-11, appendix G.1, from both sides, and refusals.

use hex_literal::hex;

use super::*;
use crate::base::dialogue::drive;
use crate::chip::{Conversation, MrzKey};

const CARD_ACCESS: [u8; 22] = hex!("31143012060A04007F0007020204020202010202010D");
const NONCE: [u8; 16] = hex!("3F00C4D39D153F2B2A214A078D899B22");
const ENCRYPTED: [u8; 16] = hex!("95A3A016522EE98D01E76CB6B98B42C3");
const MAP_IFD: [u8; 32] = hex!("7F4EF07B9EA82FD78AD689B38D0BC78CF21F249D953BC46F4C6E19259C010F99");
const MAP_IC: [u8; 32] = hex!("498FF49756F2DC1587840041839A85982BE7761D14715FB091EFA7BCE9058560");
const KEY_IFD: [u8; 32] = hex!("A73FB703AC1436A18E0CFA5ABB3F7BEC7A070E7A6788486BEE230C4A22762595");
const KEY_IC: [u8; 32] = hex!("107CF58696EF6155053340FD633392BA81909DF7B9706F226F32086C7AFF974A");
const PUB_MAP_IFD: Point = hex!(
    "047ACF3EFC982EC45565A4B155129EFBC74650DCBFA6362D896FC70262E0C2CC5E544552DCB6725218799115B55C9BAA\
     6D9F6BC3A9618E70C25AF71777A9C4922D"
);
const PUB_MAP_IC: Point = hex!(
    "04824FBA91C9CBE26BEF53A0EBE7342A3BF178CEA9F45DE0B70AA601651FBA3F5730D8C879AAA9C9F73991E61B58F4D5\
     2EB87A0A0C709A49DC63719363CCD13C54"
);
const PUB_KEY_IFD: Point = hex!(
    "042DB7A64C0355044EC9DF190514C625CBA2CEA48754887122F3A5EF0D5EDD301C3556F3B3B186DF10B857B58F6A7EB8\
     0F20BA5DC7BE1D43D9BF850149FBB36462"
);
const PUB_KEY_IC: Point = hex!(
    "049E880F842905B8B3181F7AF7CAA9F0EFB743847F44A306D2D28C1D9EC65DF6DB7764B22277A2EDDC3C265A9F018F9C\
     B852E111B768B326904B59A0193776F094"
);
const GENERATOR: Point = hex!(
    "048CED63C91426D4F0EB1435E7CB1D74A46723A0AF21C89634F65A9AE87A9265E28C879506743F8611AC33645C5B985C\
     80B5F09A0B83407C1B6A4D857AE76FE522"
);

fn password() -> Password {
    Password::Mrz(MrzKey::new("T22000129", "640812", "101031").unwrap())
}

/// Runs the reader of G.1 against these answers; returns what it sent and the first command under the new keys.
fn reader(answers: [Vec<u8>; 5]) -> (Vec<Vec<u8>>, Result<Vec<u8>, Fault>) {
    let mut said = Vec::new();
    let own = Ephemeral {
        map: MAP_IFD.into(),
        agree: KEY_IFD.into(),
    };
    let outcome = drive(
        &mut Conversation::new(async |mut card| {
            let offer = offer(&CARD_ACCESS).ok_or_else(|| Fault::new(&fault::NO_PROTOCOL, ""))?;
            let mut channel = open(&mut card, offer, &password(), &own).await?;
            Ok(channel.protect(&Command::new(0, 0xA4, 2, 0x0C).data(&[0x01, 0x1E])))
        }),
        |command| {
            said.push(command.to_vec());
            answers.get(said.len() - 1).cloned()
        },
    );
    (said, outcome)
}

fn answer(tag: u8, value: &[u8]) -> Vec<u8> {
    let mut inner = Vec::new();
    tlv::push(&mut inner, u16::from(tag), value);
    let mut answer = Vec::new();
    tlv::push(&mut answer, 0x7C, &inner);
    answer.extend([0x90, 0x00]);
    answer
}

fn g_1() -> [Vec<u8>; 5] {
    [
        vec![0x90, 0x00],
        answer(0x80, &ENCRYPTED),
        answer(0x82, &PUB_MAP_IC),
        answer(0x84, &PUB_KEY_IC),
        answer(0x86, &hex!("3ABB9674BCE93C08")),
    ]
}

#[test]
fn the_reader_of_g_1_byte_for_byte() {
    let (said, outcome) = reader(g_1());
    assert_eq!(said[0], hex!("0022C1A40F800A04007F00070202040202830101"));
    assert_eq!(said[1], hex!("10860000027C0000"));
    assert_eq!(
        said[2],
        [&hex!("10860000457C438141")[..], &PUB_MAP_IFD, &[0]].concat()
    );
    assert_eq!(
        said[3],
        [&hex!("10860000457C438341")[..], &PUB_KEY_IFD, &[0]].concat()
    );
    assert_eq!(said[4], hex!("008600000C7C0A8508C2B0BD78D94BA86600"));
    assert!(outcome.is_ok());
}

#[test]
fn the_chip_of_g_1() {
    let curve = Curve::BrainpoolP256r1;
    assert_eq!(encrypt_nonce(&password().pace_key(), &NONCE), ENCRYPTED);
    assert_eq!(*decrypt_nonce(&password().pace_key(), &ENCRYPTED), NONCE);
    assert_eq!(curve.public(&MAP_IC), Some(PUB_MAP_IC));
    let generator = curve.map(&NONCE, &MAP_IC, &PUB_MAP_IFD).unwrap();
    assert_eq!(generator, GENERATOR);
    assert_eq!(curve.multiply(&KEY_IC, &generator), Some(PUB_KEY_IC));
    let shared = curve.multiply(&KEY_IC, &PUB_KEY_IFD).unwrap();
    assert_eq!(
        shared[1..33],
        hex!("28768D20701247DAE81804C9E780EDE582A9996DB4A315020B2733197DB84925")
    );
    let agreement = Agreement::new(&shared);
    assert_eq!(
        *kdf::derive(&*agreement.secret, Purpose::Encrypt),
        hex!("F5F0E35C0D7161EE6724EE513A0D9A7F")
    );
    assert_eq!(
        *kdf::derive(&*agreement.secret, Purpose::Authenticate),
        hex!("FE251C7858B356B24514B3BD5F4297D1")
    );
    assert_eq!(agreement.token(&PUB_KEY_IC), hex!("C2B0BD78D94BA866"));
    assert_eq!(agreement.token(&PUB_KEY_IFD), hex!("3ABB9674BCE93C08"));
}

#[test]
fn points_that_give_the_secret_away_are_refused() {
    let mut off_curve = PUB_MAP_IC;
    off_curve[64] ^= 1;
    for (step, tag, point) in [
        (2, 0x82, &off_curve[..]),
        (2, 0x82, &PUB_MAP_IFD),
        (2, 0x82, &[0]),
        (3, 0x84, &off_curve),
        (3, 0x84, &PUB_KEY_IFD),
        (3, 0x84, &[0; 65]),
    ] {
        let mut answers = g_1();
        answers[step] = answer(tag, point);
        let (said, outcome) = reader(answers);
        assert_eq!(outcome.unwrap_err().code, &fault::GARBLED);
        assert_eq!(said.len(), step + 1);
    }
}

#[test]
fn a_chip_that_does_not_know_the_password_is_refused() {
    for last in [answer(0x86, &[0; 8]), vec![0x63, 0x00]] {
        let mut answers = g_1();
        answers[4] = last;
        assert_eq!(reader(answers).1.unwrap_err().code, &fault::ACCESS_DENIED);
    }
}

#[test]
fn only_supported_offers_are_taken() {
    let brainpool = offer(&CARD_ACCESS).unwrap();
    assert_eq!(
        (brainpool.curve, brainpool.ambiguous),
        (Curve::BrainpoolP256r1, false)
    );
    // DH with generic mapping.
    assert_eq!(offer(&hex!("31143012060A04007F00070202040102020102020100")), None);
    // brainpoolP512r1, then P-256.
    let two = hex!("31283012060A04007F000702020402020201020201113012060A04007F0007020204020202010202010C");
    assert_eq!(
        offer(&two),
        Some(Offer {
            curve: Curve::P256,
            parameter_id: 12,
            ambiguous: true
        })
    );
    assert_eq!(offer(&CARD_ACCESS[..21]), None);
    assert_eq!(offer(&[]), None);
}
