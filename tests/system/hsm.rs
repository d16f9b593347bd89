//! The HSM door: one conformance suite, run unchanged on hsm-sim and on SoftHSM2, then what only hsm-sim can show
//! (faults, `pkcs11-tool`).
//!
//! A PKCS#11 library finds its token through the environment and lives once per process, so each suite runs in a
//! process of its own: the test starts this very executable again with the environment set.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "helpers of tests, which clippy does not count as tests"
)]

mod conformance;
mod recovery;
mod tool;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cardwright::base::Secret;
use cardwright::device::pkcs11::{Hsm, HsmConfig, PinSource, initialize_token};

const LABEL: &str = "rehearsal";
const OFFICER_PIN: &str = "87654321";
const PIN: &str = "12345678";
const MODULE_VARIABLE: &str = "CARDWRIGHT_TEST_MODULE";

/// The shared library of hsm-sim that was built with this test.
pub(crate) fn simulator() -> PathBuf {
    let folder = Path::new(env!("CARGO_BIN_EXE_cardwright")).parent().unwrap();
    [folder.join("deps/libhsm_sim.so"), folder.join("libhsm_sim.so")]
        .into_iter()
        .find(|path| path.exists())
        .expect("libhsm_sim.so lies beside the executable or in deps/")
}

/// SoftHSM2, where Debian puts it.
pub(crate) fn soft_hsm() -> PathBuf {
    let path = PathBuf::from("/usr/lib/softhsm/libsofthsm2.so");
    assert!(
        path.exists(),
        "SoftHSM2 is missing: install the Debian package softhsm2"
    );
    path
}

/// Runs the body of the test `name` in a process of its own on this module: the test starts itself again with the
/// environment set, and in there the body runs.
pub(crate) fn in_own_process(name: &str, module: &Path, environment: &[(&str, &Path)], body: fn()) {
    if std::env::var_os(MODULE_VARIABLE).is_some() {
        return body();
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(MODULE_VARIABLE, module)
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{name} on {}:\n{text}",
        module.display()
    );
}

/// As [`in_own_process`], on hsm-sim with a folder of its own.
pub(crate) fn on_simulator(name: &str, body: fn()) {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    in_own_process(name, &simulator(), &[(hsm_sim::FOLDER_VARIABLE, &token)], body);
}

/// As [`in_own_process`], on SoftHSM2 behind the faults of hsm-sim.
pub(crate) fn on_failing_soft_hsm(name: &str, body: fn()) {
    let folder = tempfile::tempdir().unwrap();
    let faults = folder.path().join("faults");
    std::fs::create_dir(&faults).unwrap();
    let config = soft_hsm_config(folder.path());
    let environment = [
        (hsm_sim::FOLDER_VARIABLE, faults.as_path()),
        (hsm_sim::FORWARD_VARIABLE, &soft_hsm()),
        ("SOFTHSM2_CONF", &config),
    ];
    in_own_process(name, &simulator(), &environment, body);
}

/// Settings of SoftHSM2 with an empty folder of tokens.
pub(crate) fn soft_hsm_config(folder: &Path) -> PathBuf {
    let tokens = folder.join("tokens");
    std::fs::create_dir(&tokens).unwrap();
    let config = folder.join("softhsm2.conf");
    let text = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\n",
        tokens.display()
    );
    std::fs::write(&config, text).unwrap();
    config
}

/// Inside such a process: the module to test.
pub(crate) fn module() -> PathBuf {
    PathBuf::from(std::env::var_os(MODULE_VARIABLE).expect("started by in_own_process"))
}

/// Inside such a process: a fresh token.
pub(crate) fn fresh_token() {
    initialize_token(
        &module(),
        LABEL,
        &Secret::new(OFFICER_PIN.to_owned()),
        &Secret::new(PIN.to_owned()),
    )
    .unwrap();
}

/// Inside such a process: the daemon's door to the token.
pub(crate) fn open_with(sessions: usize, pin: &str) -> Result<Hsm, cardwright::base::Fault> {
    // It is its file's name.
    let source = PinSource {
        file: pin.into(),
        read: |file| Ok(Secret::new(file.to_str().unwrap().to_owned())),
        refusal: "/nowhere/refused".into(),
    };
    open_from(sessions, source)
}

/// As [`open_with`], with a PIN that comes from somewhere. An idle session is looked after at once.
pub(crate) fn open_from(sessions: usize, source: PinSource) -> Result<Hsm, cardwright::base::Fault> {
    let config = HsmConfig {
        module: module(),
        token: LABEL.to_owned(),
        sessions,
        keep_alive: Duration::from_millis(20),
        pin: source,
    };
    Hsm::open(&config)
}

/// Runs asynchronous steps in real time.
pub(crate) fn block_on<F: Future>(steps: F) -> F::Output {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(steps)
}

#[test]
fn hsm_sim_conforms() {
    on_simulator("hsm::hsm_sim_conforms", conformance::suite);
}

#[test]
fn softhsm2_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let config = soft_hsm_config(folder.path());
    in_own_process(
        "hsm::softhsm2_conforms",
        &soft_hsm(),
        &[("SOFTHSM2_CONF", &config)],
        conformance::suite,
    );
}
