//! Whole conversations between the production code and the simulated chip.

use std::collections::BTreeMap;

use hex_literal::hex;
use p256::ecdsa::SigningKey;
use proptest::prelude::*;

use super::*;
use crate::base::dialogue::drive;
use crate::base::{Code, Fault, Secret};
use crate::chip::aes_key::AesKey;
use crate::chip::diversify::{self, StaticKey};
use crate::chip::profile::Managed;
use crate::chip::scp::ChipKeys;
use crate::chip::{
    Access, ActiveSecret, Can, CardImage, CardKeys, ChipProfile, Credentials, Identity, Inspection, MrzKey,
    Password, Request, RsaSecret, Sealed, Verdict, Wanted, Written, fault, identify, inspect, personalize,
    probe_sealed, refuses_writes, seal, tlv,
};
use crate::document::CardFiles;
use crate::pki::CvCertificate;

mod extended;
mod faults;
mod foreign;
mod hostile;
mod managed;
mod rules;
mod terminal;
mod transcripts;

/// A card and its chip.
struct Rehearsal {
    profile: ChipProfile,
    chip: Chip,
    files: CardFiles,
    mrz: MrzKey,
    can: Option<Can>,
    key: Option<Secret<[u8; 32]>>,
    rsa: Option<RsaSecret>,
    agreement: Option<Secret<[u8; 32]>>,
    cvcas: Vec<CvCertificate>,
    /// For chips with a card manager.
    keys: Option<CardKeys>,
}

/// What goes on a card. A macro, because a method would borrow the chip, too, which is then spoken to.
macro_rules! image {
    ($card:expr) => {
        CardImage {
            can: $card.can.as_ref(),
            active_authentication: match (&$card.key, &$card.rsa) {
                (Some(key), _) => Some(ActiveSecret::Elliptic(key)),
                (None, key) => key.as_ref().map(ActiveSecret::Rsa),
            },
            chip_authentication: $card.agreement.as_ref(),
            cvcas: &$card.cvcas,
            ..CardImage::new(&$card.files, &$card.mrz)
        }
    };
}

impl Rehearsal {
    /// The chip of rehearsals with everything on it, about 30 kB.
    fn full() -> Self {
        Self::full_on("rehearsal")
    }

    /// The same behind a card manager.
    fn managed() -> Self {
        Self::full_on("rehearsal-gp")
    }

    fn full_on(profile: &str) -> Self {
        Self::full_of(ChipProfile::built_in(profile).unwrap())
    }

    /// The same on a chip of any profile.
    fn full_of(profile: ChipProfile) -> Self {
        let key = SigningKey::from_slice(&[0x42; 32]).unwrap();
        let mut dg15 = hex!("6F5B3059301306072A8648CE3D020106082A8648CE3D030107034200").to_vec();
        dg15.extend(key.verifying_key().to_sec1_point(false).as_bytes());
        let card_access = hex!("31143012060A04007F0007020204020202010202010C");
        let mut dg14 = vec![0x6E, 22];
        dg14.extend(card_access);
        let mut rehearsal = Self::with(profile, &[1, 2, 3, 13, 15, 14]);
        rehearsal.files.insert(FileId::CardAccess, card_access.to_vec());
        rehearsal.files.insert(FileId::Dg(14), dg14);
        rehearsal.files.insert(FileId::Dg(15), dg15);
        rehearsal.can = Some(Can::new("314159").unwrap());
        rehearsal.key = Some(Secret::new([0x42; 32]));
        rehearsal
    }

