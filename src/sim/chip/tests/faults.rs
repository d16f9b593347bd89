//! Everything that can go wrong between an encoder and a chip has a name, and none of it is passed over: each trouble
//! at each command of writing and sealing, in both dialects. What becomes of the card is [`crate::job`]'s decision.

use super::*;
use crate::job::Step;
use crate::job::decide::{self, Card as Fate, Position};

/// What goes wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Trouble {
    /// No answer, and nothing happened.
    Silence,
    /// It happened, and nobody heard the answer.
    LostAnswer,
    /// The field vanishes after so many units were written.
    Tear(usize),
    /// The chip does nothing and says this.
    Says(u16),
    /// An answer without a status.
    NoStatus,
    /// Another chip stands in the field from now on.
    Neighbour,
}

const TROUBLES: [Trouble; 13] = [
    Trouble::Silence,
    Trouble::LostAnswer,
    Trouble::Tear(0),
    Trouble::Tear(1),
    Trouble::Tear(100),
    Trouble::Says(0x6581),
    Trouble::Says(0x6982),
    Trouble::Says(0x6985),
    Trouble::Says(0x6A84),
    Trouble::Says(0x6F00),
    Trouble::Says(0x6C00),
    Trouble::NoStatus,
    Trouble::Neighbour,
];

/// A wire on which one command meets trouble.
fn wire(trouble: Trouble, at: usize) -> impl FnMut(&mut Chip, &[u8]) -> Option<Vec<u8>> {
    let mut count = 0;
    let mut neighbour: Option<Chip> = None;
    move |chip, command| {
        count += 1;
        if let Some(neighbour) = &mut neighbour {
            return Some(neighbour.transmit(command));
        }
        if count != at {
            return Some(chip.transmit(command));
        }
        match trouble {
            Trouble::Silence => None,
            Trouble::LostAnswer => {
                chip.transmit(command);
                None
            }
            Trouble::Tear(units) => {
                chip.tear_after(command, units);
                None
            }
            Trouble::Says(word) => Some(word.to_be_bytes().to_vec()),
            Trouble::NoStatus => Some(vec![0x90]),
            Trouble::Neighbour => {
                let mut other = chip.neighbour();
                other.power_on();
                chip.power_off();
                let answer = other.transmit(command);
                neighbour = Some(other);
                Some(answer)
            }
        }
    }
}

/// Which faults a trouble may end in: the same word means another thing of another command.
fn names(trouble: Trouble) -> Vec<&'static Code> {
    match trouble {
        Trouble::Silence | Trouble::LostAnswer | Trouble::Tear(_) => vec![&fault::SILENT],
        Trouble::NoStatus => vec![&fault::GARBLED],
        Trouble::Says(0x6581) => vec![
            &fault::MEMORY,
            &fault::NO_APPLICATION,
            &fault::FOREIGN,
            &fault::NOT_ADMITTED,
            &fault::REFUSED,
        ],
        // A command in a channel that the chip has lost is answered by the chip's not knowing the channel.
        Trouble::Neighbour => vec![
            &fault::REFUSED,
            &fault::TWO_NAMES,
            &fault::NOT_ADMITTED,
            &fault::NOT_OUR_KEYS,
            &fault::NO_APPLICATION,
            &fault::GARBLED,
            &fault::CHANNEL,
        ],
        Trouble::Says(_) => vec![
            &fault::REFUSED,
            &fault::NO_APPLICATION,
            &fault::FOREIGN,
            &fault::LOCKED,
            &fault::NOT_ADMITTED,
            &fault::ALREADY_SEALED,
            &fault::CHANNEL,
        ],
    }
}

fn cards() -> [fn() -> Rehearsal; 3] {
    [Rehearsal::full, Rehearsal::managed, Rehearsal::short]
}

