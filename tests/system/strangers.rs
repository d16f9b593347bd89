//! A card of the line before readers that are not the line: `cardwright chip`, which knows nothing of the facility, a
//! small program whose PACE and secure messaging are libeac's, and OpenSSL.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests, which clippy does not count as tests"
)]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

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

/// A card in a reader of PC/SC, and what is known of it beforehand.
pub(super) struct InReader<'a> {
    /// Where its pcscd listens.
    pub(super) service: &'a Path,
    /// The reader's name.
    pub(super) reader: &'a str,
    /// The chip as physics knows it.
    pub(super) chip: &'a Chip,
    /// The folder with the CSCA and its revocation list.
    pub(super) trust: &'a Path,
}

/// A card of the line in a reader of PC/SC, before three that do not know the facility: `cardwright chip`, libeac by
/// the C interface of libpcsclite, and OpenSSL with what libeac read.
pub(super) fn accept_over_pcsc(folder: &Path, card: &InReader<'_>) {
    the_chip_tool_accepts(folder, card);
    let read = libeac_reads(folder, card);
    openssl_accepts(&folder.join("libeac"), &read, card.trust);
}

fn the_chip_tool_accepts(folder: &Path, card: &InReader<'_>) {
    let zone = zone(card.chip);
    let told = |output: &Output| String::from_utf8_lossy(&output.stdout).into_owned();
    let run = |verb: &str, more: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_cardwright"))
            .env("PCSCLITE_CSOCK_NAME", card.service)
            .args(["chip", verb, "--reader", card.reader])
            .args(more)
            .output()
            .unwrap()
    };
    let info = run("info", &[]);
    assert!(
        info.status.success() && told(&info).contains("PACE with generic mapping"),
        "{info:?}"
    );

    let trust = card.trust.to_str().unwrap();
    let out = folder.join("chip-read");
    let verify = [
        "--mrz",
        &zone,
        "--csca",
        trust,
        "--json",
        "--out",
        out.to_str().unwrap(),
    ];
    let judged = run("verify", &verify);
    assert_eq!(judged.status.code(), Some(0), "{judged:?}");
    let report: serde_json::Value = serde_json::from_slice(&judged.stdout).unwrap();
    assert_eq!(report["verdict"], "passed", "{report}");
    let passed: Vec<&str> = report["checks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|check| check["verdict"] == "passed")
        .filter_map(|check| check["check"].as_str())
        .collect();
    for check in ["access", "face and DG1", "active authentication", "data group 13"] {
        assert!(passed.contains(&check), "{check}: {report}");
    }
    for file in [FileId::Com, FileId::Dg(1), FileId::Dg(2), FileId::Sod] {
        let read = std::fs::read(out.join(format!("{file}.bin"))).unwrap();
        assert_eq!(Some(&read[..]), card.chip.file(file), "{file}");
    }

    let wrong = run("verify", &["--mrz", "000000000,990521,390521", "--csca", trust]);
    assert_eq!(wrong.status.code(), Some(1), "{wrong:?}");
    assert!(told(&wrong).contains("failed        access"), "{wrong:?}");
}

/// PACE and secure messaging by libeac: every file that it reads is the one on the chip.
fn libeac_reads(folder: &Path, card: &InReader<'_>) -> BTreeMap<FileId, Vec<u8>> {
    let zone = zone(card.chip);
    let program = pace_reader(folder);
    let run = |secret: &str| {
        Command::new(&program)
            .env("PCSCLITE_CSOCK_NAME", card.service)
            .args([card.reader, "mrz", secret])
            .args(LIBEAC_READS.map(|file| format!("{:04X}", file.fid())))
            .output()
            .unwrap()
    };
    let output = run(&zone);
    assert!(output.status.success(), "{output:?}");
    let told = String::from_utf8(output.stdout).unwrap();
    let read: BTreeMap<_, _> = LIBEAC_READS
        .into_iter()
        .zip(told.lines())
        .map(|(file, line)| {
            let start = format!("= {:04X} ", file.fid());
            let contents = line.strip_prefix(&start).expect("files in their order");
            (file, data_encoding::HEXUPPER.decode(contents.as_bytes()).unwrap())
        })
        .collect();
    assert_eq!(read.len(), LIBEAC_READS.len(), "{told}");
    for (file, contents) in &read {
        assert_eq!(Some(&contents[..]), card.chip.file(*file), "{file}");
    }
    // And it is the password that opens it.
    let wrong = run(&zone.replacen(|digit: char| digit.is_ascii_digit(), "<", 1));
    let why = String::from_utf8_lossy(&wrong.stderr);
    assert!(!wrong.status.success() && wrong.stdout.is_empty(), "{wrong:?}");
    assert!(why.contains("the chip refuses a step of PACE"), "{why}");
    read
}

