//! What the simulated chip refuses: said in raw APDUs, so that no production code stands between.

use super::*;
use crate::chip::apdu::response;
use crate::chip::cipher::{Cipher, Session as Keys};
use crate::chip::sm::SecureChannel;

/// Sends hexadecimal commands; each answer must end with the status given.
fn talk(chip: &mut Chip, lines: &[(&str, u16)]) {
    for (command, status) in lines {
        let answer = chip.transmit(&crate::base::hex::decode(command).unwrap());
        assert_eq!(response(&answer).unwrap().1.word(), *status, "{command}");
    }
}

const SELECT: (&str, u16) = ("00A4040C07A0000002471001", 0x9000);

#[test]
fn before_access_only_card_access_is_read() {
    let mut card = Rehearsal::full().sealed();
    talk(
        &mut card.chip,
        &[
            ("00A4020C02011C", 0x6A82),
            SELECT,
            ("00A4020C02011C", 0x9000),
            ("00B0000000", 0x9000),
            ("00B09C0000", 0x9000),
            ("00A4020C02011E", 0x6982),
            ("00A4020C02010A", 0x6982),
            ("00B09E0000", 0x6982),
            ("00B0810000", 0x6982),
            ("0088000008000000000000000000", 0x6982),
            ("0CB09E0000", 0x6982),
        ],
    );
}

#[test]
fn after_lock_every_write_is_refused() {
    let mut card = Rehearsal::full().sealed();
    talk(
        &mut card.chip,
        &[
            SELECT,
            ("00E0000006630400100110", 0x6985),
            ("00D6000001AA", 0x6985),
            ("00DA006202620000", 0x6985),
            ("00DADEAF00", 0x6985),
            ("00DADEAD00", 0x6985),
        ],
    );
    assert_eq!(card.chip.life_cycle(), LifeCycle::Locked);
}

#[test]
fn a_chip_is_locked_only_when_it_can_be_opened_again() {
    let mut card = Rehearsal::full();
    talk(
        &mut card.chip,
        &[SELECT, ("00DADEAD00", 0x6985), ("00DADEAF00", 0x6985)],
    );
    card.personalize().unwrap();
    talk(
        &mut card.chip,
        &[
            ("00DADEAD00", 0x6985),
            ("00DADEAF00", 0x9000),
            ("00DADEAD00", 0x9000),
        ],
    );
    let mut plain = Rehearsal::short();
    plain.personalize().unwrap();
    talk(&mut plain.chip, &[("00DADEAF00", 0x6A86), ("00DADEAD00", 0x9000)]);
}

#[test]
fn writing_has_its_own_refusals() {
    let mut card = Rehearsal::full();
    talk(
        &mut card.chip,
        &[
            ("00E0000006630400100101", 0x6D00),
            SELECT,
            ("00D6000001AA", 0x6986),
            ("00E0000006630400100101", 0x9000),
            ("00E0000006630400100101", 0x6A89),
            ("00E0000006630400100110", 0x6A80),
            ("00E0000006630400000102", 0x6A80),
            ("00E00000066304FFFF0102", 0x9000),
            ("00E00000066304FFFF010D", 0x6A84),
            ("00A4020C020101", 0x9000),
            ("00D6000001AA", 0x9000),
            ("00D6001001AA", 0x6B00),
            ("00B0000000", 0x6982),
            ("00DA016402810000", 0x6A86),
            ("00DA00630186", 0x6A80),
            ("00DA00680186", 0x6A80),
            ("00DA006509660702313233343561", 0x6A80),
            ("00FF0000", 0x6D00),
            ("A0A40000", 0x6E00),
            ("00A4", 0x6700),
        ],
    );
    let mut short = Rehearsal::short();
    // A chip of short commands takes no extended ones.
    talk(
        &mut short.chip,
        &[("00B00000000200", 0x6700), ("00B0000000", 0x6986)],
    );
}

