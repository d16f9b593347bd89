//! The whole journey with the real program, the real PKCS#11 module, real sockets and pseudo-terminals. The judge is
//! the hall: its books say what physically lies where.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "helpers of tests, which clippy does not count as tests; the moments of death are told"
)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use cardwright::base::{Clock, Entropy};
use cardwright::control::fault::SOCKET;
use cardwright::document::FileId;
use cardwright::job::Phase;
use cardwright::port::{Attempts, Ledger};
use cardwright::sim::hall;
use rustix::process::{Pid, Signal, kill_process};

/// Enough for several offices, lots, remakes and a few mistakes.
const CARDS: &str = "60";
/// Deaths in a row before a run may end.
const DEATHS: usize = 5;
/// A death comes at most this long after the machines have started.
const LIFE_MAX_MS: u16 = 2_500;

fn rehearse(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cardwright"));
    command
        .env_remove("HSM_SIM_DIR")
        .args(["rehearse", "--cards", CARDS, "--facility"])
        .arg(dir);
    command
}

/// Runs to the end, which must be a balanced one.
fn to_the_end(dir: &Path) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = rehearse(dir).output().unwrap();
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&stdout),
        String::from_utf8_lossy(&stderr)
    );
    assert!(status.success(), "{text}");
    assert!(text.contains("\nbalanced"), "{text}");
    text
}

/// Cards in boxes by the hall's books, once it is sure that no two of them are for one person and that every order has
/// its card.
pub(super) fn judge(dir: &Path, told: &str) -> usize {
    super::processes::tell_standstill(dir);
    let dir = dir.join("hall");
    let inventory = hall::inventory(&dir).expect("the hall's books");
    let mut people: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    for boxed in &inventory.boxes {
        let card = hall::card(&dir, &boxed.blank).expect("a boxed card's books");
        let mrz = card.chip.file(FileId::Dg(1)).expect("a boxed chip has DG1");
        *people.entry(mrz.to_vec()).or_default() += 1;
    }
    let twins = people.values().filter(|count| **count > 1).count();
    assert_eq!(twins, 0, "people with two good cards\n{told}");
    let orders = told.lines().find(|line| line.starts_with("Orders:")).expect(told);
    assert!(
        orders.contains(&format!(" {} boxed", inventory.boxes.len())),
        "{} cards lie in boxes\n{told}",
        inventory.boxes.len()
    );
    for unfinished in ["waiting", "inlot"] {
        assert!(!orders.contains(unfinished), "{told}");
    }
    inventory.boxes.len()
}

/// Runs until the machines have worked for this long, then kills the controller; the hall lives on.
fn to_its_death(dir: &Path, life: Duration) {
    let mut controller = working(dir, life);
    controller.kill().unwrap();
    controller.wait().unwrap();
}