#[test]
fn no_trouble_while_writing_is_passed_over_and_the_same_card_can_be_written_again() {
    for card in cards() {
        let whole = card().personalize().unwrap().commands;
        // Every command of the longest dialect would be hundreds of cards: each kind of command comes early, some late.
        let places = (1..=whole).filter(|at| *at <= 12 || at % 9 == 0 || *at + 4 > whole);
        for at in places {
            for trouble in TROUBLES {
                let mut card = card();
                let outcome = card.write_over(wire(trouble, at));
                let what = format!("{} {trouble:?} at {at}", card.profile.id);
                // A neighbour of a chip that has no channel takes what follows as its own: the dialect has no means to
                // see it, and the files that the bound chip lacks are missed when it is read back.
                let unseen = trouble == Trouble::Neighbour && card.profile.managed().is_none();
                // A chip may say of a wrong length that a right one exists; the question is then asked rightly.
                let answered = trouble == Trouble::Says(0x6C00) && outcome.is_ok();
                if let Err(fault) = &outcome {
                    assert!(names(trouble).contains(&fault.code), "{what}: {fault}");
                } else {
                    assert!(unseen || answered, "{what} was passed over");
                }
                assert!(card.chip.failed_authentications() <= 1, "{what}");
                card.chip.power_on();
                assert!(card.identify().unwrap().require_open().is_ok(), "{what}");
                card.personalize().unwrap();
                for (file, contents) in &card.files {
                    assert_eq!(card.chip.file(*file), Some(&contents[..]), "{what}");
                }
            }
        }
    }
}

#[test]
fn after_any_trouble_while_sealing_the_chip_says_whether_it_is_sealed() {
    for card in cards() {
        for at in 1..=8 {
            for trouble in TROUBLES {
                let mut card = card();
                card.personalize().unwrap();
                card.chip.power_on();
                let outcome = card.seal_over(wire(trouble, at));
                card.chip.power_on();
                let asked = drive(&mut probe_sealed(), |command| Some(card.chip.transmit(command)));
                let what = format!("{} {trouble:?} at {at}: {outcome:?}", card.profile.id);
                match asked.unwrap() {
                    Sealed::Sealed => {}
                    Sealed::Open => {
                        assert!(outcome.is_err(), "{what}");
                        card.seal().unwrap();
                    }
                }
                assert_eq!(card.chip.life_cycle(), LifeCycle::Locked, "{what}");
            }
        }
    }
}

/// Status words of every class (ISO/IEC 7816-4, tables 5 and 6), success aside.
const WORDS: [u16; 32] = [
    0x6100, 0x6110, 0x6200, 0x6281, 0x6282, 0x6283, 0x6300, 0x63C1, 0x6400, 0x6500, 0x6581, 0x6700, 0x6881,
    0x6900, 0x6982, 0x6983, 0x6985, 0x6986, 0x6987, 0x6988, 0x6A80, 0x6A81, 0x6A82, 0x6A84, 0x6A86, 0x6A88,
    0x6A89, 0x6B00, 0x6CFF, 0x6E00, 0x9001, 0x9100,
];

/// A chip that does nothing and says a word: whoever believes to have written it has written all of it.
#[test]
fn no_word_but_success_is_taken_for_success() {
    for card in [Rehearsal::managed, Rehearsal::short] {
        let whole = card().personalize().unwrap().commands;
        for at in (1..=whole).filter(|at| *at <= 12 || *at + 4 > whole) {
            for word in WORDS {
                let mut card = card();
                let outcome = card.write_over(wire(Trouble::Says(word), at));
                let what = format!("{} {word:04X} at {at}", card.profile.id);
                if let Err(fault) = outcome {
                    assert_eq!(fault.blame(), fault.code.blame, "{what}");
                    continue;
                }
                for (file, contents) in &card.files {
                    assert_eq!(card.chip.file(*file), Some(&contents[..]), "{what}: {file}");
                }
                card.chip.power_on();
                card.seal().expect(&what);
                assert!(
                    card.inspect(card.request()).is_ok(),
                    "{what}: its keys are not there"
                );
            }
        }
        for at in 1..=11 {
            for word in WORDS {
                let mut card = card();
                card.personalize().unwrap();
                card.chip.power_on();
                let outcome = card.seal_over(wire(Trouble::Says(word), at));
                let locked = card.chip.life_cycle() == LifeCycle::Locked;
                assert!(
                    outcome.is_err() || locked,
                    "{} {word:04X} at {at}",
                    card.profile.id
                );
            }
        }
    }
}