#[test]
fn steps_of_access_cannot_be_skipped() {
    let mut card = Rehearsal::full().sealed();
    let set_at = "0022C1A40F800A04007F00070202040202830101";
    let mut last = "008600000C7C0A8508".to_owned();
    last.push_str("000000000000000000");
    talk(
        &mut card.chip,
        &[
            ("10860000027C0000", 0x6985),
            ("0022C1A40F800A04007F00070202040202830103", 0x6A88),
            ("0022C1A40F800A04007F00070202040204830101", 0x6A80),
            (set_at, 0x9000),
            ("00860000027C0000", 0x6985),
            (set_at, 0x9000),
            ("10860000027C0000", 0x9000),
            (&last, 0x6985),
            ("0084000008", 0x6985),
            SELECT,
            (
                "008200002800000000000000000000000000000000000000000000000000000000000000000000000000000000000000\
                 000028",
                0x6700,
            ),
            ("0084000008", 0x9000),
        ],
    );
    let proof = format!("0082000028{}28", "00".repeat(40));
    talk(&mut card.chip, &[(&proof, 0x6300), (&proof, 0x6985)]);
}

/// A chip in the middle of a session with keys known to both.
fn in_session() -> (Rehearsal, SecureChannel) {
    let mut card = Rehearsal::full().sealed();
    card.chip.session.place = Place::Application;
    card.chip.session.access = true;
    card.chip.session.channel = Some(Channel::new(Keys::new(Cipher::Aes128, b"shared")));
    (card, SecureChannel::new(Keys::new(Cipher::Aes128, b"shared")))
}

#[test]
fn a_wrong_checksum_ends_the_channel() {
    let (mut card, mut reader) = in_session();
    let read = Command::new(0, 0xB0, 0x81, 0).le(16);
    let answer = card.chip.transmit(&reader.protect(&read));
    assert_eq!(reader.unprotect(answer).unwrap().1, Status::Success);
    let mut wrong = reader.protect(&read);
    let last = wrong.len() - 2;
    wrong[last] ^= 1;
    assert_eq!(card.chip.transmit(&wrong), hex!("6988"));
    // Keys and rights are gone.
    assert_eq!(card.chip.transmit(&reader.protect(&read)), hex!("6982"));
    assert_eq!(card.chip.transmit(&read.encode()), hex!("6982"));
}

#[test]
fn a_missing_checksum_and_a_plain_command_end_the_channel_too() {
    let (mut card, _) = in_session();
    assert_eq!(card.chip.transmit(&hex!("0CB081000397011000")), hex!("6987"));
    let (mut card, mut reader) = in_session();
    assert_eq!(card.chip.transmit(&hex!("00B0810010")), hex!("6982"));
    let read = reader.protect(&Command::new(0, 0xB0, 0x81, 0).le(16));
    assert_eq!(card.chip.transmit(&read), hex!("6982"));
}

#[test]
fn errors_inside_the_channel_stay_protected() {
    let (mut card, mut reader) = in_session();
    for (command, status) in [
        (Command::new(0, 0xB0, 0x83, 0).le(16), Status::SecurityStatus),
        (Command::new(0, 0xB0, 0x8B, 0).le(16), Status::FileNotFound),
        (
            Command::new(0, 0xA4, 2, 0x0C).data(&[0x2F, 0x00]),
            Status::FileNotFound,
        ),
        (Command::new(0, 0xD6, 0, 0).data(&[1]), Status::Conditions),
        (Command::new(0, 0xFF, 0, 0), Status::UnknownInstruction),
        (Command::new(0, 0xB0, 0x81, 0).le(400), Status::Success),
        (Command::new(0, 0xB0, 0x01, 0x00).le(1_000), Status::EndOfFile),
        (Command::new(0, 0xB0, 0x7F, 0xFF).le(1), Status::WrongOffset),
        (Command::new(0, 0xB0, 0x81, 0).le(256), Status::WrongLength),
    ] {
        let answer = card.chip.transmit(&reader.protect(&command));
        assert_eq!(reader.unprotect(answer).unwrap().1, status, "{command:?}");
    }
}

#[test]
fn without_power_there_is_no_answer() {
    let mut card = Rehearsal::full();
    card.chip.power_off();
    assert!(card.chip.transmit(&hex!("0084000008")).is_empty());
    assert_eq!(code(card.personalize()), &fault::GARBLED);
    assert_eq!(card.chip.power_on(), hex!("3B8880014D41555243432D311E"));
    assert!(card.profile.check_atr(&card.chip.power_on()).is_ok());
}
