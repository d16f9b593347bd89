//! `cardwright chip` from end to end on the card of another state: its zone comes from a hand scanner on a serial line,
//! and its fingerprints are opened by a terminal whose keys and certificates OpenPACE's tools made.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests, which clippy does not count as tests"
)]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use cardwright::base::Clock;
use cardwright::chip::{Can, MrzKey, tlv};
use cardwright::document::security_info::{
    CA_ECDH_AES_128, PACE_ECDH_GM_AES_128, PK_ECDH, SecurityInfo, SecurityInfos,
};
use cardwright::document::sod::{LdsVersion, SodDraft};
use cardwright::document::{CardFiles, FileId};
use cardwright::pki::{
    Certificate, CertificatePlan, Contact, CrlPlan, Curve, Draft, EllipticCurve, EntityName, Role,
};
use cardwright::sim::chip::{AgreementKey, Chip, Issue, Keys};
use cardwright::sim::pty::Pty;
use p256::ecdsa::signature::hazmat::PrehashSigner;
use p256::ecdsa::{Signature, SigningKey};
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

use super::hsm::block_on;
use super::processes::told;
use super::strangers::{chip, on_a_reader};

/// The specimen of Doc 9303-5.
const ZONE: &str =
    "I<UTOD231458907<<<<<<<<<<<<<<<7408122F1204159UTO<<<<<<<<<<<6ERIKSSON<<ANNA<MARIA<<<<<<<<<<";
/// The number of the chip's key for chip authentication.
const CHIP_KEY: u8 = 5;

/// Somebody who signs, with a key made from a small number.
struct Signer(SigningKey);

impl Signer {
    fn new(seed: u8) -> Self {
        Self(SigningKey::from_slice(&[seed; 32]).unwrap())
    }

    fn point(&self) -> [u8; 65] {
        let point = self.0.verifying_key().to_sec1_point(false);
        point.as_bytes().try_into().unwrap()
    }

    fn sign(&self, digest: &[u8; 32]) -> [u8; 64] {
        let signature: Signature = self.0.sign_prehash(digest).unwrap();
        signature.to_bytes().into()
    }

    fn finish(&self, draft: &Draft) -> Vec<u8> {
        draft.finish(&self.sign(&draft.digest)).unwrap()
    }
}

fn certificate(
    role: Role<'_>,
    name: &str,
    key: &Signer,
    issuer: &Signer,
    now: OffsetDateTime,
) -> Certificate {
    let plan = CertificatePlan {
        role,
        subject: EntityName {
            country: "UT".into(),
            organization: "Utopia".into(),
            common_name: name.into(),
        },
        serial: vec![0x42, key.point()[1]],
        point: key.point(),
        curve: Curve::Explicit,
        not_before: now - Duration::days(1),
        not_after: now + Duration::days(4_000),
        usage_from: now - Duration::days(1),
        usage_until: now + Duration::days(90),
        contact: Contact {
            email: "pki@utopia.example".into(),
            state: "UTO".into(),
        },
        crl_urls: vec!["https://utopia.example/csca.crl".into()],
    };
    Certificate::parse(&issuer.finish(&plan.draft().unwrap())).unwrap()
}

/// A card of Utopia with fingerprints, and the folder of trust for it: chip authentication, and a CVCA that it trusts.
fn utopian(trust: &Path, cvca: &[u8], change: fn(&mut CardFiles)) -> Chip {
    let now = Clock::system().now().replace_nanosecond(0).unwrap();
    let (root, signer) = (Signer::new(1), Signer::new(2));
    let csca = certificate(Role::Csca, "CSCA UTOPIA REHEARSAL", &root, &root, now);
    let role = Role::DocumentSigner {
        issuer: &csca,
        document_types: vec!["I".into()],
    };
    let ds = certificate(role, "DS UTOPIA REHEARSAL", &signer, &root, now);
    let crl = CrlPlan {
        issuer: &csca,
        number: 1,
        this_update: now - Duration::hours(1),
        next_update: now + Duration::days(30),
        revoked: Vec::new(),
    };
    std::fs::create_dir(trust).unwrap();
    std::fs::write(trust.join("csca.cer"), &csca.der).unwrap();
    std::fs::write(trust.join("csca.crl"), root.finish(&crl.draft().unwrap())).unwrap();

    let (mut files, key) = files(&ds, &signer, now);
    change(&mut files);
    let issue = Issue {
        files,
        mrz: MrzKey::from_zone(ZONE).unwrap(),
        can: Some(Can::new("314159").unwrap()),
        keys: Keys {
            chip_authentication: Some(key),
            ..Keys::default()
        },
    };
    let profile = cardwright::chip::ChipProfile::built_in("rehearsal").unwrap();
    let mut chip = Chip::issued(&profile, issue);
    chip.trust(cvca).unwrap();
    chip
}

