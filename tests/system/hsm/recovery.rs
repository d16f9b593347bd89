//! Bad days of an HSM, shown by hsm-sim on demand: by its own token, and in front of SoftHSM2.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use cardwright::base::{Clock, Secret};
use cardwright::device::pkcs11::PinSource;
use cardwright::port::{KeyPurpose, Signer};
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::ecdsa::{Signature, VerifyingKey};

use super::{
    PIN, block_on, fresh_token, in_own_process, on_failing_soft_hsm, on_simulator, open_from, open_with,
    simulator,
};

fn folder() -> PathBuf {
    PathBuf::from(std::env::var_os(hsm_sim::FOLDER_VARIABLE).unwrap())
}

fn ask_for(faults: &str) {
    std::fs::write(folder().join("faults.json"), faults).unwrap();
}

fn faults_are_over() -> bool {
    !folder().join("faults.json").exists()
}

/// Tries of a PIN so far, as return values: none when it never came to that.
fn logins() -> Vec<String> {
    let text = std::fs::read_to_string(folder().join("logins")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_fault_is_climbed_out_of() {
    on_simulator("hsm::recovery::a_fault_is_climbed_out_of", ladder);
}

#[test]
fn a_fault_is_climbed_out_of_on_softhsm2() {
    on_failing_soft_hsm("hsm::recovery::a_fault_is_climbed_out_of_on_softhsm2", ladder);
}

/// As many faults as the ladder has rungs: a request that meets all of them is given up, and may be made again.
const THREE: &str = r#"["sessions_lost", {"skip": 20}, "logged_out", {"skip": 20}, "device_removed"]"#;

fn ladder() {
    fresh_token();
    let hsm = Arc::new(open_with(3, PIN).unwrap());
    assert!(hsm.is_simulator(), "what fails on demand is no production HSM");
    block_on(async {
        let point = hsm.generate("ds-01", KeyPurpose::DocumentSigner).await.unwrap();
        let key = VerifyingKey::from_sec1_bytes(&point).unwrap();
        for faults in [
            r#"["sessions_lost"]"#,
            r#"["logged_out"]"#,
            r#"["device_removed"]"#,
            r#"[{"token_absent": 1}]"#,
            r#"[{"failing": 2}]"#,
            r#"["sessions_lost", "device_removed"]"#,
            THREE,
        ] {
            // Every thread holds a session of the time before the fault, and all are used afterwards.
            ask_for(faults);
            let tasks: Vec<_> = (0..60_u8)
                .map(|n| {
                    let hsm = Arc::clone(&hsm);
                    tokio::spawn(async move {
                        let signature = hsm.sign("ds-01", [n; 32]).await;
                        match signature {
                            Err(lost) if faults == THREE && lost.code.safe_to_repeat => {
                                (n, hsm.sign("ds-01", [n; 32]).await)
                            }
                            signature => (n, signature),
                        }
                    })
                })
                .collect();
            for task in tasks {
                let (n, signature) = task.await.unwrap();
                let signature = Signature::from_slice(&signature.expect(faults)).unwrap();
                key.verify_prehash(&[n; 32], &signature).expect(faults);
            }
            assert!(faults_are_over(), "{faults}");
            hsm.self_test("ds-01").await.unwrap();
        }

        // What does not come back in time is an answer too, and the next request finds the device as it is then.
        ask_for(r#"[{"token_absent": 40}]"#);
        let away = hsm.sign("ds-01", [1; 32]).await.unwrap_err();
        assert_eq!((away.code.id, away.code.safe_to_repeat), ("HSM-008", true));
        let tries = async { while hsm.sign("ds-01", [1; 32]).await.is_err() {} };
        let clock = Clock::system();
        clock
            .within(Duration::from_secs(20), tries)
            .await
            .expect("it came back");

        ask_for(r#"[{"frozen_ms": 50}]"#);
        hsm.sign("ds-01", [1; 32]).await.unwrap();
        ask_for(r#"[{"latency_ms": 20}, {"per_second": 100}]"#);
        for n in 0..3 {
            hsm.sign("ds-01", [n; 32]).await.unwrap();
        }
        let slow = clock.elapsed();
        for n in 0..5 {
            hsm.sign("ds-01", [n; 32]).await.unwrap();
        }
        assert!(
            clock.elapsed() - slow >= Duration::from_millis(5 * 30),
            "latency and throttling add up"
        );
        ask_for(r#"[{"latency_ms": 0}, {"per_second": 0}]"#);
        for n in 0..2 {
            hsm.sign("ds-01", [n; 32]).await.unwrap();
        }

        // A wrong signature and another key's are caught by whoever verifies with another library.
        for faults in [r#"["wrong_signature"]"#, r#"["wrong_key"]"#] {
            ask_for(faults);
            assert_eq!(hsm.self_test("ds-01").await.unwrap_err().code.id, "HSM-010");
            hsm.self_test("ds-01").await.unwrap();
        }

        // Making a key is not repeated blindly, looking for it first is.
        ask_for(r#"["sessions_lost"]"#);
        hsm.generate("ds-02", KeyPurpose::DocumentSigner).await.unwrap();
        assert_eq!(hsm.keys().await.unwrap().len(), 2);
        hsm.stop().await.unwrap();
    });
    let refused = logins()
        .into_iter()
        .filter(|code| !code.ends_with("0000"))
        .count();
    assert_eq!(refused, 0, "no recovery tried a PIN in vain: {:?}", logins());
}

#[test]
fn an_idle_session_is_looked_after() {
    on_simulator("hsm::recovery::an_idle_session_is_looked_after", keep_alive);
}

#[test]
fn an_idle_session_is_looked_after_on_softhsm2() {
    on_failing_soft_hsm(
        "hsm::recovery::an_idle_session_is_looked_after_on_softhsm2",
        keep_alive,
    );
}

/// Two sessions; one request meets the fault and is recovered, the other session is found lost while nobody asks.
fn keep_alive() {
    fresh_token();
    let hsm = open_with(2, PIN).unwrap();
    block_on(async {
        hsm.generate("ds-01", KeyPurpose::DocumentSigner).await.unwrap();
        let before = logins().len();
        ask_for(r#"["logged_out"]"#);
        // Looking for keys meets the fault, on whichever session; afterwards both are logged in without being asked.
        hsm.keys().await.unwrap();
        assert!(faults_are_over());
        Clock::system().sleep(Duration::from_millis(300)).await;
        let after = logins().len();
        assert!(after > before, "somebody logged in again");
        for n in 0..4 {
            hsm.sign("ds-01", [n; 32]).await.unwrap();
        }
        assert_eq!(
            logins().len(),
            after,
            "the requests found sessions that were ready"
        );
        hsm.stop().await.unwrap();
    });
}

#[test]
fn a_refused_pin_is_not_tried_again() {
    on_simulator("hsm::recovery::a_refused_pin_is_not_tried_again", no_pin_loop);
}

#[test]
fn a_refused_pin_is_not_tried_again_on_softhsm2() {
    on_failing_soft_hsm(
        "hsm::recovery::a_refused_pin_is_not_tried_again_on_softhsm2",
        no_pin_loop,
    );
}

fn no_pin_loop() {
    fresh_token();
    let hsm = open_with(2, PIN).unwrap();
    block_on(async {
        hsm.generate("ds-01", KeyPurpose::DocumentSigner).await.unwrap();
    });
    // The officer changes the PIN behind the daemon's back, then the device is restarted. (While it runs, SoftHSM2 goes
    // by the PIN it has read.)
    change_pin("00001111");
    let before = refusals();
    block_on(async {
        ask_for(r#"["device_removed"]"#);
        for _ in 0..20 {
            let refused = hsm.sign("ds-01", [1; 32]).await.unwrap_err();
            assert_eq!(refused.code.id, "HSM-003");
        }
        // Nor do idle threads try.
        Clock::system().sleep(Duration::from_millis(200)).await;
        hsm.stop().await.unwrap();
    });
    assert_eq!(refusals(), before + 1, "{:?}", logins());
    // Twenty requests cost one try, so the right PIN still opens the token.
    let hsm = open_with(1, "00001111").unwrap();
    block_on(async { hsm.self_test("ds-01").await.unwrap() });
}

fn refusals() -> usize {
    // CKR_PIN_INCORRECT (PKCS#11 2.40 §4).
    logins().iter().filter(|code| *code == "0x000000a0").count()
}

#[test]
fn restarts_do_not_try_a_refused_pin() {
    on_simulator("hsm::recovery::restarts_do_not_try_a_refused_pin", once_ever);
}

#[test]
fn restarts_do_not_try_a_refused_pin_on_softhsm2() {
    on_failing_soft_hsm(
        "hsm::recovery::restarts_do_not_try_a_refused_pin_on_softhsm2",
        once_ever,
    );
}

/// What a service manager does with a daemon whose PIN is wrong: it starts it again and again.
fn once_ever() {
    fresh_token();
    let file = folder().join("pin");
    let source = PinSource {
        file: file.clone(),
        read: |file| Ok(Secret::new(std::fs::read_to_string(file).unwrap())),
        refusal: folder().join("pin-refused"),
    };
    std::fs::write(&file, "99999999").unwrap();
    for _ in 0..20 {
        let refused = open_from(2, source.clone()).unwrap_err();
        assert_eq!(refused.code.id, "HSM-003");
    }
    assert_eq!(refusals(), 1, "{:?}", logins());
    // A person writes the right one.
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, PIN).unwrap();
    let hsm = open_from(1, source.clone()).unwrap();
    assert!(!source.refusal.exists());
    block_on(async { hsm.stop().await.unwrap() });
    drop(hsm);

    // A locked PIN is as final, and is not asked for either.
    let hsm = open_from(2, source.clone()).unwrap();
    block_on(async {
        ask_for(r#"["pin_locked"]"#);
        let mut codes = Vec::new();
        for _ in 0..10 {
            codes.push(
                hsm.random(8)
                    .await
                    .and(hsm.keys().await.map(drop))
                    .map_err(|fault| fault.code.id),
            );
        }
        assert!(codes.contains(&Err("HSM-004")), "{codes:?}");
        hsm.stop().await.unwrap();
    });
    drop(hsm);
    let tried = logins().len();
    for _ in 0..5 {
        let refused = open_from(2, source.clone()).unwrap_err();
        assert_eq!(refused.code.id, "HSM-004");
    }
    assert_eq!(logins().len(), tried, "{:?}", logins());
}

#[test]
fn the_last_try_is_a_persons() {
    on_simulator("hsm::recovery::the_last_try_is_a_persons", last_try);
}

/// Somebody else has spent all tries but one: not even the right PIN is tried.
fn last_try() {
    fresh_token();
    for _ in 0..4 {
        assert_eq!(open_with(1, "99999999").unwrap_err().code.id, "HSM-003");
    }
    let tried = logins().len();
    assert_eq!(open_with(1, PIN).unwrap_err().code.id, "HSM-016");
    assert_eq!(logins().len(), tried);
    // A person logs in by hand, and it works again.
    let tool = super::tool::pkcs11_tool(&folder())
        .args(["--login", "--pin", PIN, "--list-objects"])
        .output()
        .unwrap();
    assert!(tool.status.success(), "{}", String::from_utf8_lossy(&tool.stderr));
    assert!(open_with(1, PIN).is_ok());
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
    // It may be on its way back, so it is waited for: not the same as a token of another name (HSM-002).
    let fault = open_with(1, PIN).unwrap_err();
    assert_eq!(fault.code.id, "HSM-008");
    assert!(fault.detail.contains("no token is there"), "{fault}");
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
