//! Doc 9303-11, appendix G.1, from both sides, and refusals.

mod appendices;

use hex_literal::hex;

use super::*;
use crate::base::dialogue::drive;
use crate::chip::kdf::{self, Purpose};
use crate::chip::{Conversation, MrzKey};
use crate::pki::{EllipticCurve, ModpGroup, modular};

const CARD_ACCESS: [u8; 22] = hex!("31143012060A04007F0007020204020202010202010D");
const NONCE: [u8; 16] = hex!("3F00C4D39D153F2B2A214A078D899B22");
const ENCRYPTED: [u8; 16] = hex!("95A3A016522EE98D01E76CB6B98B42C3");
const MAP_IFD: [u8; 32] = hex!("7F4EF07B9EA82FD78AD689B38D0BC78CF21F249D953BC46F4C6E19259C010F99");
const MAP_IC: [u8; 32] = hex!("498FF49756F2DC1587840041839A85982BE7761D14715FB091EFA7BCE9058560");
const KEY_IFD: [u8; 32] = hex!("A73FB703AC1436A18E0CFA5ABB3F7BEC7A070E7A6788486BEE230C4A22762595");
const KEY_IC: [u8; 32] = hex!("107CF58696EF6155053340FD633392BA81909DF7B9706F226F32086C7AFF974A");
const PUB_MAP_IFD: [u8; 65] = hex!(
    "047ACF3EFC982EC45565A4B155129EFBC74650DCBFA6362D896FC70262E0C2CC5E544552DCB6725218799115B55C9BAA\
     6D9F6BC3A9618E70C25AF71777A9C4922D"
);
const PUB_MAP_IC: [u8; 65] = hex!(
    "04824FBA91C9CBE26BEF53A0EBE7342A3BF178CEA9F45DE0B70AA601651FBA3F5730D8C879AAA9C9F73991E61B58F4D5\
     2EB87A0A0C709A49DC63719363CCD13C54"
);
const PUB_KEY_IFD: [u8; 65] = hex!(
    "042DB7A64C0355044EC9DF190514C625CBA2CEA48754887122F3A5EF0D5EDD301C3556F3B3B186DF10B857B58F6A7EB8\
     0F20BA5DC7BE1D43D9BF850149FBB36462"
);
const PUB_KEY_IC: [u8; 65] = hex!(
    "049E880F842905B8B3181F7AF7CAA9F0EFB743847F44A306D2D28C1D9EC65DF6DB7764B22277A2EDDC3C265A9F018F9C\
     B852E111B768B326904B59A0193776F094"
);
const GENERATOR: [u8; 65] = hex!(
    "048CED63C91426D4F0EB1435E7CB1D74A46723A0AF21C89634F65A9AE87A9265E28C879506743F8611AC33645C5B985C\
     80B5F09A0B83407C1B6A4D857AE76FE522"
);

fn password() -> Password {
    Password::Mrz(MrzKey::new("T22000129", "640812", "101031").unwrap())
}

/// Runs the reader of G.1 against these answers; returns what it sent and the first command under the new keys.
fn reader(answers: [Vec<u8>; 5]) -> (Vec<Vec<u8>>, Result<Vec<u8>, Fault>) {
    let own = Ephemeral {
        map: MAP_IFD.to_vec().into(),
        agree: KEY_IFD.to_vec().into(),
    };
    reader_of(answers, &CARD_ACCESS, &own)
}

