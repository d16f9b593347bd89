//! Cards that others made, opened and read by every protocol that there is.

use der::asn1::ObjectIdentifier;

use super::*;
use crate::chip::cipher::Cipher;
use crate::chip::pace::{Group, Mapping, Protocol};
use crate::document::security_info::{PK_ECDH, SecurityInfo, SecurityInfos};
use crate::pki::testkit::OpenSsl;
use crate::pki::{Curve, EllipticCurve, ModpGroup};

/// A card of another state, as far as it has been put together.
pub(super) struct Stranger {
    pub(super) files: CardFiles,
    pub(super) access: Vec<SecurityInfo>,
    pub(super) infos: Vec<SecurityInfo>,
    pub(super) keys: Keys,
    pub(super) cvca: Option<Vec<u8>>,
}

impl Stranger {
    /// DG1 and DG2, no PACE, no keys.
    pub(super) fn new() -> Self {
        let files = [(1, 93), (2, 13_000)].map(|(number, length)| {
            let file = FileId::Dg(number);
            (file, filled(file, length))
        });
        Self {
            files: CardFiles::from(files),
            access: Vec::new(),
            infos: Vec::new(),
            keys: Keys::default(),
            cvca: None,
        }
    }

    pub(super) fn pace(mut self, mapping: Mapping, cipher: Cipher, group: impl Into<Group>) -> Self {
        let group = group.into();
        let protocol = Protocol {
            family: group.family(),
            mapping,
            cipher,
        };
        self.access.push(SecurityInfo::Pace {
            protocol: ObjectIdentifier::from_bytes(&protocol.oid()).unwrap(),
            parameter_id: Some(group.parameter_id().into()),
        });
        self
    }

    /// A key for chip authentication; `claimed` is what the private number should be.
    pub(super) fn chip_authentication(
        mut self,
        cipher: Option<Cipher>,
        curve: EllipticCurve,
        id: Option<u8>,
        claimed: u8,
        held: u8,
    ) -> Self {
        let point = curve.public(&vec![claimed; curve.bytes()]).unwrap();
        let key_id = id.map(u32::from);
        self.infos.push(SecurityInfo::ChipAuthenticationPublicKey {
            protocol: PK_ECDH,
            key: Curve::Explicit.spki_on(curve, &point).unwrap(),
            key_id,
        });
        if let Some(cipher) = cipher {
            let mut oid = crate::chip::chip_auth::ID_CA_ECDH.to_vec();
            oid.push(cipher.arc());
            self.infos.push(SecurityInfo::ChipAuthentication {
                protocol: ObjectIdentifier::from_bytes(&oid).unwrap(),
                key_id,
            });
        }
        self.keys.chip_authentication = Some(AgreementKey {
            parameters: curve.parameter_id().into(),
            private: vec![held; curve.bytes()],
            id,
        });
        self
    }

    /// EF.DG15 with this key, which the chip has.
    pub(super) fn active(mut self, spki: &[u8], key: ActiveKey) -> Self {
        let mut dg15 = Vec::new();
        tlv::push(&mut dg15, 0x6F, spki);
        self.files.insert(FileId::Dg(15), dg15);
        self.keys.active = Some(key);
        self
    }

    pub(super) fn card(mut self) -> Rehearsal {
        let profile = ChipProfile::built_in("rehearsal").unwrap();
        let mut infos = self.infos;
        infos.extend(self.access.iter().cloned());
        if !self.access.is_empty() {
            let file = SecurityInfos::new(self.access).card_access();
            self.files.insert(FileId::CardAccess, file);
        }
        if !infos.is_empty() {
            self.files
                .insert(FileId::Dg(14), SecurityInfos::new(infos).dg14());
        }
        let tags: Vec<u8> = self
            .files
            .keys()
            .filter(|file| matches!(file, FileId::Dg(_)))
            .map(|file| file.tag())
            .collect();
        let mut com = hex!("5F0104303130375F3606303430303030").to_vec();
        tlv::push(&mut com, 0x5C, &tags);
        let mut whole = Vec::new();
        tlv::push(&mut whole, 0x60, &com);
        self.files.insert(FileId::Com, whole);
        self.files.insert(FileId::Sod, filled(FileId::Sod, 1_800));
        let mrz = MrzKey::new("L898902C", "690806", "940623").unwrap();
        let can = Can::new("314159").unwrap();
        let issue = Issue {
            files: self.files.clone(),
            mrz: mrz.clone(),
            can: Some(can.clone()),
            keys: self.keys,
        };
        let mut chip = Chip::issued(&profile, issue);
        if let Some(cvca) = self.cvca {
            chip.trust(&cvca).unwrap();
        }
        Rehearsal {
            profile,
            chip,
            files: self.files,
            mrz,
            can: Some(can),
            ..Rehearsal::new("rehearsal", &[])
        }
    }
}