    /// Whatever a chip of this profile takes.
    fn of(profile: &str) -> Self {
        let known = ChipProfile::built_in(profile).unwrap();
        if known.takes(crate::chip::profile::PutData::ActiveAuthentication) {
            return Self::full_on(profile);
        }
        if known.takes(crate::chip::profile::PutData::ChipAuthentication) {
            return extended::card();
        }
        let mut card = Self::new(profile, &[1, 2, 13]);
        if known.applet.card_access.is_some() {
            let card_access = hex!("31143012060A04007F0007020204020202010202010C");
            let mut dg14 = vec![0x6E, 22];
            dg14.extend(card_access);
            card.files.insert(FileId::CardAccess, card_access.to_vec());
            card.files.insert(FileId::Dg(14), dg14);
            card.files.insert(
                FileId::Com,
                hex!("60165F0104303130375F36063034303030305C0461756D6E").to_vec(),
            );
            card.can = Some(Can::new("314159").unwrap());
        }
        card
    }

    /// The plain applet: short APDUs, BAC.
    fn short() -> Self {
        Self::new("emrtd-short", &[1, 2, 13])
    }

    fn new(profile: &str, groups: &[u8]) -> Self {
        Self::with(ChipProfile::built_in(profile).unwrap(), groups)
    }

    fn with(profile: ChipProfile, groups: &[u8]) -> Self {
        let mut files = CardFiles::new();
        let mut tags = Vec::new();
        for group in groups {
            let file = FileId::Dg(*group);
            let length = match group {
                2 => 18_000,
                3 => 9_000,
                _ => 400,
            };
            files.insert(file, filled(file, length));
            tags.push(file.tag());
        }
        files.insert(FileId::Sod, filled(FileId::Sod, 1_800));
        let mut com = hex!("5F0104303130375F3606303430303030").to_vec();
        tlv::push(&mut com, 0x5C, &tags);
        let mut whole = Vec::new();
        tlv::push(&mut whole, 0x60, &com);
        files.insert(FileId::Com, whole);
        let mut chip = Chip::blank(0x0102_0304, 0x0506, &profile);
        chip.power_on();
        let name = [&profile.chip.fabricator, &profile.chip.r#type, "0506", "01020304"].concat();
        let name: [u8; 10] = crate::base::hex::decode(&name).unwrap().try_into().unwrap();
        let keys = profile.managed().map(|managed| CardKeys {
            diversification: name,
            transport: match managed.diversification {
                diversify::Scheme::CounterMode => static_keys(managed, &REHEARSAL_MASTER, &name),
                _ => triple_des_keys(managed, &name),
            },
            issuer: static_keys(managed, &[0x77; 32], &name),
        });
        Self {
            keys,
            profile,
            chip,
            files,
            mrz: MrzKey::new("001203013", "990521", "390521").unwrap(),
            can: None,
            key: None,
            rsa: None,
            agreement: None,
            cvcas: Vec::new(),
        }
    }

    fn image(&self) -> CardImage<'_> {
        image!(self)
    }

    fn identify(&mut self) -> Result<Identity, Fault> {
        drive(&mut identify(&self.profile), |command| {
            Some(self.chip.transmit(command))
        })
    }

    fn credentials(&self) -> Option<Credentials<'_>> {
        credentials(self.keys.as_ref())
    }

    fn personalize(&mut self) -> Result<Written, Fault> {
        self.write_over(|chip, command| Some(chip.transmit(command)))
    }

    /// Writes over a wire that may do anything.
    fn write_over(
        &mut self,
        mut wire: impl FnMut(&mut Chip, &[u8]) -> Option<Vec<u8>>,
    ) -> Result<Written, Fault> {
        let image = image!(self);
        let mut writing = personalize(&self.profile, image, credentials(self.keys.as_ref()))?;
        drive(&mut writing, |command| wire(&mut self.chip, command))
    }

    fn seal(&mut self) -> Result<Sealed, Fault> {
        self.seal_over(|chip, command| Some(chip.transmit(command)))
    }

    fn seal_over(
        &mut self,
        mut wire: impl FnMut(&mut Chip, &[u8]) -> Option<Vec<u8>>,
    ) -> Result<Sealed, Fault> {
        let mut sealing = seal(&self.profile, credentials(self.keys.as_ref()))?;
        drive(&mut sealing, |command| wire(&mut self.chip, command))
    }

    fn sealed(mut self) -> Self {
        self.personalize().unwrap();
        self.seal().unwrap();
        self.chip.power_on();
        self
    }

    fn request(&self) -> Request {
        Request {
            allow_bac: self.profile.applet.card_access.is_none(),
            read_max: Some(self.profile.apdu.read_max),
            ..Request::new(Password::Mrz(self.mrz.clone()))
        }
    }

    fn inspect(&mut self, request: Request) -> Result<Inspection, Fault> {
        self.chip.power_on();
        drive(&mut inspect(request, &Secret::new([9; 32])), |command| {
            Some(self.chip.transmit(command))
        })
    }
}