fn files(ds: &Certificate, signer: &Signer, now: OffsetDateTime) -> (CardFiles, AgreementKey) {
    let curve = EllipticCurve::P256;
    let private = vec![CHIP_KEY; curve.bytes()];
    let point = curve.public(&private).unwrap();
    let pace = SecurityInfo::Pace {
        protocol: PACE_ECDH_GM_AES_128,
        parameter_id: Some(curve.parameter_id().into()),
    };
    let dg14 = SecurityInfos::new(vec![
        pace.clone(),
        SecurityInfo::ChipAuthentication {
            protocol: CA_ECDH_AES_128,
            key_id: None,
        },
        SecurityInfo::ChipAuthenticationPublicKey {
            protocol: PK_ECDH,
            key: Curve::Explicit.spki_on(curve, &point).unwrap(),
            key_id: None,
        },
    ]);
    let object = |tag: u16, contents: &[u8]| {
        let mut object = Vec::new();
        tlv::push(&mut object, tag, contents);
        object
    };
    let mut files = CardFiles::from([
        (FileId::Dg(1), object(0x61, &object(0x5F1F, ZONE.as_bytes()))),
        (FileId::Dg(2), object(0x75, &[2; 3_000])),
        (FileId::Dg(3), object(0x63, &[3; 900])),
        (FileId::Dg(14), dg14.dg14()),
    ]);
    let hashes: BTreeMap<u8, [u8; 32]> = files
        .iter()
        .filter_map(|(file, contents)| match file {
            FileId::Dg(number) => Some((*number, Sha256::digest(contents).into())),
            _ => None,
        })
        .collect();
    let draft = SodDraft::new(&hashes, LdsVersion::V1, Some(now)).unwrap();
    let sod = draft.finish(&ds.der, &signer.sign(&draft.digest)).unwrap();
    files.insert(FileId::Sod, sod);
    let listed = [
        object(0x5F01, b"0108"),
        object(0x5F36, b"040000"),
        object(0x5C, &[0x61, 0x75, 0x63, 0x6E]),
    ];
    files.insert(FileId::Com, object(0x60, &listed.concat()));
    files.insert(FileId::CardAccess, SecurityInfos::new(vec![pace]).card_access());
    let key = AgreementKey {
        parameters: curve.parameter_id().into(),
        private,
        id: None,
    };
    (files, key)
}

/// A CVCA, a document verifier and a terminal, as OpenPACE's `cvc-create` leaves them in a folder: certificates and
/// private keys of all three.
pub(super) fn authority(folder: &Path) {
    std::fs::create_dir(folder).unwrap();
    let run = |program: &str, arguments: &str| {
        let output = Command::new(program)
            .args(arguments.split_whitespace())
            .current_dir(folder)
            .output()
            .expect("make test-deps brings openpace");
        assert!(output.status.success(), "{program} {arguments}: {output:?}");
    };
    run(
        "openssl",
        "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:brainpoolP256r1 -outform DER -out cvca.key",
    );
    let issue = "--type=is --read-finger --scheme=ECDSA_SHA_256 --issued=261101 --expires=271101";
    for who in [
        "--role=cvca --sign-with=cvca.key --key=cvca.key --chr=UTCVCA00001",
        "--role=dv_domestic --sign-with=cvca.key --chr=UTDVER00001 --sign-as=UTCVCA00001.cvcert",
        "--role=terminal --sign-with=UTDVER00001.pkcs8 --chr=UTTERM00001 --sign-as=UTDVER00001.cvcert",
    ] {
        run("cvc-create", &format!("{issue} {who}"));
    }
}