/// Power is lost in the middle of every page of a whole card: the page shows it, the chip is not locked, and the same
/// chip is written again.
#[test]
fn a_tear_in_any_page_is_seen_and_the_card_is_written_again() {
    const PAGE: usize = 64;
    let mut card = Rehearsal::full();
    let bytes = card.personalize().unwrap().bytes;
    let blank = || Rehearsal::full().chip;
    for page in 0..bytes / PAGE {
        card.chip = blank();
        let (mut written, mut torn) = (0, false);
        let outcome = card.write_over(|chip, command| {
            let update = Command::parse(command).unwrap();
            let length = if update.ins == 0xD6 { update.data.len() } else { 0 };
            // Half a page into this one.
            let place = page * PAGE + PAGE / 2;
            written += length;
            if written <= place {
                return Some(chip.transmit(command));
            }
            torn = true;
            chip.tear_after(command, place - (written - length));
            None
        });
        assert!(torn && code(outcome) == &fault::SILENT, "page {page}");
        let whole = |card: &Rehearsal| {
            let mut files = card.files.iter();
            files.all(|(file, contents)| card.chip.file(*file) == Some(&contents[..]))
        };
        assert!(!whole(&card), "page {page}: nothing is missing");
        assert_eq!(card.chip.life_cycle(), LifeCycle::Prepersonalized, "page {page}");
        card.chip.power_on();
        card.identify().unwrap().require_open().unwrap();
        card.personalize().unwrap();
        assert!(whole(&card), "page {page}");
    }
}

/// Sealing is torn at each of its commands, before and after each object that the command writes. By its rule the chip
/// is asked, and goes on from where it is; until it says that it is sealed, nothing takes it for a card.
#[test]
fn a_seal_that_is_torn_at_any_command_goes_on_and_is_never_believed_before_its_end() {
    for profile in crate::chip::profile::NAMES {
        let written = || {
            let mut card = Rehearsal::of(profile);
            card.personalize().unwrap();
            card.chip.power_on();
            card
        };
        let mut commands = 0;
        let mut whole = written();
        whole
            .seal_over(|chip, command| {
                commands += 1;
                Some(chip.transmit(command))
            })
            .unwrap();
        let mut torn_open = 0;
        for at in 1..=commands {
            // Most commands write nothing or one object; PUT KEY writes a whole key set as one.
            for units in 0..=2 {
                let what = format!("{profile} torn at {at} of {commands} after {units}");
                let mut card = written();
                let outcome = card.seal_over(wire(Trouble::Tear(units), at));
                let fault = outcome.expect_err(&what);
                assert_eq!(fault.code, &fault::SILENT, "{what}");
                assert_eq!(decide::after(Step::Seal, &fault, 1).card, Fate::Ask, "{what}");
                card.chip.power_on();
                let state = drive(&mut probe_sealed(), |command| Some(card.chip.transmit(command))).unwrap();
                let locked = card.chip.life_cycle() == LifeCycle::Locked;
                assert_eq!(state == Sealed::Sealed, locked, "{what}: it says what it is");
                if state == Sealed::Open {
                    torn_open += 1;
                    // Were it taken for a card all the same, the test after seal would find it.
                    let Rehearsal { profile, chip, .. } = &mut card;
                    chip.power_on();
                    let proof = drive(&mut refuses_writes(profile), |command| {
                        Some(chip.transmit(command))
                    });
                    assert_eq!(code(proof), &fault::NOT_SEALED, "{what}");
                    card.chip.power_on();
                    card.seal().expect(&what);
                }
                let Rehearsal { profile, chip, .. } = &mut card;
                chip.power_on();
                let proof = drive(&mut refuses_writes(profile), |command| {
                    Some(chip.transmit(command))
                });
                assert_eq!(proof, Ok(()), "{what}");
                let seen = card.inspect(card.request()).expect(&what);
                let readable = seen
                    .files
                    .iter()
                    .all(|(file, read)| card.files.get(file) == Some(read));
                assert!(
                    readable && seen.files.len() + seen.protected.len() == card.files.len(),
                    "{what}"
                );
                assert!(card.chip.failed_authentications() == 0, "{what}");
            }
        }
        assert!(torn_open >= commands, "{profile}: {torn_open} tears left it open");
    }
}