/// A controller whose machines have worked for this long.
fn working(dir: &Path, life: Duration) -> Child {
    let mut controller = rehearse(dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let told = BufReader::new(controller.stdout.take().unwrap());
    let making = told.lines().any(|line| line.unwrap().starts_with("Making cards"));
    assert!(making, "it ended before the machines started");
    super::hsm::block_on(Clock::system().sleep(life));
    controller
}

/// A card in a box, before a reader that knows nothing of the facility.
fn a_stranger_reads_a_card(dir: &Path) {
    let hall = dir.join("hall");
    let boxed = &hall::inventory(&hall).unwrap().boxes[0];
    let chip = hall::card(&hall, &boxed.blank).unwrap().chip;
    let folder = tempfile::tempdir().unwrap();
    let trust = super::strangers::beside_the_crl(dir);
    super::strangers::the_chip_tool_judges(folder.path(), &chip, &trust);
}

/// One card of the rehearsal as strangers see it.
fn strangers_accept_a_card(dir: &Path) {
    let card = dir.join("card");
    let export = |order: &str| {
        Command::new(env!("CARGO_BIN_EXE_cardwright"))
            .env_remove("HSM_SIM_DIR")
            .args(["export", order, "--facility"])
            .arg(dir)
            .arg("--dir")
            .arg(&card)
            .output()
            .unwrap()
    };
    assert!(!export("O9999999").status.success(), "no such order");
    // A few of the first were returned or wait for a person.
    let mut told = String::new();
    let exported = (1..10).any(|number| {
        let output = export(&format!("O{number:07}"));
        told.push_str(&String::from_utf8_lossy(&output.stderr));
        output.status.success()
    });
    assert!(exported, "{told}");
    for file in [
        "EF.COM.bin",
        "EF.DG1.bin",
        "EF.DG13.bin",
        "EF.SOD.bin",
        "front.png",
        "back.png",
        "csca.pem",
    ] {
        assert!(std::fs::metadata(card.join(file)).unwrap().len() > 20, "{file}");
    }
    let openssl = |arguments: &str| {
        let output = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(&card)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{arguments}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    openssl("cms -verify -inform DER -in EF.SOD.cms -purpose any -partial_chain -CAfile ds.pem -out lds.der");
    openssl("x509 -in csca.pem -noout -pubkey -out csca-key.pem");
    let signer = std::fs::read(card.join("ds.pem")).unwrap();
    let (_, signer) = x509_parser::pem::parse_x509_pem(&signer).unwrap();
    let signer = signer.parse_x509().unwrap();
    std::fs::write(card.join("tbs"), signer.tbs_certificate.as_ref()).unwrap();
    std::fs::write(card.join("signature"), &signer.signature_value.data).unwrap();
    openssl("dgst -sha256 -verify csca-key.pem -signature signature tbs");
}

/// A box's manifest is proven to belong to the ledger by whoever has the facility's public key and nothing else of it.
fn a_manifest_is_proven_offline(dir: &Path) {
    let away = tempfile::tempdir().unwrap();
    let papers = dir.join("papers");
    let mut manifests: Vec<_> = std::fs::read_dir(papers.join("boxes"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "json"))
        .collect();
    manifests.sort();
    let label = manifests[0].file_stem().unwrap().to_str().unwrap();
    let proof = away.path().join("proof.json");
    let run = |arguments: &[&std::ffi::OsStr]| {
        let output = Command::new(env!("CARGO_BIN_EXE_cardwright"))
            .env_remove("HSM_SIM_DIR")
            .args(arguments)
            .output()
            .unwrap();
        let told = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(told).unwrap())
    };
    let (proven, told) = run(&[
        "audit".as_ref(),
        "prove".as_ref(),
        label.as_ref(),
        "--into".as_ref(),
        proof.as_ref(),
        "--facility".as_ref(),
        dir.as_ref(),
    ]);
    assert!(proven, "{told}");
    let key = papers.join("checkpoints/public-key.hex");
    let check = |manifest: &Path| {
        run(&[
            "audit".as_ref(),
            "check".as_ref(),
            proof.as_ref(),
            "--manifest".as_ref(),
            manifest.as_ref(),
            "--key".as_ref(),
            key.as_ref(),
        ])
    };
    let (good, told) = check(&manifests[0]);
    assert!(good && told.contains(label), "{told}");
    let (good, told) = check(&manifests[1]);
    assert!(!good && told.contains("AUDIT-018"), "{told}");
}

#[test]
fn approved_dossiers_become_proven_cards_in_boxes() {
    let dir = tempfile::tempdir().unwrap();
    let first = judge(dir.path(), &to_the_end(dir.path()));
    assert!(first >= 50, "only {first} cards in boxes");
    strangers_accept_a_card(dir.path());
    a_stranger_reads_a_card(dir.path());
    a_manifest_is_proven_offline(dir.path());
    // Run again, it continues: nothing is made twice.
    assert_eq!(judge(dir.path(), &to_the_end(dir.path())), first);
}

/// Reconciling reads five sets of books one after the other while the line writes in them.
#[test]
fn the_books_agree_while_cards_are_made() {
    let dir = tempfile::tempdir().unwrap();
    let mut controller = rehearse(dir.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(controller.stdout.take().unwrap()).lines();
    let making = told.any(|line| line.unwrap().starts_with("Making cards"));
    assert!(making, "it ended before the machines started");
    // A second one finds the facility taken, and leaves the first its hall.
    let second = rehearse(dir.path()).output().unwrap();
    assert!(!second.status.success());
    assert!(
        super::processes::told(&second).contains("STO-002"),
        "{}",
        super::processes::told(&second)
    );
    let (mut asked, mut busy) = (0, 0);
    while controller.try_wait().unwrap().is_none() {
        let output = Command::new(env!("CARGO_BIN_EXE_cardwright"))
            .env_remove("HSM_SIM_DIR")
            .args(["reconcile", "--json", "--facility"])
            .arg(dir.path())
            .output()
            .unwrap();
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).expect("an answer");
        if answer["refusal"]["code"] == SOCKET.id {
            // It has made its last card while it was asked.
            break;
        }
        assert!(output.status.success(), "{answer:#}");
        assert_eq!(answer["balanced"], true, "{answer:#}");
        asked += 1;
        let signatures = &answer["signatures"];
        busy += u32::from(signatures["under_way"] != 0 || signatures["unused"] != 0);
    }
    println!("asked {asked} times, {busy} of them with cards on their way");
    assert!(busy > 0, "it was never asked while cards were made");
    assert!(controller.wait().unwrap().success());
    let told: Vec<String> = told.map(Result::unwrap).collect();
    judge(dir.path(), &told.join("\n"));
}

#[test]
fn killed_at_random_moments_it_ends_balanced() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..DEATHS {
        let dice = u16::from_be_bytes(Entropy::system().bytes().unwrap());
        let life = Duration::from_millis(u64::from(dice % LIFE_MAX_MS));
        println!("killed after {life:?}");
        to_its_death(dir.path(), life);
    }
    judge(dir.path(), &to_the_end(dir.path()));
}