/// The verdict of each check, by its name.
pub(super) fn verdicts(output: &Output) -> BTreeMap<String, String> {
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a report");
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let checks = report["checks"].as_array().unwrap();
    checks
        .iter()
        .map(|check| (text(&check["check"]), text(&check["verdict"])))
        .collect()
}

struct Desk {
    _folder: tempfile::TempDir,
    folder: PathBuf,
    reader: PathBuf,
}

impl Desk {
    fn new() -> Self {
        Self::with(|_| {})
    }

    /// A desk with a card on its reader of which something was changed after it was signed.
    fn with(change: fn(&mut CardFiles)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        authority(&path.join("terminal"));
        let cvca = std::fs::read(path.join("terminal/UTCVCA00001.cvcert")).unwrap();
        let reader = on_a_reader(&path, "reader.sock", utopian(&path.join("trust"), &cvca, change));
        Self {
            _folder: folder,
            folder: path,
            reader,
        }
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_owned()
    }

    /// Runs a verb with the zone given.
    fn run(&self, verb: &str, more: &[&str]) -> Output {
        chip(verb, &self.reader, &[&["--mrz", ZONE, "--json"], more].concat())
    }
}

#[test]
fn fingerprints_are_closed_without_a_terminal_and_open_with_one() {
    let desk = Desk::new();
    let (trust, out) = (desk.path("trust"), desk.path("out"));
    let fingerprints = Path::new(&out).join("EF.DG3.bin");

    let closed = desk.run("verify", &["--csca", &trust, "--out", &out]);
    assert_eq!(closed.status.code(), Some(0), "{}", told(&closed));
    let checks = verdicts(&closed);
    assert_eq!(checks["chip authentication"], "passed");
    assert_eq!(checks["data group 2"], "passed");
    assert_eq!(checks["data group 3"], "absent");
    assert!(!checks.contains_key("terminal authentication"), "{checks:?}");
    assert!(!fingerprints.exists(), "read without a right");
    // Whose else's files they are would not be told; and nobody else reads them.
    let again = desk.run("verify", &["--csca", &trust, "--out", &out]);
    assert!(
        again.status.code() == Some(4) && told(&again).contains("is not empty"),
        "{}",
        told(&again)
    );
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let portrait = Path::new(&out).join("EF.DG2.bin");
    assert_eq!((mode(Path::new(&out)), mode(&portrait)), (0o700, 0o600));
    std::fs::remove_dir_all(&out).unwrap();
    let read = desk.run("read", &[]);
    let read: serde_json::Value = serde_json::from_slice(&read.stdout).unwrap();
    assert_eq!(read["protected"], serde_json::json!(["EF.DG3"]));

    let terminal = desk.path("terminal");
    let open = desk.run(
        "verify",
        &["--csca", &trust, "--terminal", &terminal, "--out", &out],
    );
    assert_eq!(open.status.code(), Some(0), "{}", told(&open));
    let checks = verdicts(&open);
    assert_eq!(checks["terminal authentication"], "passed");
    assert_eq!(checks["data group 3"], "passed");
    let bytes = std::fs::read(fingerprints).unwrap();
    assert_eq!((bytes.len(), &bytes[4..]), (904, &[3; 900][..]));
    // What was opened for one session is closed for the next.
    assert_eq!(
        verdicts(&desk.run("verify", &["--csca", &trust]))["data group 3"],
        "absent"
    );
}

/// EF.COM is not signed: leaving a file out of it hides nothing.
#[test]
fn what_ef_com_leaves_out_is_read_and_judged_all_the_same() {
    let desk = Desk::with(|files| {
        files.insert(FileId::Com, vec![0x60, 4, 0x5C, 2, 0x61, 0x75]);
    });
    let output = desk.run("verify", &["--csca", &desk.path("trust")]);
    let checks = verdicts(&output);
    assert_eq!(checks["data group 14"], "passed", "{checks:?}");
    assert_eq!(checks["chip authentication"], "passed", "{checks:?}");
}