/// What libeac is asked to read.
const LIBEAC_READS: [FileId; 7] = [
    FileId::Com,
    FileId::Dg(1),
    FileId::Dg(2),
    FileId::Dg(13),
    FileId::Dg(14),
    FileId::Dg(15),
    FileId::Sod,
];

/// Passive authentication by OpenSSL of files that somebody read: the signature over the hashes, the hashes of the
/// files, and the CSCA's signature over the signer. (OpenSSL takes no explicit curves in a chain, so the last is two
/// steps.)
fn openssl_accepts(folder: &Path, files: &BTreeMap<FileId, Vec<u8>>, trust: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let openssl = |arguments: &str| {
        let output = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(folder)
            .output()
            .unwrap();
        let why = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments}: {why}");
        output.stdout
    };
    // The outer tag is ICAO's: 77, and a length of two bytes.
    let sod = &files[&FileId::Sod];
    assert_eq!(sod[..2], [0x77, 0x82]);
    std::fs::write(folder.join("sod.cms"), &sod[4..]).unwrap();
    openssl("cms -verify -inform DER -in sod.cms -noverify -signer ds.pem -out lds.der");
    openssl("cms -verify -inform DER -in sod.cms -purpose any -partial_chain -CAfile ds.pem -out lds.der");
    let signed = std::fs::read(folder.join("lds.der")).unwrap();
    let groups = files.iter().filter(|(file, _)| matches!(file, FileId::Dg(_)));
    for (file, contents) in groups {
        std::fs::write(folder.join("group"), contents).unwrap();
        let hash = openssl("dgst -sha256 -binary group");
        assert!(signed.windows(hash.len()).any(|window| window == hash), "{file}");
    }
    let signer = std::fs::read(folder.join("ds.pem")).unwrap();
    let (_, signer) = x509_parser::pem::parse_x509_pem(&signer).unwrap();
    let signer = signer.parse_x509().unwrap();
    std::fs::write(folder.join("tbs"), signer.tbs_certificate.as_ref()).unwrap();
    std::fs::write(folder.join("signature"), &signer.signature_value.data).unwrap();
    std::fs::write(folder.join("csca.der"), csca(trust)).unwrap();
    openssl("x509 -inform DER -in csca.der -noout -pubkey -out csca-key.pem");
    openssl("dgst -sha256 -verify csca-key.pem -signature signature tbs");
}

/// The only self-signed certificate in a folder of trust.
fn csca(trust: &Path) -> Vec<u8> {
    let files = std::fs::read_dir(trust).unwrap();
    let found: Vec<Vec<u8>> = files
        .map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
        .filter(|bytes| {
            let parsed = cardwright::pki::Certificate::parse(bytes);
            parsed.is_ok_and(|certificate| certificate.may_sign_certificates())
        })
        .collect();
    let [csca] = &found[..] else {
        panic!("{} CSCAs in {}", found.len(), trust.display());
    };
    csca.clone()
}

/// The folder of a facility in which the CSCA and its revocation list lie.
pub(super) fn beside_the_crl(folder: &Path) -> PathBuf {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "crl") {
                return folder;
            }
        }
    }
    panic!("no revocation list in {}", folder.display());
}

/// Builds the program; `make test-deps` has brought the library.
fn pace_reader(folder: &Path) -> PathBuf {
    let program = folder.join("pace_reader");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/strangers/pace_reader.c");
    let output = Command::new("cc")
        .args(["-Wall", "-Wextra", "-Werror", "-I/usr/include/PCSC", "-o"])
        .arg(&program)
        .arg(source)
        .args(["-leac", "-lcrypto", "-lpcsclite"])
        .output()
        .expect("a C compiler");
    assert!(
        output.status.success(),
        "libeac-dev, libssl-dev and libpcsclite-dev are needed (make test-deps): {}",
        String::from_utf8_lossy(&output.stderr)
    );
    program
}