/// A request that goes by what the chip says of itself.
pub(super) fn asking(card: &Rehearsal) -> Request {
    Request {
        allow_bac: true,
        ..Request::new(Password::Mrz(card.mrz.clone()))
    }
}

#[test]
fn every_cipher_in_every_group_opens_by_zone_and_by_number() {
    let curves = EllipticCurve::ALL.into_iter().map(Group::from);
    let groups = curves.chain(ModpGroup::ALL.into_iter().map(Group::from));
    let mappings = [Mapping::Generic, Mapping::Integrated];
    for (group, mapping) in groups.flat_map(|group| mappings.map(|mapping| (group, mapping))) {
        for cipher in Cipher::ALL {
            let mut card = Stranger::new().pace(mapping, cipher, group).card();
            for password in [
                Password::Mrz(card.mrz.clone()),
                Password::Can(card.can.clone().unwrap()),
            ] {
                let seen = card.inspect(Request::new(password)).unwrap();
                assert_eq!(seen.files, card.files, "{group} {mapping:?} {cipher:?}");
                let offer = seen.pace.unwrap();
                assert_eq!((offer.group, offer.protocol.cipher), (group, cipher));
                assert_eq!(offer.protocol.mapping, mapping);
                assert_eq!(seen.chip_authentication, Verdict::Absent);
                assert!(seen.commands <= 20, "{seen:?}");
            }
            let wrong = Request::new(Password::Can(Can::new("314158").unwrap()));
            assert_eq!(code(card.inspect(wrong)), &fault::ACCESS_DENIED);
        }
    }
}

#[test]
fn one_of_several_curves_is_named() {
    let mut card = Stranger::new()
        .pace(Mapping::Generic, Cipher::Aes256, EllipticCurve::BrainpoolP384r1)
        .pace(Mapping::Generic, Cipher::Aes256, EllipticCurve::P256)
        .card();
    let seen = card.inspect(asking(&card)).unwrap();
    assert!(seen.pace.unwrap().ambiguous);
    assert_eq!(seen.files, card.files);
}

#[test]
fn a_chip_says_how_much_it_gives_at_a_time() {
    let mut card = Stranger::new()
        .pace(Mapping::Generic, Cipher::Aes128, EllipticCurve::P256)
        .card();
    let told = card.inspect(asking(&card)).unwrap().commands;
    let known = card.inspect(card.request()).unwrap().commands;
    // EF.ATR/INFO costs one command and spares dozens.
    assert_eq!(told, known + 1);
    let short = Request {
        read_max: Some(223),
        ..asking(&card)
    };
    assert!(card.inspect(short).unwrap().commands > told + 50);
}

/// EF.CardSecurity over these infos, signed by OpenSSL.
pub(super) fn card_security(infos: Vec<SecurityInfo>) -> Vec<u8> {
    let openssl = OpenSsl::new();
    openssl.succeeds("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem");
    openssl.succeeds("req -x509 -new -key key.pem -subj /C=UT/CN=DS -days 30 -out ds.pem");
    openssl.file("content", &SecurityInfos::new(infos).card_access());
    openssl.succeeds(
        "cms -sign -binary -nodetach -in content -econtent_type 0.4.0.127.0.7.3.2.1 -signer ds.pem \
         -inkey key.pem -md sha256 -outform DER -nosmimecap -out signed",
    );
    openssl.read("signed")
}