#[test]
fn a_terminal_of_another_state_opens_nothing_and_a_folder_that_is_none_is_said() {
    let desk = Desk::new();
    authority(&desk.folder.join("elsewhere"));
    let (trust, elsewhere) = (desk.path("trust"), desk.path("elsewhere"));
    let refused = desk.run("verify", &["--csca", &trust, "--terminal", &elsewhere]);
    assert_eq!(refused.status.code(), Some(3), "{}", told(&refused));
    let checks = verdicts(&refused);
    assert_eq!(checks["terminal authentication"], "undetermined");
    assert_eq!(checks["data group 3"], "absent");
    assert_eq!(
        checks["data group 2"], "passed",
        "the channel outlives the refusal"
    );

    // Without the terminal's own key, without certificates, and nowhere at all: nothing is asked of the chip.
    let (missing, key) = (
        desk.path("nowhere"),
        desk.folder.join("elsewhere/UTTERM00001.pkcs8"),
    );
    std::fs::remove_file(key).unwrap();
    for (folder, why) in [
        (&elsewhere, "the private key is not the terminal's"),
        (&trust, "no private key"),
        (&missing, "nowhere"),
    ] {
        let output = desk.run("verify", &["--terminal", folder]);
        assert_eq!(output.status.code(), Some(4), "{}", told(&output));
        assert!(told(&output).contains(why), "{why}: {}", told(&output));
    }
}

/// A scanner's cable, and what the scanner has said when somebody held a card before it.
fn scanning(desk: &Desk, said: &[u8], verb: &str) -> Output {
    let link = desk.folder.join("scanner");
    block_on(async {
        let cable = Pty::open(&link).unwrap();
        // The terminal keeps it until the port is opened.
        cable.write_all(said).await.unwrap();
        let (path, trust) = (desk.path("scanner"), desk.path("trust"));
        let more = ["--mrz-from", &path, "--csca", &trust];
        let count = if verb == "verify" { 4 } else { 2 };
        chip(verb, &desk.reader, &more[..count])
    })
}

#[test]
fn the_zone_comes_from_a_scanner() {
    let desk = Desk::new();
    // As the desks' scanners say it, with another reading before; and bare, in three lines as printed.
    let marked = format!("QR 012345678901\rMRZ {ZONE}\r");
    let bare = format!("{}\r\n{}\r\n{}\r\n", &ZONE[..30], &ZONE[30..60], &ZONE[60..]);
    let judged = scanning(&desk, marked.as_bytes(), "verify");
    assert_eq!(judged.status.code(), Some(0), "{}", told(&judged));
    assert!(
        told(&judged).contains("passed        face and DG1"),
        "{}",
        told(&judged)
    );
    let read = scanning(&desk, bare.as_bytes(), "read");
    assert_eq!(read.status.code(), Some(0), "{}", told(&read));
    assert!(
        told(&read).contains("ERIKSSON<<ANNA<MARIA<<<<<<<<<<"),
        "{}",
        told(&read)
    );
}

#[test]
fn a_scanner_that_read_something_else_opens_nothing() {
    let desk = Desk::new();
    // Check digits that are wrong, no zone, bytes that are no text, and more than a card has.
    let misread = format!("MRZ {}\r", ZONE.replacen("58907", "58908", 1));
    let long = vec![b'<'; 4_000];
    for said in [
        misread.as_bytes(),
        b"QR 012345678901\r",
        &[0xFF, 0x00, 0xC3, b'\r'],
        &long,
    ] {
        let output = scanning(&desk, said, "verify");
        assert_eq!(output.status.code(), Some(4), "{}", told(&output));
        assert!(
            told(&output).contains("the scanner's reading"),
            "{}",
            told(&output)
        );
        assert!(!told(&output).contains("UTOD2314"), "a reading is personal data");
    }
}

/// What is printed on the front opens a card as well as its zone does, and no other number.
#[test]
fn the_card_access_number_opens_it() {
    let desk = Desk::new();
    let with = |number: &str| {
        let trust = desk.path("trust");
        chip(
            "verify",
            &desk.reader,
            &["--can", number, "--csca", &trust, "--json"],
        )
    };
    let opened = with("314159");
    assert_eq!(opened.status.code(), Some(0), "{}", told(&opened));
    let checks = verdicts(&opened);
    assert_eq!(checks["chip authentication"], "passed");
    assert_eq!(checks["data group 2"], "passed");
    let other = with("314158");
    assert!(!other.status.success(), "{}", told(&other));
    assert!(
        !told(&other).contains("\"data group 2\": \"passed\""),
        "{}",
        told(&other)
    );
    let no_number = with("31415");
    assert!(!no_number.status.success(), "{}", told(&no_number));
}
