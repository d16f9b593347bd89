//! A facility is made with hsm-sim and opened again; OpenSSL reads what the ceremony certified.

use std::path::Path;
use std::process::Command;

use cardwright::base::{Clock, Fault};
use cardwright::cli::facility::Facility;
use cardwright::cli::init::init;
use cardwright::cli::key;
use cardwright::job::fact::Mode;
use cardwright::port::Ledger;

use crate::hsm::{block_on, in_own_process, module, simulator};

#[test]
fn a_facility_is_made_and_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    in_own_process(
        "facility::life",
        &simulator(),
        &[
            (hsm_sim::FOLDER_VARIABLE, &token),
            ("CARDWRIGHT_TEST_FACILITY", folder.path()),
        ],
    );
}

#[test]
#[ignore = "run by a_facility_is_made_and_opened_again in a process of its own"]
fn life() {
    let folder = std::env::var_os("CARDWRIGHT_TEST_FACILITY").unwrap();
    block_on(live(Path::new(&folder))).unwrap();
}

async fn live(folder: &Path) -> Result<(), Fault> {
    let clock = Clock::system();
    let module = module().display().to_string();
    let make = || init(folder, "Diễn tập", Mode::Rehearsal, 2, 1, clock, &module);
    let config = make().await?;
    assert_eq!((config.stations.len(), config.desks.len()), (2, 1));
    assert_eq!(make().await.unwrap_err().code.id, "FAC-001");

    let facility = Facility::open(folder, clock).await?;
    assert_eq!(facility.config, config);
    assert_eq!(facility.signers.len(), 2);
    assert_eq!(
        facility.signers.iter().filter(|signer| signer.unlimited).count(),
        1
    );
    assert!(facility.profiles.contains_key("cc-2024"));
    assert_eq!(facility.ledger.size().await?, 1 + 8 + 2);
    let second = Facility::open(folder, clock).await.unwrap_err();
    assert_eq!(second.code.id, "STO-002");
    let lines = key::list(facility.hsm.as_ref(), &facility.signers, clock.now()).await?;
    assert_eq!(lines.len(), 8);
    assert_eq!(lines.iter().filter(|line| line.days_left.is_some()).count(), 2);
    facility.close().await?;

    let pki = folder.join("pki");
    for arguments in [
        "x509 -in csca.pem -noout -subject",
        "x509 -in ds-1.pem -noout -text",
        "crl -in csca.crl.pem -noout -CAfile csca.pem",
    ] {
        let output = Command::new("openssl")
            .args(arguments.split(' '))
            .current_dir(&pki)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "openssl {arguments}: {said}");
        assert!(said.contains("REHEARSAL") || said.contains("verify OK"), "{said}");
    }

    // The same ledger does not serve another name.
    let file = folder.join("cardwright.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("Diễn tập", "Khác")).unwrap();
    assert_eq!(
        Facility::open(folder, clock).await.unwrap_err().code.id,
        "FAC-002"
    );
    Ok(())
}