/// The same on what an EF.CardAccess offers, with these numbers of the reader.
fn reader_of(
    answers: [Vec<u8>; 5],
    card_access: &[u8],
    own: &Ephemeral,
) -> (Vec<Vec<u8>>, Result<Vec<u8>, Fault>) {
    let mut said = Vec::new();
    let outcome = drive(
        &mut Conversation::new(async |mut card| {
            let mut opened = open(&mut card, only_offer(card_access), &password(), own).await?;
            Ok(opened
                .channel
                .protect(&Command::new(0, 0xA4, 2, 0x0C).data(&[0x01, 0x1E])))
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
    let curve = EllipticCurve::BrainpoolP256r1;
    assert_eq!(encrypt_nonce(&password(), Cipher::Aes128, &NONCE), ENCRYPTED);
    assert_eq!(
        decrypt_nonce(&password(), Cipher::Aes128, ENCRYPTED.to_vec())[..],
        NONCE
    );
    assert_eq!(curve.public(&MAP_IC).unwrap(), PUB_MAP_IC);
    let generator = curve.map(&NONCE, &MAP_IC, &PUB_MAP_IFD).unwrap();
    assert_eq!(generator, GENERATOR);
    assert_eq!(curve.multiply(&KEY_IC, &generator).unwrap(), PUB_KEY_IC);
    let secret = curve.agree(&KEY_IC, &PUB_KEY_IFD).unwrap();
    assert_eq!(
        secret[..],
        hex!("28768D20701247DAE81804C9E780EDE582A9996DB4A315020B2733197DB84925")
    );
    assert_eq!(
        keys(&secret),
        [
            hex!("F5F0E35C0D7161EE6724EE513A0D9A7F"),
            hex!("FE251C7858B356B24514B3BD5F4297D1")
        ]
    );
    let agreement = Agreement::new(Protocol::GM_AES_128, secret);
    assert_eq!(agreement.token(&PUB_KEY_IC), hex!("C2B0BD78D94BA866"));
    assert_eq!(agreement.token(&PUB_KEY_IFD), hex!("3ABB9674BCE93C08"));
}

/// The session keys for AES-128.
fn keys(secret: &[u8]) -> [[u8; 16]; 2] {
    [Purpose::Encrypt, Purpose::Authenticate].map(|purpose| {
        kdf::derive(secret, purpose, Cipher::Aes128)
            .as_slice()
            .try_into()
            .unwrap()
    })
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
    let brainpool = only_offer(&CARD_ACCESS);
    assert_eq!(
        (brainpool.protocol, brainpool.group, brainpool.ambiguous),
        (
            Protocol::GM_AES_128,
            Group::Elliptic(EllipticCurve::BrainpoolP256r1),
            false
        )
    );
    let prime_field = only_offer(&hex!("31143012060A04007F00070202040102020102020100"));
    assert_eq!(prime_field.group, Group::Modp(ModpGroup::P1024Q160));
    // The parameters of one family are none of the other.
    let mixed = offers(&hex!("31143012060A04007F0007020204010202010202010D"));
    assert_eq!(mixed, Some(Vec::new()));
    // brainpoolP512r1, then P-256.
    let two = hex!("31283012060A04007F000702020402020201020201113012060A04007F0007020204020202010202010C");
    assert_eq!(
        offers(&two),
        Some(vec![Offer {
            protocol: Protocol::GM_AES_128,
            group: Group::Elliptic(EllipticCurve::P256),
            ambiguous: true
        }])
    );
    assert_eq!(offers(&CARD_ACCESS[..21]), None);
    assert_eq!(offers(&[]), None);
}

#[test]
fn protocols_have_their_numbers() {
    for cipher in Cipher::ALL {
        for (family, mapping) in [
            (Family::Modp, Mapping::Generic),
            (Family::Elliptic, Mapping::Generic),
            (Family::Modp, Mapping::Integrated),
            (Family::Elliptic, Mapping::Integrated),
            (Family::Elliptic, Mapping::ChipAuthentication),
        ] {
            let protocol = Protocol {
                family,
                mapping,
                cipher,
            };
            let known = Protocol::from_oid(&protocol.oid());
            let defined = mapping != Mapping::ChipAuthentication || cipher != Cipher::TripleDes;
            assert_eq!(known, defined.then_some(protocol));
        }
    }
    assert_eq!(Protocol::from_oid(&hex!("04007F000702020402")), None);
    assert_eq!(Protocol::from_oid(&hex!("04007F00070202040205")), None);
}

#[test]
fn the_proof_of_appendix_i() {
    let curve = EllipticCurve::BrainpoolP256r1;
    let mrz = Password::Mrz(MrzKey::new("C11T002JM", "960812", "231031").unwrap());
    assert_eq!(
        mrz.pace_key(Cipher::Aes128)[..],
        hex!("4e6f6fbf7be748b932c7b74161bba9df")
    );
    let nonce = decrypt_nonce(
        &mrz,
        Cipher::Aes128,
        hex!("CB60E8E0D85B76A9BD304747C2AD42E2").to_vec(),
    );
    assert_eq!(nonce[..], hex!("658B860BC94DF6F044FCE6D5C82CF8E5"));
    let map_ifd = hex!("5D8BB87BD74D985A4B7D4325B9F7B976FE835122773400798914AA22738135CC");
    let map_ic = hex!(
        "04A234236AA9B9621E8EFB73B5245C0E09D2576E5277183C1208BDD55280CAE8B304F365713A356E65A451E165ECC9AC\
         0AC46E3771342C8FE5AEDD092685338E23"
    );
    let generator = curve.map(&nonce, &map_ifd, &map_ic).unwrap();
    assert_eq!(
        generator,
        hex!(
            "0489F0B5EABF3BE293C75903A3986131925C9F5B515CA95AF485DC7E886F03245D44BEFB2DD3A0DBD71CB5E618971CF4\
             747F12B79E548379A40E45963BAAF3E829"
        )
    );
    let agree = hex!("76ECFDAA9841C323A3F5FC5E88B88DB3EFF7E35EBF57A7E6946CB630006C2120");
    let ephemeral_ifd = curve.multiply(&agree, &generator).unwrap();
    let ephemeral_ic = hex!(
        "0402AD566F3C6EC7F9324509AD50A51FA52030782A4968FCFEDF737DAEA993333111C3B9B4C2287789BD137E7F8AA882\
         E2A3C633CCD6ECC2C63C57AD401A09C2E1"
    );
    let secret = curve.agree(&agree, &ephemeral_ic).unwrap();
    assert_eq!(
        secret[..],
        hex!("67950559D0C06B4D4B86972D14460837461087F8419FDBC36AAF6CEAAC462832")
    );
    assert_eq!(
        keys(&secret),
        [
            hex!("0A9DA4DB03BDDE39FC5202BC44B2E89E"),
            hex!("4B1C06491ED5140CA2B537D344C6C0B1")
        ]
    );
    let protocol = Protocol {
        family: Family::Elliptic,
        mapping: Mapping::ChipAuthentication,
        cipher: Cipher::Aes128,
    };
    let agreement = Agreement::new(protocol, secret);
    assert_eq!(agreement.token(&ephemeral_ic), hex!("E86BD06018A1CD3B"));
    assert_eq!(agreement.token(&ephemeral_ifd), hex!("8596CF055C67C1A3"));
    let sealed = hex!(
        "1EEA964DAAE372AC990E3EFDE6333353BFC89A6704D93DA8798CF77F5B7A54BD10CBA372B42BE0B9B5F28AA8DE2F4F92"
    );
    let number = agreement.open_proof(sealed.to_vec()).unwrap();
    assert_eq!(
        number[..],
        hex!("85DC3FA93D0952BFA82F5FD189EE75BD82F11D1F0B8ED4BF5319AC9B53C426B3")
    );
    assert_eq!(agreement.seal_proof(&number), sealed);
    let key = hex!(
        "041872709494399E7470A6431BE25E83EEE24FEA568C2ED28DB48E05DB3A610DC884D256A40E35EFCB59BF6753D3A489\
         D28C7A4D973C2DA138A6E7A4A08F68E16F"
    );
    assert_eq!(curve.multiply(&number, &key).unwrap(), map_ic);
    assert_eq!(agreement.open_proof(sealed[..47].to_vec()), None);
    assert_eq!(agreement.open_proof(Vec::new()), None);
}

fn only_offer(card_access: &[u8]) -> Offer {
    match offers(card_access).as_deref() {
        Some([offer]) => *offer,
        other => panic!("{other:?}"),
    }
}
