//! Chips behind a card manager: the host's secure channels and the chip's, which share no code but ciphers, and every
//! way in which their conversation may go wrong.

use super::*;
use crate::chip::apdu::response;
use crate::chip::pretest;
use crate::chip::profile::{Dialect, Managed};
use crate::chip::scp::Level;

fn change(card: &mut Rehearsal, change: impl FnOnce(&mut Managed)) {
    let Dialect::GlobalPlatform(managed) = &mut card.profile.dialect else {
        panic!("no card manager")
    };
    change(managed);
    let name = hex!("4D410268050601020304");
    card.keys = Some(CardKeys {
        diversification: name,
        transport: static_keys(managed, &REHEARSAL_MASTER, &name),
        issuer: static_keys(managed, &[0x77; 32], &name),
    });
    card.chip = Chip::blank(0x0102_0304, 0x0506, &card.profile);
    card.chip.power_on();
}

fn test_blank(card: &mut Rehearsal) -> Result<(), Fault> {
    let Rehearsal {
        profile, chip, keys, ..
    } = card;
    let mut testing = pretest(profile, credentials(keys.as_ref()).unwrap())?;
    drive(&mut testing, |command| Some(chip.transmit(command)))
}

/// Everything is on the chip, its keys are the issuer's, and it reads as any other card.
fn is_whole(card: &mut Rehearsal) {
    let probe = drive(&mut probe_sealed(), |command| Some(card.chip.transmit(command)));
    assert_eq!(probe, Ok(Sealed::Sealed));
    assert_eq!(card.chip.key_version(), Some(49));
    assert_eq!(card.chip.failed_authentications(), 0);
    let Rehearsal { profile, chip, .. } = card;
    chip.power_on();
    let proof = drive(&mut refuses_writes(profile), |command| {
        Some(chip.transmit(command))
    });
    assert_eq!(proof, Ok(()));
    let inspection = card.inspect(card.request()).unwrap();
    let mut readable = card.files.clone();
    readable.remove(&FileId::Dg(3));
    assert_eq!(inspection.files, readable);
    assert_eq!(inspection.active_authentication, Verdict::Genuine);
}

#[test]
fn a_card_is_written_sealed_and_read_back_through_a_card_manager() {
    let mut card = Rehearsal::managed();
    let identity = card.identify().unwrap();
    assert_eq!(identity.chip.as_str(), "4D410268050601020304");
    assert_eq!(identity.require_blank(), Ok(()));
    assert_eq!(test_blank(&mut card), Ok(()));
    let written = card.personalize().unwrap();
    assert!(written.bytes > 29_000 && written.commands <= 15, "{written:?}");
    assert_eq!(
        code(card.identify().unwrap().require_blank()),
        &fault::ALREADY_STARTED
    );
    card.seal().unwrap();
    assert_eq!(
        code(card.identify().unwrap().require_open()),
        &fault::ALREADY_SEALED
    );
    assert_eq!(code(test_blank(&mut card)), &fault::ALREADY_OURS);
    is_whole(&mut card);
}

#[test]
fn every_level_key_length_and_size_of_block_works() {
    for level in Level::ALL {
        for bits in [128, 192, 256] {
            for (block, options) in [(255, "70"), (16_384, "70"), (16_384, "60"), (4_096, "71")] {
                if options == "60" {
                    // The simulated chip has computed challenges only; a random one is the host's to believe.
                    continue;
                }
                let mut card = Rehearsal::managed();
                card.profile.apdu.command_data_max = block;
                change(&mut card, |managed| {
                    (managed.level, managed.key_bits) = (level, bits);
                    managed.options = options.to_owned();
                });
                test_blank(&mut card).unwrap();
                card.personalize().unwrap();
                card.seal().unwrap();
                for (file, contents) in &card.files {
                    assert_eq!(
                        card.chip.file(*file),
                        Some(&contents[..]),
                        "{level:?} {bits} {block}"
                    );
                }
                assert_eq!(card.chip.key_version(), Some(49));
            }
        }
    }
}

