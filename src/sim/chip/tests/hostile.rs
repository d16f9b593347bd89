//! Chips that lie, garble or answer for ever end in a fault, never in a panic and never without end.

use super::*;
use crate::base::limits;
use crate::chip::cipher::Cipher;
use crate::chip::pace::Mapping;
use crate::chip::{manufacture, survey};
use crate::pki::EllipticCurve;

/// A sealed chip in whose memory something was put that no honest writer would put there.
fn with_file(file: FileId, contents: Vec<u8>) -> Rehearsal {
    let mut card = Rehearsal::full().sealed();
    card.chip.memory.files.insert(file.fid(), contents);
    card
}

/// A chip that is honest up to some command and hostile from then on. What it was asked is counted.
struct Turning<'c> {
    chip: &'c mut Chip,
    honest: usize,
    hostile: Vec<Vec<u8>>,
    commands: usize,
}

impl<'c> Turning<'c> {
    /// The hostile answers come one after the other, again and again.
    fn new(chip: &'c mut Chip, honest: usize, hostile: Vec<Vec<u8>>) -> Self {
        Self {
            chip,
            honest,
            hostile,
            commands: 0,
        }
    }

    fn answer(&mut self, command: &[u8]) -> Option<Vec<u8>> {
        self.commands += 1;
        if self.commands <= self.honest {
            return Some(self.chip.transmit(command));
        }
        Some(self.hostile[self.commands % self.hostile.len()].clone())
    }
}

/// Garbage, each piece with a status that says all is well if so wanted.
fn garbled(mut garbage: Vec<Vec<u8>>, success: bool) -> Vec<Vec<u8>> {
    if success {
        garbage.iter_mut().for_each(|piece| piece.extend([0x90, 0x00]));
    }
    garbage
}

/// What the author of a hostile card would have it say, in place of any one answer or of all that follow.
fn hostile_answers() -> Vec<Vec<u8>> {
    let words = [
        0x9000_u16, 0x6100, 0x6C00, 0x6282, 0x6300, 0x6982, 0x6988, 0x6A82, 0x6D00, 0xFFFF,
    ];
    let mut answers: Vec<Vec<u8>> = words.map(|word| word.to_be_bytes().to_vec()).to_vec();
    answers.extend([Vec::new(), vec![0x90]]);
    // Lengths that lie, forms that nobody uses, objects in objects without end, and as much as an answer can hold.
    for lie in [
        &hex!("7F4E84FFFFFFFF")[..],
        &hex!("308000"),
        &hex!("3083FFFFFF00"),
        &hex!("7C8200FF"),
        &hex!("7C00"),
        &hex!("8700990290008E08"),
        &hex!("870101990290008E080000000000000000"),
        &hex!("990290008E080000000000000000"),
        &hex!("1F8101"),
        &[0x30; 512],
        &[0x7C; 300],
    ] {
        answers.push([lie, &[0x90, 0x00]].concat());
    }
    answers.push([vec![0x60; 65_536], vec![0x90, 0x00]].concat());
    answers.push([vec![0x60; 65_536], vec![0x61, 0x00]].concat());
    answers.push(vec![0x60; 70_000]);
    answers
}

/// Cards opened by every protocol, before a reader that goes on where it can.
fn opened_each_way() -> [(Rehearsal, Request); 3] {
    let both = foreign::Stranger::new()
        .pace(Mapping::Generic, Cipher::Aes128, EllipticCurve::P256)
        .chip_authentication(Some(Cipher::Aes128), EllipticCurve::P256, None, 3, 3);
    let pace = both.card();
    let bac = foreign::Stranger::new().card();
    let ours = Rehearsal::full().sealed();
    [pace, bac, ours].map(|card| {
        let request = Request {
            tolerant: true,
            ..foreign::asking(&card)
        };
        (card, request)
    })
}

/// One answer of an otherwise honest chip, or all from some point on, is hostile: the reader ends soon, and what it
/// then believes to have read is what lies on the chip. EF.CardAccess alone is read without protection.
#[test]
fn a_hostile_answer_at_any_command_ends_and_is_not_believed() {
    for (mut card, request) in opened_each_way() {
        card.chip.power_on();
        let mut honest = Turning::new(&mut card.chip, usize::MAX, Vec::new());
        drive(&mut inspect(request.clone(), &Secret::new([9; 32])), |command| {
            honest.answer(command)
        })
        .unwrap();
        let whole = honest.commands;
        for from in 0..whole {
            for (number, hostile) in hostile_answers().into_iter().enumerate() {
                // Every other pair once, and the rest from there on.
                let once = (from + number) % 2 == 0;
                let what = || {
                    let begun = &hostile[..hostile.len().min(24)];
                    format!("{} at {from}, once: {once}", crate::base::hex::encode(begun))
                };
                card.chip.power_on();
                let mut wire = Turning::new(&mut card.chip, from, vec![hostile.clone()]);
                let mut spoken = inspect(request.clone(), &Secret::new([9; 32]));
                let outcome = drive(&mut spoken, |command| {
                    if once && wire.commands > from {
                        wire.honest = usize::MAX;
                    }
                    wire.answer(command)
                });
                let commands = wire.commands;
                assert!(commands <= 4 * whole + 40, "{} took {commands} commands", what());
                let Ok(seen) = outcome else { continue };
                for (file, contents) in &seen.files {
                    let held = card.files.get(file) == Some(contents);
                    assert!(held || *file == FileId::CardAccess, "{} {file}", what());
                }
                assert!(
                    once || seen.active_authentication != Verdict::Genuine,
                    "{}",
                    what()
                );
            }
        }
    }
}