#[test]
fn chip_authentication_mapping_proves_the_key_of_card_security() {
    for (curve, cipher) in [
        (EllipticCurve::BrainpoolP256r1, Cipher::Aes128),
        (EllipticCurve::P384, Cipher::Aes256),
    ] {
        let mut stranger = Stranger::new().pace(Mapping::Generic, cipher, curve).pace(
            Mapping::ChipAuthentication,
            cipher,
            curve,
        );
        let point = curve.public(&vec![5; curve.bytes()]).unwrap();
        let signed = card_security(vec![SecurityInfo::ChipAuthenticationPublicKey {
            protocol: PK_ECDH,
            key: Curve::Explicit.spki_on(curve, &point).unwrap(),
            key_id: Some(curve.parameter_id().into()),
        }]);
        stranger.files.insert(FileId::CardSecurity, signed.clone());
        stranger.keys.mapping = Some(vec![5; curve.bytes()]);
        let mut card = stranger.card();
        let seen = card.inspect(asking(&card)).unwrap();
        assert_eq!(seen.pace.unwrap().protocol.mapping, Mapping::ChipAuthentication);
        assert_eq!(seen.chip_authentication, Verdict::Genuine);
        assert_eq!(seen.files[&FileId::CardSecurity], signed);
        assert_eq!(seen.files, card.files);
        // Where no proof is wanted, nothing is spent on it.
        let plain = Request {
            chip_authentication: false,
            ..asking(&card)
        };
        let seen = card.inspect(plain).unwrap();
        assert_eq!(seen.pace.unwrap().protocol.mapping, Mapping::Generic);
        // A copy knows the files and the password, not the key.
        card.chip.memory.keys.mapping = Some(vec![6; curve.bytes()]);
        let seen = card.inspect(asking(&card)).unwrap();
        assert_eq!(seen.chip_authentication, Verdict::Failed);
    }
}

#[test]
fn chip_authentication_moves_both_sides_to_new_keys() {
    for (cipher, curve, id) in [
        (Some(Cipher::Aes128), EllipticCurve::P256, None),
        (Some(Cipher::Aes256), EllipticCurve::BrainpoolP384r1, Some(1)),
        (Some(Cipher::Aes192), EllipticCurve::BrainpoolP256r1, Some(200)),
        (Some(Cipher::TripleDes), EllipticCurve::P384, None),
        (None, EllipticCurve::BrainpoolP256r1, None),
    ] {
        let stranger = || Stranger::new().pace(Mapping::Generic, Cipher::Aes128, EllipticCurve::P256);
        let mut card = stranger().chip_authentication(cipher, curve, id, 3, 3).card();
        let seen = card.inspect(asking(&card)).unwrap();
        assert_eq!(seen.chip_authentication, Verdict::Genuine, "{cipher:?} {curve:?}");
        assert_eq!(seen.files, card.files);
        // A chip with another key cannot follow; the rest is read all the same.
        let mut copy = stranger().chip_authentication(cipher, curve, id, 3, 4).card();
        let seen = copy.inspect(asking(&copy)).unwrap();
        assert_eq!(seen.chip_authentication, Verdict::Failed, "{cipher:?} {curve:?}");
        assert_eq!(seen.files, copy.files);
        // One without any says so.
        copy.chip.memory.keys.chip_authentication = None;
        let seen = copy.inspect(asking(&copy)).unwrap();
        assert_eq!(seen.chip_authentication, Verdict::Failed);
        assert_eq!(seen.files, copy.files);
    }
}

#[test]
fn a_card_of_before_pace_is_opened_by_bac_and_proves_itself() {
    let mut card = Stranger::new()
        .chip_authentication(
            Some(Cipher::TripleDes),
            EllipticCurve::BrainpoolP256r1,
            None,
            3,
            3,
        )
        .card();
    let seen = card.inspect(asking(&card)).unwrap();
    assert_eq!(
        (seen.access, seen.chip_authentication),
        (Access::Bac, Verdict::Genuine)
    );
    assert_eq!(seen.files, card.files);
}

#[test]
fn ways_of_pace_that_are_not_known_leave_bac_to_a_tolerant_reader() {
    let mut stranger = Stranger::new();
    stranger.access.push(SecurityInfo::Pace {
        protocol: ObjectIdentifier::new_unwrap("0.4.0.127.0.7.2.2.4.2.2"),
        parameter_id: Some(17),
    });
    let mut card = stranger.card();
    assert_eq!(code(card.inspect(asking(&card))), &fault::NO_PROTOCOL);
    let tolerant = Request {
        tolerant: true,
        ..asking(&card)
    };
    assert_eq!(card.inspect(tolerant).unwrap().access, Access::Bac);
}