fn static_keys(managed: &Managed, master: &[u8; 32], name: &[u8; 10]) -> ChipKeys {
    let master = AesKey::new(master).unwrap();
    let key = |which| -> Vec<u8> {
        let blocks = diversify::blocks(which, name, managed.key_bits);
        let bytes = blocks.iter().flat_map(|block| master.cmac(&[block]));
        bytes.take(managed.key_bits / 8).collect()
    };
    let [encrypt, mac, data] = StaticKey::ALL.map(key);
    ChipKeys::new(managed.protocol, [&encrypt, &mac, &data]).unwrap()
}

/// Keys as a supplier with 3DES makes them: the blocks are said by production code, the cipher is OpenSSL's.
fn triple_des_keys(managed: &Managed, name: &[u8; 10]) -> ChipKeys {
    let openssl = crate::pki::testkit::OpenSsl::new();
    let [encrypt, mac, data] = StaticKey::ALL.map(|key| {
        let wanted = diversify::Derivation {
            scheme: managed.diversification,
            key,
            chip: *name,
            bits: 128,
        };
        openssl.file("blocks", wanted.blocks().unwrap().as_flattened());
        let master = crate::base::hex::encode(&REHEARSAL_TRIPLE_DES);
        openssl.succeeds(&format!("enc -des-ede -nopad -K {master} -in blocks -out key"));
        openssl.read("key")
    });
    ChipKeys::new(managed.protocol, [&encrypt, &mac, &data]).unwrap()
}

fn credentials(keys: Option<&CardKeys>) -> Option<Credentials<'_>> {
    keys.map(|keys| Credentials {
        keys,
        challenge: [0x5A; 16],
    })
}

/// A file of this whole length with the right outer tag.
fn filled(file: FileId, length: usize) -> Vec<u8> {
    let contents: Vec<u8> = (0..=250).cycle().take(length - 4).collect();
    let mut whole = Vec::new();
    tlv::push(&mut whole, u16::from(file.tag()), &contents);
    whole
}

fn code<T: std::fmt::Debug>(outcome: Result<T, Fault>) -> &'static Code {
    outcome.unwrap_err().code
}

#[test]
fn a_card_is_written_sealed_and_read_back() {
    let mut card = Rehearsal::full();
    let identity = card.identify().unwrap();
    assert_eq!(identity.chip.as_str(), "4D410168050601020304");
    assert_eq!(identity.require_blank(), Ok(()));

    let written = card.personalize().unwrap();
    assert_eq!(written.bytes, card.files.values().map(Vec::len).sum::<usize>());
    assert!(written.bytes > 29_000 && written.commands <= 45, "{written:?}");
    assert_eq!(
        code(card.identify().unwrap().require_blank()),
        &fault::ALREADY_STARTED
    );
    assert_eq!(card.seal(), Ok(Sealed::Sealed));
    assert_eq!(
        code(card.identify().unwrap().require_open()),
        &fault::ALREADY_SEALED
    );

    let inspection = card.inspect(card.request()).unwrap();
    let mut readable = card.files.clone();
    readable.remove(&FileId::Dg(3));
    assert_eq!(inspection.files, readable);
    assert_eq!(inspection.protected, [FileId::Dg(3)]);
    assert_eq!(
        (inspection.access, inspection.active_authentication),
        (Access::Pace, Verdict::Genuine)
    );
    assert!(inspection.commands <= 30, "{inspection:?}");
}