#[test]
fn too_small_blocks_and_missing_keys_are_refused_at_once() {
    let mut card = Rehearsal::managed();
    card.profile.apdu.command_data_max = 96;
    assert_eq!(
        code(personalize(&card.profile, card.image(), card.credentials())),
        &fault::IMAGE
    );
    let card = Rehearsal::managed();
    assert_eq!(
        code(personalize(&card.profile, card.image(), None)),
        &fault::MISUSE
    );
    assert_eq!(code(seal(&card.profile, None)), &fault::MISUSE);
    let open = Rehearsal::full();
    let credentials = credentials(card.keys.as_ref()).unwrap();
    assert_eq!(code(pretest(&open.profile, credentials)), &fault::IMAGE);
}

#[test]
fn a_chip_with_other_keys_is_refused_without_one_failed_authentication() {
    let mut card = Rehearsal::managed();
    let name = card.keys.as_ref().unwrap().diversification;
    let managed = card.profile.managed().unwrap();
    card.keys.as_mut().unwrap().transport = static_keys(managed, &[9; 32], &name);
    for _ in 0..5 {
        assert_eq!(code(test_blank(&mut card)), &fault::NOT_OUR_KEYS);
        assert_eq!(code(card.personalize()), &fault::NOT_OUR_KEYS);
        assert_eq!(code(card.seal()), &fault::NOT_OUR_KEYS);
    }
    assert_eq!(card.chip.failed_authentications(), 0);
    assert!(card.chip.memory.files.is_empty());
}

#[test]
fn a_chip_that_refuses_our_proof_is_named() {
    let mut card = Rehearsal::managed();
    let refused = card.write_over(|chip, command| {
        let mut command = command.to_vec();
        if command[1] == 0x82 {
            command[6] ^= 1;
        }
        Some(chip.transmit(&command))
    });
    assert_eq!(code(refused), &fault::NOT_ADMITTED);
    assert!(card.chip.memory.files.is_empty());
}

#[test]
fn a_third_failure_kills_the_chip() {
    let mut card = Rehearsal::managed();
    for failures in 1..=3 {
        card.chip.power_on();
        card.chip.transmit(&hex!("8050000008 0102030405060708 00"));
        card.chip
            .transmit(&hex!("8482330010 00000000000000000000000000000000"));
        assert_eq!(card.chip.failed_authentications(), failures);
    }
    assert_eq!(code(card.identify()), &fault::LOCKED);
    assert_eq!(code(card.personalize()), &fault::LOCKED);
}

#[test]
fn another_chip_than_the_keys_were_made_for_is_found() {
    let mut card = Rehearsal::managed();
    card.chip = Chip::blank(7, 0x0506, &card.profile);
    card.chip.power_on();
    assert_eq!(code(test_blank(&mut card)), &fault::TWO_NAMES);
    assert_eq!(code(card.personalize()), &fault::TWO_NAMES);
    assert_eq!(code(card.seal()), &fault::TWO_NAMES);
}

#[test]
fn a_chip_that_gives_itself_two_names_is_found() {
    let card = Rehearsal::managed();
    let mut chip = card.chip;
    let two_names = drive(&mut identify(&card.profile), |command| {
        let mut answer = chip.transmit(command);
        if command[1] == 0x50 {
            answer[9] ^= 1;
        }
        Some(answer)
    });
    assert_eq!(code(two_names), &fault::TWO_NAMES);
}

#[test]
fn kinds_of_chips_are_told_apart() {
    // One of the other dialect.
    let mut card = Rehearsal::managed();
    card.chip = Rehearsal::full().chip;
    assert_eq!(code(card.identify()), &fault::FOREIGN);
    // Keys of another version, another protocol, other options.
    let told = |place: usize, byte: u8| {
        let card = Rehearsal::managed();
        let mut chip = card.chip;
        let told = drive(&mut identify(&card.profile), |command| {
            let mut answer = chip.transmit(command);
            if command[1] == 0x50 {
                answer[place] = byte;
            }
            Some(answer)
        });
        code(told)
    };
    assert_eq!(told(10, 0xFF), &fault::KEYS);
    assert_eq!(told(11, 0x02), &fault::KEYS);
    assert_eq!(told(12, 0x30), &fault::KEYS);
    // A batch that is not to be used.
    let mut card = Rehearsal::managed();
    card.profile.chip.batches = vec!["0505".to_owned(), "0507".to_owned()];
    assert_eq!(code(card.identify()), &fault::BATCH);
    card.profile.chip.batches.push("0506".to_owned());
    assert!(card.identify().is_ok());
}