/// The rules of a fault while a card is written, sealed or read (what each step does in doubt).
#[test]
fn each_named_fault_has_its_rule() {
    let rule = |step, code, tries| decide::after(step, &Fault::new(code, ""), tries).card;
    for code in [&fault::SILENT, &fault::GARBLED, &fault::CHANNEL] {
        assert_eq!(rule(Step::Encode, code, 1), Fate::Again, "{}", code.id);
        assert_eq!(rule(Step::Encode, code, 2), Fate::Spoil, "{}", code.id);
        assert_eq!(rule(Step::Seal, code, 1), Fate::Ask, "{}", code.id);
        assert_eq!(rule(Step::Seal, code, 2), Fate::Spoil, "{}", code.id);
    }
    for code in [
        &fault::MEMORY,
        &fault::REFUSED,
        &fault::NOT_ADMITTED,
        &fault::NO_MORE_TRIES,
    ] {
        assert_eq!(rule(Step::Encode, code, 1), Fate::Spoil, "{}", code.id);
        assert_eq!(rule(Step::Seal, code, 1), Fate::Spoil, "{}", code.id);
    }
    // Before it is bound a chip that is refused costs a blank, never an attempt.
    for code in [
        &fault::FOREIGN,
        &fault::NO_APPLICATION,
        &fault::ALREADY_STARTED,
        &fault::ALREADY_SEALED,
        &fault::ALREADY_OURS,
        &fault::NOT_OUR_KEYS,
        &fault::KEYS,
        &fault::BATCH,
        &fault::LOCKED,
        &fault::TWO_NAMES,
        &fault::SILENT,
    ] {
        let verdict = decide::after(Step::Bind, &Fault::new(code, ""), 1);
        assert_eq!(
            (verdict.card, verdict.position),
            (Fate::NextBlank, Position::GoOn),
            "{}",
            code.id
        );
    }
}

/// Readers and chips with the manners of T=0 are understood.
#[test]
fn an_answer_in_pieces_is_fetched_and_a_wrong_length_is_corrected() {
    let mut card = Rehearsal::full();
    let mut rest: Vec<u8> = Vec::new();
    let mut refused = false;
    let Rehearsal { profile, chip, .. } = &mut card;
    let identity = drive(&mut identify(profile), |command| {
        if command[1] == 0xC0 {
            let now = rest.len().min(usize::from(command[4]));
            let mut answer: Vec<u8> = rest.drain(..now).collect();
            answer.extend(if rest.is_empty() {
                [0x90, 0x00]
            } else {
                [0x61, u8::try_from(rest.len()).unwrap()]
            });
            return Some(answer);
        }
        if command[1] == 0xCA && !refused {
            refused = true;
            return Some(vec![0x6C, 0x2D]);
        }
        let mut answer = chip.transmit(command);
        if command[1] == 0xCA {
            assert_eq!(command[4], 0x2D);
            answer.truncate(answer.len() - 2);
            rest = answer;
            return Some(vec![0x61, 0x10]);
        }
        Some(answer)
    });
    assert_eq!(identity.unwrap().chip.as_str(), "4D410168050601020304");
    // A chip that always has more is left.
    let endless = drive(&mut identify(profile), |_| Some(vec![0x00, 0x61, 0x01]));
    assert_eq!(code(endless), &fault::LYING);
}

#[test]
fn a_page_that_was_being_written_is_bare() {
    let mut card = Rehearsal::full();
    card.personalize().unwrap();
    let before = card.chip.file(FileId::Dg(2)).unwrap().to_vec();
    card.chip.transmit(&hex!("00A4040C07A0000002471001"));
    card.chip.transmit(&hex!("00A4020C020102"));
    let mut update = hex!("00D6000A00012C").to_vec();
    update.extend(vec![0x11; 300]);
    card.chip.tear_after(&update, 100);
    let after = card.chip.file(FileId::Dg(2)).unwrap();
    assert_eq!(after[..10], before[..10]);
    assert!(after[10..110].iter().all(|byte| *byte == 0x11));
    assert!(after[110..128].iter().all(|byte| *byte == 0xFF));
    assert_eq!(after[128..], before[128..]);
}