#[test]
fn a_card_of_every_profile_is_written_sealed_and_read_back() {
    for profile in crate::chip::profile::NAMES {
        let mut card = Rehearsal::of(profile);
        card.identify().unwrap().require_blank().unwrap();
        card.personalize().unwrap();
        // Again: a card may always be written anew until it is sealed.
        card.chip.power_on();
        card.personalize().unwrap();
        card.seal().unwrap();
        card.chip.power_on();
        let Rehearsal {
            profile: known, chip, ..
        } = &mut card;
        let proof = drive(&mut refuses_writes(known), |command| Some(chip.transmit(command)));
        assert_eq!(proof, Ok(()), "{profile}");
        let inspection = card.inspect(card.request()).unwrap();
        for (file, contents) in &card.files {
            let read = inspection.files.get(file);
            assert!(
                read == Some(contents) || *file == FileId::Dg(3),
                "{profile}: {file}"
            );
        }
        let pace = card.profile.applet.card_access.is_some();
        assert_eq!(inspection.access == Access::Pace, pace, "{profile}");
    }
}

#[test]
fn applets_differ_in_files_created_again_and_in_what_they_say_when_locked() {
    let create = |card: &mut Rehearsal, size: &str| {
        card.chip.transmit(&hex!("00A4040C07A0000002471001"));
        let command = format!("00E00000066304{size}0101");
        card.chip.transmit(&crate::base::hex::decode(&command).unwrap())
    };
    for (profile, smaller, larger, locked) in [
        ("emrtd-short", hex!("6A89"), hex!("6A89"), hex!("6985")),
        ("emrtd-pace", hex!("9000"), hex!("6A84"), hex!("6986")),
    ] {
        let mut card = Rehearsal::of(profile);
        assert_eq!(create(&mut card, "0100"), hex!("9000"));
        assert_eq!(create(&mut card, "0080"), smaller, "{profile}");
        assert_eq!(create(&mut card, "0101"), larger, "{profile}");
        let mut card = Rehearsal::of(profile).sealed();
        assert_eq!(create(&mut card, "0100"), locked, "{profile}");
    }
}

#[test]
fn a_short_chip_is_written_and_read_by_bac() {
    let mut card = Rehearsal::short();
    card.identify().unwrap().require_blank().unwrap();
    card.personalize().unwrap();
    card.seal().unwrap();
    let inspection = card.inspect(card.request()).unwrap();
    assert_eq!(inspection.files, card.files);
    assert_eq!(
        (inspection.access, inspection.active_authentication),
        (Access::Bac, Verdict::Absent)
    );
    let mut no_bac = card.request();
    no_bac.allow_bac = false;
    assert_eq!(code(card.inspect(no_bac)), &fault::NO_PROTOCOL);
    let mut can = card.request();
    can.password = Password::Can(Can::new("314159").unwrap());
    assert_eq!(code(card.inspect(can)), &fault::NO_PROTOCOL);
}

#[test]
fn the_card_access_number_opens_too_and_a_desk_reads_little() {
    let mut card = Rehearsal::full().sealed();
    let mut request = card.request();
    request.password = Password::Can(card.can.clone().unwrap());
    request.wanted = Wanted::Only(vec![FileId::Sod, FileId::Dg(1)]);
    request.chip_authentication = false;
    let inspection = card.inspect(request).unwrap();
    let read: Vec<_> = inspection.files.keys().copied().collect();
    assert_eq!(
        read,
        [FileId::CardAccess, FileId::Dg(1), FileId::Dg(15), FileId::Sod]
    );
    assert_eq!(inspection.active_authentication, Verdict::Genuine);
    assert!(inspection.commands <= 14, "{inspection:?}");
}