/// A card that is in a machine when the controller is asked to end is finished first: none is left in the middle.
#[test]
fn asked_to_end_it_finishes_the_cards_in_the_machines() {
    let dir = tempfile::tempdir().unwrap();
    for signal in [Signal::TERM, Signal::INT, Signal::TERM] {
        let dice = u16::from_be_bytes(Entropy::system().bytes().unwrap());
        let life = Duration::from_millis(u64::from(dice % LIFE_MAX_MS));
        println!("asked to end after {life:?}");
        let mut controller = working(dir.path(), life);
        kill_process(Pid::from_child(&controller), signal).unwrap();
        let status = controller.wait().unwrap();
        assert!(status.code().is_some(), "{status}");
        let open = super::hsm::block_on(async {
            let ledger = super::processes::ledger(dir.path()).await;
            let open = ledger.attempts(Attempts::Open).await.unwrap();
            ledger.close().await;
            open
        });
        for attempt in open {
            let in_the_middle = attempt.is_in_machine() || matches!(attempt.phase, Phase::Doing(_));
            assert!(!in_the_middle, "{attempt:?}");
        }
    }
    judge(dir.path(), &to_the_end(dir.path()));
}

/// The other dialect: a secure channel with keys from the HSM, STORE DATA, and the issuer's keys at the end; for chips
/// of every supplier, and of the older protocol.
#[test]
fn cards_behind_a_card_manager_are_made_as_well() {
    for (chip, cards, least) in [
        ("rehearsal-gp", "12", 8),
        ("rehearsal-emv", "6", 3),
        ("rehearsal-scp02", "6", 3),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_cardwright"))
            .env_remove("HSM_SIM_DIR")
            .args(["rehearse", "--cards", cards, "--chip", chip, "--facility"])
            .arg(dir.path())
            .output()
            .unwrap();
        let told =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && told.contains("\nbalanced"), "{told}");
        let made = judge(dir.path(), &told);
        assert!(made >= least, "{told}");
        let hall = dir.path().join("hall");
        for boxed in hall::inventory(&hall).unwrap().boxes {
            let chip = hall::card(&hall, &boxed.blank).unwrap().chip;
            assert_eq!((chip.key_version(), chip.failed_authentications()), (Some(49), 0));
        }
    }
}

/// A facility that cannot be made leaves nothing behind that would be in the way of the next try.
#[test]
fn half_a_facility_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let site = dir.path().join("site");
    let init = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cardwright"));
        command
            .env_remove("HSM_SIM_DIR")
            .args(["init", "--name", "F1", "--mode", "rehearsal", "--facility"]);
        let output = command.arg(&site).args(more).output().unwrap();
        (output.status.success(), super::processes::told(&output))
    };
    for _ in 0..2 {
        let (made, told) = init(&["--module", "/nowhere/libpkcs11.so"]);
        assert!(!made && !told.contains("FAC-001"), "{told}");
    }
    let (made, told) = init(&[]);
    assert!(made, "{told}");
    let (again, told) = init(&[]);
    assert!(!again && told.contains("FAC-001"), "{told}");
}
