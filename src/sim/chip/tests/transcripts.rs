//! Golden transcripts: whole conversations, from a blank to a sealed chip and its read-back, in files that a person can
//! read. They are documentation of each dialect, and a change of one byte on the wire changes a file.
//!
//! `CARDWRIGHT_BLESS=1` writes the files anew; what changed is then seen as any other change.

use std::fmt::Write;
use std::path::Path;

use super::*;
use crate::base::hex;
use crate::chip::apdu::response;
use crate::chip::{pretest, profile};

/// Longer data are cut in the middle; their length is in the command.
const SHOWN: usize = 40;

/// A card that fits on a page. All randomness is fixed.
fn small(profile: &str) -> Rehearsal {
    let mut card = Rehearsal::of(profile);
    card.files.remove(&FileId::Dg(3));
    card.files.insert(FileId::Dg(2), filled(FileId::Dg(2), 700));
    card.files.insert(FileId::Sod, filled(FileId::Sod, 300));
    card
}

/// What a command is, in words.
fn name(command: &Command<'_>) -> String {
    let file = |data: &[u8]| match data {
        &[high, low] => format!("SELECT EF {high:02X}{low:02X}"),
        _ => "SELECT by name".to_owned(),
    };
    match (command.ins, command.p1, command.p2) {
        (0xA4, 0x04, _) if command.cla == 0x0C => "SELECT by name".to_owned(),
        (0xA4, ..) if command.cla == 0x0C => "SELECT EF".to_owned(),
        (0xA4, 0x04, _) if command.data.starts_with(&APPLICATION) => "SELECT eMRTD application".to_owned(),
        (0xA4, 0x04, _) => "SELECT card manager".to_owned(),
        (0xA4, ..) => file(command.data),
        (0xCA, p1, p2) => format!("GET DATA {p1:02X}{p2:02X}"),
        (0xE0, ..) => "CREATE FILE".to_owned(),
        (0xD6, p1, p2) => format!("UPDATE BINARY at {}", u16::from_be_bytes([p1, p2])),
        (0xDA, 0xDE, step) => format!("PUT DATA DE{step:02X}, life cycle"),
        (0xDA, _, tag) => format!("PUT DATA {tag:02X}"),
        (0x50, ..) => "INITIALIZE UPDATE".to_owned(),
        (0x82, ..) if command.cla == 0 => "EXTERNAL AUTHENTICATE, BAC".to_owned(),
        (0x82, level, _) => format!("EXTERNAL AUTHENTICATE, level {level:02X}"),
        (0x84, ..) => "GET CHALLENGE".to_owned(),
        (0x88, ..) => "INTERNAL AUTHENTICATE, active authentication".to_owned(),
        (0x22, 0xC1, 0xA4) => "MSE:Set AT, PACE".to_owned(),
        (0x22, 0x41, 0xA4) => "MSE:Set AT, chip authentication".to_owned(),
        (0x86, ..) => "GENERAL AUTHENTICATE".to_owned(),
        (0xB0, sfi, _) if sfi & 0x80 != 0 => format!("READ BINARY, short identifier {:02X}", sfi & 0x1F),
        (0xB0, p1, p2) => format!("READ BINARY at {}", u16::from_be_bytes([p1, p2])),
        (0xE6, ..) => "INSTALL [for personalization]".to_owned(),
        (0xE2, p1, number) if p1 & 0x80 != 0 => format!("STORE DATA block {number}, the last"),
        (0xE2, p1, number) if p1 & 0x60 != 0 => format!("STORE DATA block {number}, secrets"),
        (0xE2, _, number) => format!("STORE DATA block {number}, files"),
        (0xD8, ..) => "PUT KEY".to_owned(),
        (0xF2, ..) => "GET STATUS".to_owned(),
        (0xF0, _, state) => format!("SET STATUS {state:02X}"),
        (ins, ..) => format!("command {ins:02X}"),
    }
}

/// Hexadecimal; the middle of what is long is left to its hash.
fn shown(bytes: &[u8]) -> String {
    if bytes.len() <= SHOWN {
        return hex::encode(bytes);
    }
    let hash = <sha2::Sha256 as sha2::Digest>::digest(bytes);
    format!(
        "{} … {} ({} bytes, SHA-256 {} …)",
        hex::encode(&bytes[..16]),
        hex::encode(&bytes[bytes.len() - 10..]),
        bytes.len(),
        hex::encode(&hash[..4])
    )
}