#[test]
fn brainpool_and_the_master_file_work_as_well() {
    let mut card = Rehearsal::full();
    card.profile.applet.card_access = Some(crate::chip::profile::CardAccess::MasterFile);
    card.chip = Chip::blank(1, 1, &card.profile);
    card.chip.power_on();
    for file in [FileId::CardAccess, FileId::Dg(14)] {
        *card.files.get_mut(&file).unwrap().last_mut().unwrap() = 13;
    }
    card = card.sealed();
    let inspection = card.inspect(card.request()).unwrap();
    assert_eq!(inspection.access, Access::Pace);
    assert_eq!(inspection.files[&FileId::Sod], card.files[&FileId::Sod]);
}

#[test]
fn files_beyond_the_reach_of_short_offsets_are_written_and_read() {
    let mut card = Rehearsal::full();
    card.files.remove(&FileId::Dg(3));
    card.files.insert(FileId::Dg(3), filled(FileId::Dg(3), 500));
    card.files.insert(FileId::Dg(2), filled(FileId::Dg(2), 45_000));
    let mut card = card.sealed();
    let mut request = card.request();
    request.read_max = Some(5_000);
    let inspection = card.inspect(request).unwrap();
    assert_eq!(inspection.files[&FileId::Dg(2)], card.files[&FileId::Dg(2)]);
}

/// A protected answer is longer than what it holds: a rest just below 256 bytes needs an extended answer.
#[test]
fn any_rest_of_a_file_is_read() {
    let full = Rehearsal::full().profile.apdu.read_max as usize;
    for blocks in [full, 2 * full] {
        for rest in [1, 15, 16, 219, 220, 223, 224, 239, 240, 252, 255, 256, 257] {
            let mut card = Rehearsal::full();
            card.files
                .insert(FileId::Dg(2), filled(FileId::Dg(2), blocks + rest));
            card.files.insert(FileId::Dg(3), filled(FileId::Dg(3), 50));
            let mut card = card.sealed();
            let mut request = card.request();
            request.wanted = Wanted::Only(vec![FileId::Dg(2)]);
            let inspection = card.inspect(request).unwrap();
            assert_eq!(inspection.files[&FileId::Dg(2)], card.files[&FileId::Dg(2)]);
        }
    }
}

#[test]
fn a_rest_whose_protected_form_outgrows_a_short_answer_is_read() {
    for rest in [1, 223, 224, 239, 240, 256, 257] {
        let mut card = Rehearsal::full();
        card.files
            .insert(FileId::Dg(2), filled(FileId::Dg(2), 5_000 + rest));
        let mut card = card.sealed();
        let mut request = card.request();
        request.read_max = Some(5_000);
        let inspection = card.inspect(request).unwrap();
        assert_eq!(
            inspection.files[&FileId::Dg(2)],
            card.files[&FileId::Dg(2)],
            "{rest}"
        );
    }
}

#[test]
fn a_torn_writing_is_resumed_wherever_it_tore() {
    let whole = Rehearsal::full().personalize().unwrap().commands;
    for torn in 0..whole {
        let mut card = Rehearsal::full();
        let mut count = 0;
        let silence = card.write_over(|chip, command| {
            count += 1;
            if count > torn {
                chip.tear(command);
                return None;
            }
            Some(chip.transmit(command))
        });
        assert_eq!(code(silence), &fault::SILENT);
        // Memory outlives power, and a restart of the hall.
        let kept = serde_json::to_string(&card.chip).unwrap();
        card.chip = serde_json::from_str(&kept).unwrap();
        card.chip.power_on();
        assert!(card.identify().unwrap().require_open().is_ok());
        let mut card = card.sealed();
        let inspection = card.inspect(card.request()).unwrap();
        assert_eq!(inspection.files[&FileId::Dg(2)], card.files[&FileId::Dg(2)]);
    }
}