/// A wire on which the n-th command is torn after so many units.
fn torn(at: usize, units: usize) -> impl FnMut(&mut Chip, &[u8]) -> Option<Vec<u8>> {
    let mut count = 0;
    move |chip, command| {
        count += 1;
        if count == at {
            chip.tear_after(command, units);
            return None;
        }
        Some(chip.transmit(command))
    }
}

#[test]
fn a_torn_writing_is_resumed_wherever_it_tore() {
    let whole = Rehearsal::managed().personalize().unwrap().commands;
    for at in 1..=whole {
        for units in [0, 1, 63, 64, 1_000, 9_999] {
            let mut card = Rehearsal::managed();
            assert_eq!(code(card.write_over(torn(at, units))), &fault::SILENT);
            let kept = serde_json::to_string(&card.chip).unwrap();
            card.chip = serde_json::from_str(&kept).unwrap();
            card.chip.power_on();
            assert!(card.identify().unwrap().require_open().is_ok());
            card.personalize().unwrap();
            for (file, contents) in &card.files {
                assert_eq!(card.chip.file(*file), Some(&contents[..]), "{at} {units}");
            }
        }
    }
}

#[test]
fn sealing_is_resumed_wherever_it_tore() {
    // SELECT, INITIALIZE UPDATE, EXTERNAL AUTHENTICATE, PUT KEY, GET STATUS, SET STATUS, INSTALL, STORE DATA.
    for at in 1..=8 {
        for units in [0, 1] {
            let mut card = Rehearsal::managed();
            card.personalize().unwrap();
            assert_eq!(code(card.seal_over(torn(at, units))), &fault::SILENT, "{at}");
            card.chip.power_on();
            let probe = drive(&mut probe_sealed(), |command| Some(card.chip.transmit(command))).unwrap();
            if probe == Sealed::Open {
                // Its keys may be the issuer's already; then it is sealed, never written again.
                if card.chip.key_version() == Some(49) {
                    assert_eq!(code(card.personalize()), &fault::ALREADY_OURS);
                }
                card.seal().unwrap();
            } else {
                assert_eq!((at, units), (8, 1));
            }
            is_whole(&mut card);
        }
    }
}

/// Whatever is wrong with a command in the channel ends the channel.
#[test]
fn the_chip_takes_nothing_but_the_right_checksum() {
    let mut card = Rehearsal::managed();
    let status = |chip: &mut Chip, command: &[u8]| response(&chip.transmit(command)).unwrap().1;
    for plain in [
        &hex!("80E28800")[..],
        &hex!("80E62000"),
        &hex!("80D8308100"),
        &hex!("80F0800F"),
        &hex!("84E288000800000000000000 00"),
    ] {
        assert_eq!(status(&mut card.chip, plain), Status::SecurityStatus);
    }
    // Without a card manager selected there is none.
    assert_eq!(
        status(&mut card.chip, &hex!("00A4040C07A0000002471001")),
        Status::Success
    );
    let update = hex!("8050000008 0102030405060708 00");
    assert_eq!(status(&mut card.chip, &update), Status::UnknownInstruction);
    // Nor is there a way round it.
    let create = hex!("00E0000006630400100101");
    assert_eq!(status(&mut card.chip, &create), Status::SecurityStatus);
    let mut blocks = 0;
    let bent = card.write_over(|chip, command| {
        let mut command = command.to_vec();
        if command[1] == 0xE2 {
            blocks += 1;
            if blocks == 2 {
                let last = command.len() - 1;
                command[last] ^= 1;
            }
        }
        Some(chip.transmit(&command))
    });
    assert_eq!(bent.unwrap_err().detail, "STORE DATA block 1 6982");
}

#[test]
fn a_wrong_checksum_of_the_chip_ends_the_conversation() {
    let mut card = Rehearsal::managed();
    let mut wrong = false;
    let bent = card.write_over(|chip, command| {
        assert!(!wrong, "nothing is said after a broken channel");
        let mut answer = chip.transmit(command);
        if command[1] == 0xE2 {
            answer[0] ^= 1;
            wrong = true;
        }
        Some(answer)
    });
    assert_eq!(code(bent), &fault::CHANNEL);
}