/// The whole conversation with a blank of this profile.
fn conversation(profile: &str) -> String {
    let mut card = small(profile);
    let mut text = format!(
        "A blank of profile {profile} becomes a sealed card.\n\
         > what is sent, < what is answered; all people and keys are invented.\n"
    );
    let mut note = |title: &str| {
        write!(text, "\n{title}\n").unwrap();
    };
    let record = |chip: &mut Chip, said: &[u8], lines: &mut String| {
        let answer = chip.transmit(said);
        let command = Command::parse(said).unwrap();
        let (data, status) = response(&answer).unwrap();
        let heard = if data.is_empty() {
            String::new()
        } else {
            shown(data) + " "
        };
        write!(
            lines,
            "\n  {}\n  > {}\n  < {heard}{status}\n",
            name(&command),
            shown(said)
        )
        .unwrap();
        answer
    };
    let mut lines = String::new();
    note("Identify the chip");
    {
        let Rehearsal { profile, chip, .. } = &mut card;
        writeln!(lines, "  ATR {}", hex::encode(&chip.power_on())).unwrap();
        drive(&mut identify(profile), |said| {
            Some(record(chip, said, &mut lines))
        })
        .unwrap();
    }
    text.push_str(&std::mem::take(&mut lines));
    if card.keys.is_some() {
        write!(
            text,
            "\nTest the blank: it holds the keys that were made for it\n"
        )
        .unwrap();
        let Rehearsal {
            profile, chip, keys, ..
        } = &mut card;
        let mut testing = pretest(profile, credentials(keys.as_ref()).unwrap()).unwrap();
        drive(&mut testing, |said| Some(record(chip, said, &mut lines))).unwrap();
        text.push_str(&std::mem::take(&mut lines));
    }
    write!(text, "\nWrite files and keys\n").unwrap();
    card.write_over(|chip, said| Some(record(chip, said, &mut lines)))
        .unwrap();
    text.push_str(&std::mem::take(&mut lines));
    write!(text, "\nSeal\n").unwrap();
    card.seal_over(|chip, said| Some(record(chip, said, &mut lines)))
        .unwrap();
    text.push_str(&std::mem::take(&mut lines));
    write!(text, "\nProve that nothing can be written any more\n").unwrap();
    let Rehearsal {
        profile: known, chip, ..
    } = &mut card;
    chip.power_on();
    drive(&mut refuses_writes(known), |said| {
        Some(record(chip, said, &mut lines))
    })
    .unwrap();
    text.push_str(&std::mem::take(&mut lines));
    write!(
        text,
        "\nRead it back as a border does, knowing the zone; class 0C is protected by secure messaging\n"
    )
    .unwrap();
    let request = card.request();
    card.chip.power_on();
    let seen = drive(&mut inspect(request, &Secret::new([9; 32])), |said| {
        Some(record(&mut card.chip, said, &mut lines))
    })
    .unwrap();
    text.push_str(&lines);
    for (file, contents) in &seen.files {
        assert_eq!(card.files.get(file), Some(contents), "{profile}: {file}");
        write!(text, "\n  {file} is as it was written, {} bytes", contents.len()).unwrap();
    }
    for file in &seen.protected {
        write!(text, "\n  {file} is protected").unwrap();
    }
    text.push('\n');
    text
}

#[test]
fn every_profile_speaks_as_written_down() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/transcripts");
    for profile in profile::NAMES {
        let file = folder.join(format!("{profile}.txt"));
        let spoken = conversation(profile);
        if std::env::var_os("CARDWRIGHT_BLESS").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&file, &spoken).unwrap();
        }
        let written = std::fs::read_to_string(&file).unwrap_or_default();
        let difference = spoken
            .lines()
            .zip(written.lines())
            .find(|(now, then)| now != then);
        assert!(
            spoken == written,
            "{}: CARDWRIGHT_BLESS=1 writes it anew\n{difference:?}",
            file.display()
        );
    }
}