#[test]
fn sealing_is_asked_about_and_repeated() {
    let mut card = Rehearsal::full();
    card.personalize().unwrap();
    for after in 0..=2 {
        let mut count = 0;
        card.chip.power_on();
        let torn = card.seal_over(|chip, command| {
            count += 1;
            (count <= after).then(|| chip.transmit(command))
        });
        assert_eq!(code(torn), &fault::SILENT);
        let open = drive(&mut probe_sealed(), |command| Some(card.chip.transmit(command)));
        assert_eq!(open, Ok(Sealed::Open));
    }
    card.seal().unwrap();
    let probe =
        |card: &mut Rehearsal| drive(&mut probe_sealed(), |command| Some(card.chip.transmit(command)));
    assert_eq!(probe(&mut card), Ok(Sealed::Sealed));
    assert_eq!(code(card.seal()), &fault::REFUSED);
}

#[test]
fn after_seal_nothing_is_written() {
    let refuse = |card: &mut Rehearsal| {
        let Rehearsal { profile, chip, .. } = card;
        drive(&mut refuses_writes(profile), |command| {
            Some(chip.transmit(command))
        })
    };
    let mut open = Rehearsal::full();
    assert_eq!(code(refuse(&mut open)), &fault::NOT_SEALED);
    open.personalize().unwrap();
    let before = open.chip.memory.files.clone();
    assert_eq!(code(refuse(&mut open)), &fault::NOT_SEALED);
    assert_eq!(open.chip.memory.files, before);
    let mut card = open.sealed();
    assert_eq!(refuse(&mut card), Ok(()));
    assert_eq!(code(card.personalize()), &fault::ALREADY_SEALED);
    assert_eq!(card.chip.memory.files, before);
}

#[test]
fn a_wrong_password_is_refused_by_pace_and_bac() {
    for mut card in [Rehearsal::full().sealed(), Rehearsal::short().sealed()] {
        let mut request = card.request();
        request.password = Password::Mrz(MrzKey::new("001203014", "990521", "390521").unwrap());
        assert_eq!(code(card.inspect(request)), &fault::ACCESS_DENIED);
    }
}

#[test]
fn another_kind_of_chip_is_refused_before_a_write() {
    let mut card = Rehearsal::full();
    card.chip = Chip::blank(1, 1, &ChipProfile::built_in("emrtd-short").unwrap());
    card.chip.power_on();
    assert_eq!(code(card.identify()), &fault::FOREIGN);
    let silent = drive(&mut identify(&card.profile), |command| {
        Some(if command[1] == 0xCA {
            card_cplc()
        } else {
            hex!("6A82").to_vec()
        })
    });
    assert_eq!(code(silent), &fault::NO_APPLICATION);
}

fn card_cplc() -> Vec<u8> {
    let mut cplc = hex!("4D410168").to_vec();
    cplc.resize(42, 0);
    cplc.extend([0x90, 0]);
    cplc
}

#[test]
fn an_image_that_does_not_fit_the_chip_is_refused_at_once() {
    let change = |change: fn(&mut Rehearsal)| {
        let mut card = Rehearsal::full();
        change(&mut card);
        let before: BTreeMap<_, _> = card.chip.memory.files.clone();
        assert_eq!(code(card.personalize()), &fault::IMAGE);
        assert_eq!(card.chip.memory.files, before);
    };
    change(|card| card.key = None);
    change(|card| card.key = Some(Secret::new([1; 32])));
    change(|card| drop(card.files.remove(&FileId::Dg(15))));
    change(|card| drop(card.files.remove(&FileId::Sod)));
    change(|card| drop(card.files.insert(FileId::Dg(2), vec![0; 60_000])));
    change(|card| card.profile = ChipProfile::built_in("emrtd-short").unwrap());
    let mut can = Rehearsal::short();
    can.can = Some(Can::new("314159").unwrap());
    assert_eq!(code(personalize(&can.profile, can.image(), None)), &fault::IMAGE);
}
