use hex_literal::hex;
use proptest::prelude::*;

use super::*;
use crate::document::example;

/// The worked example: an invented man, SEQUENCE around the items, no spouse. Every item starts as public readers look
/// for it.
const WORKED: &[u8] = &hex!(
    "6d8201803082017c3011020101130c30303132303330313233343530160201020c11c490e1bb972056c4836e20c490e1\
     baa174300f020103130a3135"
    "2f30342f3230303330080201040c034e616d300f0201050c0a5669e1bb8774204e616d30090201060c044b696e68300b\
     0201070c064b68c3b46e6730"
    "240201080c1f5068c3ba632058c3a12c20426120c490c3ac6e682c2048c3a0204ee1bb996930330201090c2e53e1bb91\
     20312c205472c3a06e672054"
    "69e1bb816e2c20486fc3a06e204b69e1babf6d2c2048c3a0204ee1bb9969303702010a0c324ee1bb9174207275e1bb93\
     6920433a312c35636d207472"
    "c3aa6e2073617520c49175c3b469206de1baaf74207068e1baa369300f02010b130a32302f30352f32303231300f0201\
     0c0c0a31352f30342f323032"
    "38302902010d30120c10c490e1bb972056c4836e2042c3ac6e6830100c0e4cc3aa205468e1bb8b2043c3ba6330030201\
     0e300e02010f130930313233"
    "34353637383015020110131030313233343536373839414243444546"
);

const PROFILE: Dg13Profile = Dg13Profile {
    wrapper: Dg13Wrapper::Sequence,
    absent: Dg13Absent::NumberOnly,
    place: Dg13Place::Origin,
};

fn worked() -> Dg13 {
    Dg13::of(
        &example::dossier(),
        Dg13Place::Origin,
        "Không thời hạn",
        example::CARD_NUMBER,
    )
}

#[test]
fn the_worked_example_is_made_and_read() {
    assert_eq!(WORKED.len(), 388);
    assert_eq!(worked().encode(PROFILE).unwrap(), WORKED);
    assert!(Dg13::decode(WORKED).unwrap() == worked());
}

#[test]
fn items_start_as_public_readers_look_for_them() {
    for start in [
        &hex!("3011 020101 130C")[..],
        &hex!("300F 020103 130A"),
        &hex!("3008 020104 0C03"),
        &hex!("300F 020105 0C0A"),
        &hex!("3009 020106 0C04"),
        &hex!("300B 020107 0C06"),
        &hex!("300F 02010B 130A"),
        &hex!("300F 02010C 0C0A"),
        &hex!("3003 02010E"),
        &hex!("300E 02010F 1309"),
        &hex!("3015 020110 1310"),
    ] {
        let file = worked().encode(PROFILE).unwrap();
        assert!(
            file.windows(start.len()).any(|bytes| bytes == start),
            "{start:02X?}"
        );
    }
}

#[test]
fn a_card_that_never_expires_says_so() {
    let mut dossier = example::dossier();
    dossier.expiry = crate::dossier::Expiry::Unlimited;
    let dg13 = Dg13::of(
        &dossier,
        Dg13Place::BirthPlace,
        "Không thời hạn",
        example::CARD_NUMBER,
    );
    assert_eq!(dg13.get(Item::Expiry), Some("Không thời hạn"));
    assert_eq!(dg13.get(Item::Place), Some(dossier.person.birth_place.as_str()));
}

#[test]
fn a_long_residence_is_written_in_correct_der() {
    let residence = "Số 1, ".repeat(30);
    let dg13: Dg13 = [(Item::Residence, residence.clone())].into_iter().collect();
    let file = dg13.encode(PROFILE).unwrap();
    assert_eq!(
        Dg13::decode(&file).unwrap().get(Item::Residence),
        Some(&residence[..])
    );
}

#[test]
fn letters_outside_a_printable_string_are_refused() {
    for item in [Item::Number, Item::OldNumber, Item::CardNumber] {
        let dg13: Dg13 = [(item, "số".to_owned())].into_iter().collect();
        assert_eq!(dg13.encode(PROFILE).unwrap_err().code, &FIELD_UNFIT);
    }
}

#[test]
fn other_orders_types_and_numbers_are_refused() {
    for items in [
        &hex!("3003020102 3003020101")[..],
        &hex!("3003020101 3003020101"),
        &hex!("3003020100"),
        &hex!("3003020111"),
        // Number as UTF8String, name as PrintableString, name not UTF-8, name twice.
        &hex!("3006020101 0C0130"),
        &hex!("3006020102 130141"),
        &hex!("3006020102 0C01FF"),
        &hex!("3009020102 0C0141 0C0142"),
        // One parent only; a parent with two names.
        &hex!("300802010D 3003 0C0141"),
        &hex!("300D02010D 3006 0C0141 0C0142 3000"),
        &hex!("3000"),
        &hex!("0500"),
        b"",
    ] {
        assert!(Dg13::decode(&tlv::object(0x6D, items)).is_err(), "{items:02X?}");
        assert!(
            Dg13::decode(&tlv::object(0x6D, &tlv::object(0x30, items))).is_err(),
            "{items:02X?}"
        );
    }
}

fn any_dg13() -> impl Strategy<Value = Dg13> {
    let text = prop_oneof![Just(String::new()), "[a-zA-Z0-9 ,./]{1,40}", "[0-9]{130,300}"];
    prop::collection::vec(text, Item::ALL.len()).prop_map(|texts| Item::ALL.into_iter().zip(texts).collect())
}

proptest! {
    #[test]
    fn every_form_reads_back(dg13 in any_dg13()) {
        for wrapper in [Dg13Wrapper::None, Dg13Wrapper::Sequence] {
            for absent in [Dg13Absent::NumberOnly, Dg13Absent::EmptyText, Dg13Absent::Omitted] {
                // With every item absent and left out, nothing is left to recognize a file by.
                if dg13 == Dg13::default() && absent == Dg13Absent::Omitted {
                    continue;
                }
                let profile = Dg13Profile { wrapper, absent, place: Dg13Place::Origin };
                prop_assert!(Dg13::decode(&dg13.encode(profile).unwrap()).unwrap() == dg13);
            }
        }
    }

    #[test]
    fn any_bytes_read_or_are_refused(bytes: Vec<u8>, at in 0usize..388, byte: u8) {
        let _ = Dg13::decode(&bytes);
        let _ = Dg13::decode(&tlv::object(0x6D, &bytes));
        let mut changed = WORKED.to_vec();
        changed[at] = byte;
        let _ = Dg13::decode(&changed);
    }
}