/// A conversation that breaks in the middle of the files leaves what was read until then to be judged, and says what
/// broke it; a reader that is not tolerant has nothing to say but that.
#[test]
fn what_was_read_before_the_break_is_kept() {
    for (mut card, request) in opened_each_way() {
        card.chip.power_on();
        let mut honest = Turning::new(&mut card.chip, usize::MAX, Vec::new());
        let all = drive(&mut inspect(request.clone(), &Secret::new([9; 32])), |command| {
            honest.answer(command)
        });
        let (files, honest) = (all.unwrap().files.len(), honest.commands);
        for tolerant in [true, false] {
            card.chip.power_on();
            let mut wire = Turning::new(&mut card.chip, honest - 3, vec![hex!("6988").to_vec()]);
            let request = Request {
                tolerant,
                ..request.clone()
            };
            let outcome = drive(&mut inspect(request, &Secret::new([9; 32])), |command| {
                wire.answer(command)
            });
            if tolerant {
                let seen = outcome.unwrap();
                assert!((1..files).contains(&seen.files.len()), "{seen:?}");
                assert!(
                    seen.broken_off.is_some() && seen.commands >= honest - 3,
                    "{seen:?}"
                );
                assert_eq!(seen.active_authentication, Verdict::NotAsked);
            } else {
                assert!(outcome.is_err());
            }
        }
    }
}

/// A chip with the manners of T=0 that never comes to an end, whatever it sends meanwhile.
#[test]
fn an_answer_without_end_is_left_at_once() {
    for (piece, most) in [
        (&[][..], 4),
        (&[0x60; 200], 400),
        (&[0x60; 30_000], 6),
        (&[0x60; 65_534], 4),
    ] {
        for word in [[0x61, 0x00], [0x61, 0xFF]] {
            let mut commands = 0;
            let outcome = drive(&mut survey(), |_| {
                commands += 1;
                Some([piece, &word].concat())
            });
            assert_eq!(code(outcome), &fault::LYING);
            assert!(
                commands <= most,
                "{} bytes a time: {commands} commands",
                piece.len()
            );
        }
    }
    // A length that is corrected again and again is a refusal in the end.
    let mut commands = 0;
    let refused = drive(&mut survey(), |_| {
        commands += 1;
        Some(vec![0x6C, 0x10])
    });
    assert!(!refused.unwrap().application && commands <= 8, "{commands}");
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

/// A chip (or whoever stands between) that hides its PACE would be opened by BAC, whose keys are guessed more easily.
#[test]
fn pace_that_is_hidden_is_missed() {
    let mut card = Rehearsal::full().sealed();
    card.chip.memory.files.remove(&FileId::CardAccess.fid());
    let request = Request {
        allow_bac: true,
        ..card.request()
    };
    assert_eq!(code(card.inspect(request.clone())), &fault::INCONSISTENT);
    let tolerant = Request {
        tolerant: true,
        ..request
    };
    let seen = card.inspect(tolerant).unwrap();
    assert_eq!(seen.access, Access::Bac);
    assert_eq!(seen.unread[&FileId::CardAccess].code, &fault::INCONSISTENT);
}

/// The same by half: the file is there, and says less than DG14 does.
#[test]
fn a_card_access_file_that_hides_a_way_in_is_found() {
    let mut card = with_file(FileId::CardAccess, hex!("3100").to_vec());
    let tolerant = Request {
        allow_bac: true,
        tolerant: true,
        ..card.request()
    };
    let seen = card.inspect(tolerant).unwrap();
    assert_eq!(seen.access, Access::Bac);
    assert_eq!(seen.unread[&FileId::CardAccess].code, &fault::INCONSISTENT);
    // One of two offers is taken away: PACE is spoken, and it is told all the same.
    let both = hex!("31283012060A04007F0007020204020202010202010C3012060A04007F0007020204020402010202010C");
    let mut card = Rehearsal::full();
    card.files
        .insert(FileId::Dg(14), [&hex!("6E2A")[..], &both].concat());
    let mut card = card.sealed();
    let seen = card.inspect(Request {
        tolerant: true,
        ..card.request()
    });
    let seen = seen.unwrap();
    assert_eq!(seen.access, Access::Pace);
    assert_eq!(seen.unread[&FileId::CardAccess].code, &fault::INCONSISTENT);
    assert_eq!(code(card.inspect(card.request())), &fault::INCONSISTENT);
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
        let mut wire = Turning::new(&mut card.chip, from, garbled(garbage, success));
        let outcome = drive(&mut inspect(request, &Secret::new([9; 32])), |command| wire.answer(command));
        let commands = wire.commands;
        prop_assert!(outcome.map_or(true, |seen| seen.broken_off.is_some()) || commands <= from);
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
        card.chip.power_on();
        let mut wire = Turning::new(&mut card.chip, from, garbled(garbage, success));
        let outcome = drive(&mut inspect(request, &Secret::new([9; 32])), |command| wire.answer(command));
        let commands = wire.commands;
        prop_assert!(commands <= limits::CHIP_COMMANDS_MAX);
        prop_assert!(outcome.map_or(true, |seen| seen.broken_off.is_some()) || commands <= from);
    }

    /// Nor does a chip that was only asked what it is and where it comes from.
    #[test]
    fn garbage_told_to_anybody_ends(
        garbage in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..80), 1..4),
    ) {
        let mut commands = 0;
        let mut answer = |_: &[u8]| {
            commands += 1;
            Some(garbage[commands % garbage.len()].clone())
        };
        let _ = drive(&mut survey(), &mut answer);
        let _ = drive(&mut manufacture(), &mut answer);
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
