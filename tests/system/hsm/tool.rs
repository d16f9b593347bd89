//! hsm-sim in the hands of a stranger: OpenSC's `pkcs11-tool` makes a key and signs, OpenSSL verifies.

use std::path::Path;
use std::process::Command;

use super::{LABEL, OFFICER_PIN, PIN, simulator};

/// `pkcs11-tool` with hsm-sim and a token in this folder.
pub(crate) fn pkcs11_tool(folder: &Path) -> Command {
    let mut command = program("pkcs11-tool", "opensc");
    command
        .env(hsm_sim::FOLDER_VARIABLE, folder)
        .arg("--module")
        .arg(simulator());
    command
}

#[test]
fn pkcs11_tool_makes_a_key_and_openssl_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    let file = |name: &str| folder.path().join(name).display().to_string();
    let tool = |arguments: &[&str]| run(pkcs11_tool(&token).args(arguments));

    assert!(tool(&["--list-slots"]).contains("hsm-sim slot"));
    tool(&["--init-token", "--label", LABEL, "--so-pin", OFFICER_PIN]);
    let officer = ["--login", "--login-type", "so", "--so-pin", OFFICER_PIN];
    tool(&[officer.as_slice(), &["--init-pin", "--new-pin", PIN]].concat());
    assert!(tool(&["--list-token-slots"]).contains(LABEL));
    let mechanisms = tool(&["--list-mechanisms"]);
    for name in ["ECDSA", "ECDH1-DERIVE", "AES-GCM", "AES-CMAC", "SHA256-HMAC"] {
        assert!(mechanisms.contains(name), "{name} in {mechanisms}");
    }

    let user = ["--login", "--pin", PIN];
    let user = |arguments: &[&str]| tool(&[user.as_slice(), arguments].concat());
    let made = user(&[
        "--keypairgen",
        "--key-type",
        "EC:prime256v1",
        "--id",
        "44",
        "--label",
        "ds-01",
    ]);
    assert!(
        made.contains("Private Key Object; EC") && made.contains("Public Key Object; EC"),
        "{made}"
    );
    let listed = user(&["--list-objects"]);
    assert!(
        listed.contains("never extractable") && listed.contains("ds-01"),
        "{listed}"
    );
    let without_login = tool(&["--list-objects"]);
    assert!(without_login.contains("Public Key") && !without_login.contains("Private Key"));
    assert!(tool(&["--generate-random", "16", "--output-file", &file("random")]).is_empty());
    assert_eq!(std::fs::read(file("random")).unwrap().len(), 16);

    let data = b"personalization data to be signed";
    std::fs::write(file("data"), data).unwrap();
    let digest = <sha2::Sha256 as sha2::Digest>::digest(data);
    std::fs::write(file("digest"), digest).unwrap();
    tool(&[
        "--read-object",
        "--type",
        "pubkey",
        "--id",
        "44",
        "--output-file",
        &file("public.der"),
    ]);
    for (mechanism, input) in [("ECDSA", "digest"), ("ECDSA-SHA256", "data")] {
        let (input, output) = (file(input), file(mechanism));
        user(&[
            "--sign",
            "--id",
            "44",
            "--mechanism",
            mechanism,
            "--signature-format",
            "openssl",
            "--input-file",
            &input,
            "--output-file",
            &output,
        ]);
        let mut openssl = program("openssl", "openssl");
        openssl.args([
            "dgst",
            "-sha256",
            "-keyform",
            "DER",
            "-verify",
            &file("public.der"),
            "-signature",
        ]);
        let verified = run(openssl.args([&output, &file("data")]));
        assert!(verified.contains("Verified OK"), "{mechanism}: {verified}");
    }

    let wrong = pkcs11_tool(&token)
        .args(["--login", "--pin", "00000000", "--list-objects"])
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("CKR_PIN_INCORRECT"));
}

fn program(name: &str, package: &str) -> Command {
    let found = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).is_file()));
    assert!(found, "{name} is missing: install the Debian package {package}");
    Command::new(name)
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{command:?}\n{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}