/// A modulus and a private exponent of OpenSSL's, and the SubjectPublicKeyInfo.
fn rsa(bits: usize) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
    let openssl = OpenSsl::new();
    openssl.succeeds(&format!("genrsa -out key.pem {bits}"));
    openssl.succeeds("rsa -in key.pem -traditional -outform DER -out key.der");
    openssl.succeeds("rsa -in key.pem -pubout -outform DER -out public.der");
    let key = openssl.read("key.der");
    let numbers: Vec<Vec<u8>> = tlv::objects(tlv::only(0x30, &key).unwrap())
        .map(|number| number.unwrap().value.to_vec())
        .collect();
    let [_version, modulus, _public, private, ..] = &numbers[..] else {
        panic!("not an RSA key");
    };
    (modulus[1..].to_vec(), private.clone(), openssl.read("public.der"))
}

#[test]
fn active_authentication_of_others_is_judged() {
    for curve in EllipticCurve::ALL {
        let spki = Curve::Named
            .spki_on(curve, &curve.public(&vec![9; curve.bytes()]).unwrap())
            .unwrap();
        for (held, verdict) in [(9, Verdict::Genuine), (8, Verdict::Failed)] {
            let key = ActiveKey::Elliptic {
                parameters: curve.parameter_id().into(),
                private: vec![held; curve.bytes()],
            };
            let mut card = Stranger::new().active(&spki, key).card();
            let seen = card.inspect(asking(&card)).unwrap();
            assert_eq!(seen.active_authentication, verdict, "{curve:?}");
        }
    }
    for (bits, sha1) in [(1024, true), (2048, false)] {
        let (modulus, exponent, spki) = rsa(bits);
        let key = |exponent: &[u8]| ActiveKey::Rsa {
            modulus: modulus.clone(),
            exponent: exponent.to_vec(),
            sha1,
        };
        let mut card = Stranger::new().active(&spki, key(&exponent)).card();
        let seen = card.inspect(asking(&card)).unwrap();
        assert_eq!(seen.active_authentication, Verdict::Genuine, "{bits}");
        card.chip.memory.keys.active = Some(key(&[3]));
        let seen = card.inspect(asking(&card)).unwrap();
        assert_eq!(seen.active_authentication, Verdict::Failed, "{bits}");
    }
}

#[test]
fn what_cannot_be_read_is_noted_by_a_tolerant_reader_only() {
    let spoil = |file: FileId, contents: Option<Vec<u8>>| {
        let mut card = Stranger::new()
            .pace(Mapping::Generic, Cipher::Aes128, EllipticCurve::P256)
            .card();
        match contents {
            Some(contents) => card.chip.memory.files.insert(file.fid(), contents),
            None => card.chip.memory.files.remove(&file.fid()),
        };
        assert_eq!(code(card.inspect(card.request())).blame, crate::base::Blame::Card);
        let tolerant = Request {
            tolerant: true,
            ..asking(&card)
        };
        let seen = card.inspect(tolerant).unwrap();
        assert!(seen.unread.contains_key(&file) || file == FileId::Com, "{seen:?}");
        assert!(seen.files.contains_key(&FileId::Sod), "{seen:?}");
    };
    spoil(FileId::Dg(2), None);
    spoil(FileId::Dg(2), Some(hex!("75820100").to_vec()));
    spoil(FileId::Dg(2), Some(hex!("7584FFFFFFFF00").to_vec()));
    spoil(FileId::Dg(2), Some(hex!("75830FFFFF00").to_vec()));
    spoil(FileId::Dg(1), Some(hex!("620100").to_vec()));
    spoil(FileId::Com, Some(hex!("60035C0177").to_vec()));
    spoil(FileId::Dg(14), Some(hex!("6E023005").to_vec()));
}

#[test]
fn a_number_that_the_chip_does_not_know_is_no_fault_of_the_card() {
    let mut card = Stranger::new()
        .pace(Mapping::Generic, Cipher::Aes128, EllipticCurve::P256)
        .card();
    card.chip.memory.can = None;
    let request = Request {
        password: Password::Can(Can::new("314159").unwrap()),
        ..asking(&card)
    };
    assert_eq!(code(card.inspect(request)), &fault::NO_CAN);
}
