//! Bad days of an HSM, shown by hsm-sim on demand.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cardwright::port::{KeyPurpose, Signer};

use super::{PIN, block_on, fresh_token, in_own_process, on_simulator, open_with, simulator};

fn folder() -> PathBuf {
    PathBuf::from(std::env::var_os(hsm_sim::FOLDER_VARIABLE).unwrap())
}

fn ask_for(faults: &str) {
    std::fs::write(folder().join("faults.json"), faults).unwrap();
}

fn faults_are_over() -> bool {
    !folder().join("faults.json").exists()
}

#[test]
fn a_fault_is_climbed_out_of() {
    on_simulator("hsm::recovery::a_fault_is_climbed_out_of", ladder);
}

fn ladder() {
    fresh_token();
    let hsm = Arc::new(open_with(3, PIN).unwrap());
    block_on(async {
        hsm.generate("ds-01", KeyPurpose::DocumentSigner).await.unwrap();
        for faults in [
            r#"["sessions_lost"]"#,
            r#"["logged_out"]"#,
            r#"["device_removed"]"#,
            r#"["sessions_lost", "device_removed"]"#,
        ] {
            // Every thread holds a session of the time before the fault, and all are used afterwards.
            ask_for(faults);
            let tasks: Vec<_> = (0..60_u8)
                .map(|n| {
                    let hsm = Arc::clone(&hsm);
                    tokio::spawn(async move { hsm.sign("ds-01", [n; 32]).await })
                })
                .collect();
            for task in tasks {
                task.await.unwrap().unwrap();
            }
            assert!(faults_are_over(), "{faults}");
            hsm.self_test("ds-01").await.unwrap();
        }

        ask_for(r#"[{"frozen_ms": 50}]"#);
        hsm.sign("ds-01", [1; 32]).await.unwrap();

        // A wrong signature is caught by whoever verifies with another library.
        ask_for(r#"["wrong_signature"]"#);
        assert_eq!(hsm.self_test("ds-01").await.unwrap_err().code.id, "HSM-010");
        hsm.self_test("ds-01").await.unwrap();

        // Making a key is not repeated blindly, looking for it first is.
        ask_for(r#"["sessions_lost"]"#);
        hsm.generate("ds-02", KeyPurpose::DocumentSigner).await.unwrap();
        assert_eq!(hsm.keys().await.unwrap().len(), 2);
        hsm.stop().await.unwrap();
    });
}

#[test]
fn a_refused_pin_is_not_tried_again() {
    on_simulator("hsm::recovery::a_refused_pin_is_not_tried_again", no_pin_loop);
}

fn no_pin_loop() {
    fresh_token();
    let hsm = open_with(2, PIN).unwrap();
    block_on(async {
        hsm.generate("ds-01", KeyPurpose::DocumentSigner).await.unwrap();
    });
    // The officer changes the PIN behind the daemon's back, then the login is lost.
    change_pin("00001111");
    block_on(async {
        ask_for(r#"["logged_out"]"#);
        for _ in 0..20 {
            let refused = hsm.sign("ds-01", [1; 32]).await.unwrap_err();
            assert_eq!(refused.code.id, "HSM-003");
        }
        hsm.stop().await.unwrap();
    });
    // Twenty requests cost one try, so the right PIN still opens the token.
    let hsm = open_with(1, "00001111").unwrap();
    block_on(async { hsm.self_test("ds-01").await.unwrap() });
}

#[test]
fn a_crash_never_lowers_the_count() {
    on_simulator(
        "hsm::recovery::a_crash_never_lowers_the_count",
        count_survives_a_crash,
    );
}

fn count_survives_a_crash() {
    fresh_token();
    let count = |hsm: &cardwright::device::pkcs11::Hsm| {
        block_on(async { hsm.keys().await.unwrap()[0].signatures.unwrap() })
    };
    let hsm = open_with(1, PIN).unwrap();
    block_on(async {
        hsm.generate("ds-01", KeyPurpose::DocumentSigner).await.unwrap();
        for n in 0..10 {
            hsm.sign("ds-01", [n; 32]).await.unwrap();
        }
    });
    assert_eq!(count(&hsm), 10);
    let reserved = std::fs::read_to_string(counter_file()).unwrap();
    block_on(async { hsm.stop().await.unwrap() });

    // A client that was killed leaves the file as it was: the count goes on exactly.
    std::fs::write(counter_file(), &reserved).unwrap();
    let hsm = open_with(1, PIN).unwrap();
    block_on(async { hsm.sign("ds-01", [1; 32]).await.unwrap() });
    assert_eq!(count(&hsm), 11);
    block_on(async { hsm.stop().await.unwrap() });

    // A machine that lost its power boots anew: what is left behind is too high, never too low.
    let boot = reserved.split_whitespace().last().unwrap();
    let other = boot.replace(|digit: char| digit.is_ascii_hexdigit(), "0");
    std::fs::write(counter_file(), reserved.replace(boot, &other)).unwrap();
    let hsm = open_with(1, PIN).unwrap();
    block_on(async { hsm.sign("ds-01", [1; 32]).await.unwrap() });
    assert_eq!(count(&hsm), 1_025);
    block_on(async { hsm.stop().await.unwrap() });
}

#[test]
fn an_empty_slot_is_named_as_such() {
    in_own_process(
        "hsm::recovery::an_empty_slot_is_named_as_such",
        &simulator(),
        &[(hsm_sim::FOLDER_VARIABLE, Path::new(""))],
        no_token,
    );
}

fn no_token() {
    assert_eq!(open_with(1, PIN).unwrap_err().code.id, "HSM-002");
}

fn counter_file() -> PathBuf {
    let mut files = std::fs::read_dir(folder().join("counters")).unwrap();
    let path = files.next().unwrap().unwrap().path();
    assert!(files.next().is_none(), "one private key has one counter");
    path
}

/// Another process of the same token: `pkcs11-tool` as the user.
fn change_pin(new: &str) {
    let tool = super::tool::pkcs11_tool(&folder())
        .args(["--login", "--pin", PIN, "--change-pin", "--new-pin", new])
        .output()
        .unwrap();
    assert!(tool.status.success(), "{}", String::from_utf8_lossy(&tool.stderr));
}