#[test]
fn an_older_chip_is_written_sealed_and_read_back_at_either_level() {
    for (level, options) in [(Level::Mac, "15"), (Level::MacEncrypt, "55")] {
        let text = include_str!("../../../chip/profiles/rehearsal-scp02.toml");
        let mut profile = ChipProfile::parse(text).unwrap();
        if let Dialect::GlobalPlatform(managed) = &mut profile.dialect {
            (managed.level, managed.options) = (level, options.to_owned());
        }
        let mut card = Rehearsal::full_of(profile);
        assert_eq!(test_blank(&mut card), Ok(()));
        let mut lengths = Vec::new();
        let written = card.write_over(|chip, command| {
            lengths.push(Command::parse(command).unwrap().data.len());
            Some(chip.transmit(command))
        });
        assert!(written.unwrap().bytes > 29_000);
        assert!(lengths.iter().all(|length| *length <= 255), "{lengths:?}");
        assert_eq!(card.seal(), Ok(Sealed::Sealed));
        is_whole(&mut card);
    }
}

/// Secrets cross the wire twice encrypted at level 03, and never in plain at level 01.
#[test]
fn an_older_chips_secrets_are_never_in_plain() {
    for level in [Level::Mac, Level::MacEncrypt] {
        let mut card = Rehearsal::full_on("rehearsal-scp02");
        if let Dialect::GlobalPlatform(managed) = &mut card.profile.dialect {
            managed.level = level;
        }
        card.chip = Chip::blank(0x0102_0304, 0x0506, &card.profile);
        card.chip.power_on();
        let mut wire = Vec::<u8>::new();
        card.write_over(|chip, command| {
            wire.extend(command);
            Some(chip.transmit(command))
        })
        .unwrap();
        assert!(!wire.windows(16).any(|window| *window == [0x42; 16]));
    }
}

/// A key that is torn, a wrong checksum, another order: a session ends with the first thing that is wrong with it.
#[test]
fn an_older_chip_takes_nothing_but_the_right_checksum() {
    for bent_block in 0..4 {
        let mut card = Rehearsal::full_on("rehearsal-scp02");
        let mut blocks = 0;
        let bent = card.write_over(|chip, command| {
            let mut command = command.to_vec();
            if command[1] == 0xE2 {
                if blocks == bent_block {
                    let last = command.len() - 1;
                    command[last] ^= 1;
                }
                blocks += 1;
            }
            Some(chip.transmit(&command))
        });
        let what = format!("STORE DATA block {bent_block} 6982");
        assert_eq!(bent.unwrap_err().detail, what);
        assert_eq!(card.chip.failed_authentications(), 0);
        card.chip.power_on();
        card.personalize().unwrap();
    }
    let mut card = Rehearsal::full_on("rehearsal-scp02");
    for failures in 1..=3 {
        card.chip.power_on();
        card.chip.transmit(&hex!("8050000008 0102030405060708 00"));
        card.chip
            .transmit(&hex!("8482030010 00000000000000000000000000000000"));
        assert_eq!(card.chip.failed_authentications(), failures);
    }
    assert_eq!(code(card.identify()), &fault::LOCKED);
}

/// A supplier whose master is a 3DES key: the other scheme's keys are not those of its chips, which is found before
/// they are told anything.
#[test]
fn chips_of_a_supplier_with_3des_have_keys_of_their_scheme() {
    let mut card = Rehearsal::full_on("rehearsal-emv");
    card.personalize().unwrap();
    let mut other = Rehearsal::full_on("rehearsal-emv");
    let keys = other.keys.as_mut().unwrap();
    let managed = other.profile.managed().unwrap();
    keys.transport = static_keys(managed, &REHEARSAL_MASTER, &keys.diversification);
    assert_eq!(code(other.personalize()), &fault::NOT_OUR_KEYS);
    assert_eq!(other.chip.failed_authentications(), 0);
    for scheme in ["visa2", "visa"] {
        let profile = include_str!("../../../chip/profiles/rehearsal-emv.toml").replace("emv-cps", scheme);
        let mut card = Rehearsal::full_of(ChipProfile::parse(&profile).unwrap());
        card.personalize().unwrap();
    }
}
