//! A card of the line before readers that are not the line: `cardwright chip`, which knows nothing of the facility, and
//! a small program whose PACE and secure messaging are libeac's.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests, which clippy does not count as tests"
)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use cardwright::document::FileId;
use cardwright::sim::chip::Chip;

/// The zone on the card, as DG1 has it.
pub(super) fn zone(chip: &Chip) -> String {
    let dg1 = chip.file(FileId::Dg(1)).expect("DG1");
    String::from_utf8(dg1[5..].to_vec()).unwrap()
}

/// A chip on a reader that speaks as those of the simulated hall do, until the process ends.
pub(super) fn on_a_reader(folder: &Path, name: &str, mut chip: Chip) -> PathBuf {
    let path = folder.join(name);
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let _ = serve(&mut chip, client.unwrap());
            chip.power_off();
        }
    });
    path
}

fn serve(chip: &mut Chip, mut client: UnixStream) -> std::io::Result<()> {
    loop {
        let mut length = [0; 4];
        client.read_exact(&mut length)?;
        let mut request = vec![0; u32::from_be_bytes(length) as usize];
        client.read_exact(&mut request)?;
        let answer = match request.split_first() {
            Some((1, _)) => chip.power_on(),
            Some((2, command)) => chip.transmit(command),
            _ => {
                chip.power_off();
                Vec::new()
            }
        };
        let length = u32::try_from(answer.len()).unwrap();
        client.write_all(&[&length.to_be_bytes()[..], &answer].concat())?;
    }
}

/// Runs `cardwright chip …` on a reader.
pub(super) fn chip(verb: &str, reader: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cardwright"))
        .args(["chip", verb, "--reader"])
        .arg(reader)
        .args(more)
        .output()
        .unwrap()
}

/// The quality desk's tool on a card of the line: genuine, and not so once a byte is changed.
pub(super) fn the_chip_tool_judges(folder: &Path, chip_of_the_line: &Chip, trust: &Path) {
    let again = |change: &dyn Fn(&mut serde_json::Value)| -> Chip {
        let mut kept = serde_json::to_value(chip_of_the_line).unwrap();
        change(&mut kept);
        serde_json::from_value(kept).unwrap()
    };
    let zone = zone(chip_of_the_line);
    let reader = on_a_reader(folder, "good.sock", again(&|_| ()));
    let trust = trust.to_str().unwrap();
    let told = |output: &Output| String::from_utf8_lossy(&output.stdout).into_owned();

    let info = chip("info", &reader, &[]);
    assert!(
        info.status.success() && told(&info).contains("PACE with generic mapping"),
        "{info:?}"
    );

    let out = folder.join("read");
    let read = chip("read", &reader, &["--mrz", &zone, "--out", out.to_str().unwrap()]);
    assert!(read.status.success(), "{read:?}");
    assert!(std::fs::metadata(out.join("EF.DG2.bin")).unwrap().len() > 1_000);

    let good = chip("verify", &reader, &["--mrz", &zone, "--csca", trust]);
    assert_eq!(good.status.code(), Some(0), "{}", told(&good));
    assert!(told(&good).ends_with("verdict: passed\n"), "{}", told(&good));
    let unknown = chip("verify", &reader, &["--mrz", &zone, "--json"]);
    assert_eq!(unknown.status.code(), Some(3), "{}", told(&unknown));
    let report: serde_json::Value = serde_json::from_slice(&unknown.stdout).unwrap();
    assert_eq!(report["verdict"], "undetermined");

    let wrong = chip(
        "verify",
        &reader,
        &["--mrz", "000000000,990521,390521", "--csca", trust],
    );
    assert_eq!(wrong.status.code(), Some(1), "{}", told(&wrong));
    assert!(told(&wrong).contains("failed        access"), "{}", told(&wrong));
    assert_eq!(chip("verify", &reader, &[]).status.code(), Some(2));
    let nowhere = chip("verify", &folder.join("nowhere"), &["--mrz", &zone]);
    assert_eq!(nowhere.status.code(), Some(4));

    // DG13 is 010D: one bit of it changes.
    let forged = again(&|kept| {
        let file = &mut kept["memory"]["files"][0x010D_u16.to_string()];
        let text = file.as_str().unwrap();
        let at = text.len() / 2;
        let other = if text[at..].starts_with('A') { 'B' } else { 'A' };
        *file = format!("{}{other}{}", &text[..at], &text[at + 1..]).into();
    });
    let forged = on_a_reader(folder, "forged.sock", forged);
    let judged = chip("verify", &forged, &["--mrz", &zone, "--csca", trust]);
    assert_eq!(judged.status.code(), Some(1), "{}", told(&judged));
    assert!(
        told(&judged).contains("failed        data group 13"),
        "{}",
        told(&judged)
    );
}

/// PACE and secure messaging by libeac: every file that it reads is the one on the chip.
pub(super) fn libeac_reads(folder: &Path, chip: &mut Chip) {
    let zone = zone(chip);
    let program = pace_reader(folder);
    let wanted = [
        FileId::Com,
        FileId::Dg(1),
        FileId::Dg(2),
        FileId::Dg(13),
        FileId::Sod,
    ];
    let read = relay(&program, chip, &zone, &wanted).expect("libeac opens the chip");
    for file in wanted {
        assert_eq!(
            read.get(&file.fid()).map(Vec::as_slice),
            chip.file(file),
            "{file}"
        );
    }
    // And it is the password that opens it.
    let wrong = zone.replacen(|digit: char| digit.is_ascii_digit(), "<", 1);
    assert_eq!(relay(&program, chip, &wrong, &wanted), None);
}

/// Builds the program; `make test-deps` has brought the library.
fn pace_reader(folder: &Path) -> PathBuf {
    let program = folder.join("pace_reader");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/strangers/pace_reader.c");
    let output = Command::new("cc")
        .args(["-Wall", "-Wextra", "-Werror", "-o"])
        .arg(&program)
        .arg(source)
        .args(["-leac", "-lcrypto"])
        .output()
        .expect("a C compiler");
    assert!(
        output.status.success(),
        "libeac-dev and libssl-dev are needed (make test-deps): {}",
        String::from_utf8_lossy(&output.stderr)
    );
    program
}

/// Lets the program speak to the chip; the files that it read, or nothing if it gave up.
fn relay(program: &Path, chip: &mut Chip, zone: &str, files: &[FileId]) -> Option<BTreeMap<u16, Vec<u8>>> {
    let mut reader = Command::new(program)
        .args(["mrz", zone])
        .args(files.iter().map(|file| format!("{:04X}", file.fid())))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut to = reader.stdin.take().unwrap();
    let from = BufReader::new(reader.stdout.take().unwrap());
    chip.power_on();
    let mut read = BTreeMap::new();
    for line in from.lines() {
        let line = line.unwrap();
        let hex = |text: &str| data_encoding::HEXUPPER.decode(text.as_bytes()).unwrap();
        match line.split(' ').collect::<Vec<_>>()[..] {
            [">", command] => {
                let answer = chip.transmit(&hex(command));
                writeln!(to, "{}", data_encoding::HEXUPPER.encode(&answer)).unwrap();
            }
            ["=", fid, contents] => {
                read.insert(u16::from_str_radix(fid, 16).unwrap(), hex(contents));
            }
            _ => panic!("{line}"),
        }
    }
    reader.wait().unwrap().success().then_some(read)
}
