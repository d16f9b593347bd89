//! Chips that lie, garble or answer for ever end in a fault, never in a panic and never without end.

use super::*;
use crate::base::limits;
use crate::chip::cipher::Cipher;
use crate::chip::pace::Mapping;
use crate::chip::survey;
use crate::pki::EllipticCurve;

/// A sealed chip in whose memory something was put that no honest writer would put there.
fn with_file(file: FileId, contents: Vec<u8>) -> Rehearsal {
    let mut card = Rehearsal::full().sealed();
    card.chip.memory.files.insert(file.fid(), contents);
    card
}

#[test]
fn lying_lengths_are_found() {
    let mut short = filled(FileId::Dg(13), 400);
    short.truncate(300);
    let mut card = with_file(FileId::Dg(13), short);
    assert_eq!(code(card.inspect(card.request())), &fault::REFUSED);
    let mut card = with_file(FileId::Dg(13), hex!("6D83FFFFFF00").to_vec());
    assert_eq!(code(card.inspect(card.request())), &fault::LYING);
    let mut card = with_file(FileId::Dg(13), hex!("6D84FFFFFFFF").to_vec());
    assert_eq!(code(card.inspect(card.request())), &fault::GARBLED);
    let mut card = with_file(FileId::Dg(13), filled(FileId::Dg(11), 400));
    assert_eq!(code(card.inspect(card.request())), &fault::INCONSISTENT);
}

#[test]
fn a_chip_that_gives_a_few_bytes_at_a_time_is_left() {
    let mut card = Rehearsal::full().sealed();
    card.chip.memory.profile.apdu.read_max = 8;
    let (mut chip, mut commands) = (card.chip, 0);
    chip.power_on();
    let request = Request {
        read_max: Some(16_384),
        active_authentication: false,
        ..Request::new(Password::Mrz(card.mrz))
    };
    let outcome = drive(&mut inspect(request, &Secret::new([9; 32])), |command| {
        commands += 1;
        Some(chip.transmit(command))
    });
    assert_eq!(code(outcome), &fault::LYING);
    assert_eq!(commands, limits::CHIP_COMMANDS_MAX);
}

#[test]
fn files_that_contradict_each_other_are_found() {
    // EF.CardAccess was changed after it was signed in DG14.
    let weak = hex!("31143012060A04007F0007020204020202010202010D");
    let mut card = with_file(FileId::CardAccess, weak.to_vec());
    assert_eq!(code(card.inspect(card.request())), &fault::INCONSISTENT);
    // EF.COM lists what is not there, or nothing that is a data group.
    for com in [
        &hex!("60045C02616B")[..],
        &hex!("60035C0177"),
        &hex!("60025F01"),
        &hex!("6000"),
    ] {
        let mut card = with_file(FileId::Com, com.to_vec());
        assert_eq!(code(card.inspect(card.request())), &fault::INCONSISTENT);
    }
    // No way of PACE that is known, and no way around it.
    let unknown = hex!("31143012060A04007F0007020204010202010202010C");
    let mut card = with_file(FileId::CardAccess, unknown.to_vec());
    let mut request = card.request();
    request.allow_bac = true;
    assert_eq!(code(card.inspect(request)), &fault::NO_PROTOCOL);
}

#[test]
fn a_copy_without_the_key_is_found() {
    let mut card = Rehearsal::full().sealed();
    card.chip.memory.active_authentication = Some([0x43; 32]);
    let copied = card.inspect(card.request()).unwrap();
    assert_eq!(copied.active_authentication, Verdict::Failed);
    card.chip.memory.active_authentication = None;
    let mute = card.inspect(card.request()).unwrap();
    assert_eq!(mute.active_authentication, Verdict::Failed);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// From some command on, the chip answers anything.
    #[test]
    fn garbage_at_any_moment_ends(
        from in 0usize..20,
        garbage in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 1..4),
        success: bool,
    ) {
        let mut card = Rehearsal::full().sealed();
        let request = card.request();
        let mut commands = 0;
        let outcome = drive(&mut inspect(request, &Secret::new([9; 32])), |command| {
            commands += 1;
            if commands <= from {
                return Some(card.chip.transmit(command));
            }
            let mut answer = garbage[commands % garbage.len()].clone();
            if success {
                answer.extend([0x90, 0x00]);
            }
            Some(answer)
        });
        prop_assert!(outcome.is_err() || commands <= from);
        prop_assert!(commands <= limits::CHIP_COMMANDS_MAX);
    }

    /// A tolerant reader goes on where it can, and ends all the same.
    #[test]
    fn garbage_before_a_tolerant_reader_ends(
        from in 0usize..40,
        garbage in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 1..4),
        success: bool,
    ) {
        let mut card = foreign::Stranger::new()
            .pace(Mapping::Generic, Cipher::Aes128, EllipticCurve::P256)
            .chip_authentication(Some(Cipher::Aes128), EllipticCurve::P256, None, 3, 3)
            .card();
        let request = Request {
            tolerant: true,
            ..foreign::asking(&card)
        };
        let mut commands = 0;
        card.chip.power_on();
        let outcome = drive(&mut inspect(request, &Secret::new([9; 32])), |command| {
            commands += 1;
            if commands <= from {
                return Some(card.chip.transmit(command));
            }
            let mut answer = garbage[commands % garbage.len()].clone();
            if success {
                answer.extend([0x90, 0x00]);
            }
            Some(answer)
        });
        prop_assert!(commands <= limits::CHIP_COMMANDS_MAX);
        prop_assert!(outcome.is_err() || commands <= from);
    }

    /// Nor does a chip that was only asked what it is.
    #[test]
    fn garbage_told_to_anybody_ends(
        garbage in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 1..4),
    ) {
        let mut commands = 0;
        let _ = drive(&mut survey(), |_| {
            commands += 1;
            Some(garbage[commands % garbage.len()].clone())
        });
        prop_assert!(commands <= limits::CHIP_COMMANDS_MAX);
    }

    /// The chip itself takes anything.
    #[test]
    fn any_command_is_answered(
        commands in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 1..40),
    ) {
        let mut card = Rehearsal::full();
        card.chip.transmit(&hex!("00A4040C07A0000002471001"));
        for mut command in commands {
            if let Some(cla) = command.first_mut() {
                *cla &= 0x1C;
            }
            prop_assert!(card.chip.transmit(&command).len() >= 2);
        }
    }
}
