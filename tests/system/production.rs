//! A production facility and its keys with the real program: SoftHSM2 in the HSM's place, OpenSSL in the CSCA's.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "helpers of tests, which clippy does not count as tests; what could not be tried is told"
)]

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use cardwright::base::Clock;
use time::Duration;
use time::format_description::StaticFormatDescription;
use time::macros::format_description;

use super::processes::signal;

mod line;

const PIN: &str = "12345678";
/// An account that every system has, and nobody logs in with: `daemon`.
const ANOTHER: u32 = 1;
/// As OpenSSL writes GeneralizedTime.
const TIME: StaticFormatDescription = format_description!("[year][month][day]000000Z");

/// A folder with a facility, a token and a CSCA in it.
struct Site {
    folder: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let site = Self { folder };
        std::fs::create_dir(site.path("tokens")).unwrap();
        std::fs::write(
            site.path("softhsm2.conf"),
            format!(
                "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
                site.path("tokens").display()
            ),
        )
        .unwrap();
        let token = format!("--init-token --free --label cardwright --so-pin 87654321 --pin {PIN}");
        site.run("softhsm2-util", &token, "").unwrap();
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, program: &str, words: &str, within: &str) -> Command {
        let mut command = Command::new(program);
        command
            .args(words.split(' '))
            .current_dir(self.path(within))
            .env_remove("HSM_SIM_DIR")
            .env("SOFTHSM2_CONF", self.path("softhsm2.conf"))
            .env("FROM", day(-30))
            .env("CSCA_UNTIL", day(4 * 365))
            .env("DS_UNTIL", day(60));
        command
    }

    /// Runs a program in this folder: what it said on its output, or all it said if it was not good.
    fn run(&self, program: &str, words: &str, within: &str) -> Result<String, String> {
        outcome(&mut self.command(program, words, within))
    }

    /// A controller that answers, until it is told to end.
    fn controller(&self) -> Child {
        self.mode("", 0o755);
        self.mode("site", 0o2770);
        self.mode("site/cardwright.toml", 0o644);
        let mut command = self.command(env!("CARGO_BIN_EXE_cardwright"), "run --facility site", "");
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let controller = command.spawn().unwrap();
        let clock = super::hsm::block_on(async { Clock::system() });
        while !self.path("site/control.sock").exists() {
            assert!(clock.elapsed().as_secs() < 60, "it does not start");
            super::hsm::block_on(clock.sleep(std::time::Duration::from_millis(50)));
        }
        controller
    }

    /// What another account of this machine is told, which reaches the facility's socket by its group. It has a program
    /// of its own: where this one was built may be closed to it, as a home is.
    fn another_account(&self, words: &str) -> Result<String, String> {
        let program = self.path("cardwright");
        if !program.exists() {
            std::fs::copy(env!("CARGO_BIN_EXE_cardwright"), &program).unwrap();
        }
        let words = format!("{words} --facility site");
        let mut command = self.command(program.to_str().unwrap(), &words, "");
        outcome(command.uid(ANOTHER).gid(0))
    }

    /// What two people do, each in their own name.
    fn by_two(&self, act: &str) {
        self.refused(act, "a second person");
        let said = self.another_account(act);
        said.unwrap_or_else(|said| panic!("{act}:\n{said}"));
    }

    fn mode(&self, name: &str, mode: u32) {
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn cardwright(&self, words: &str) -> Result<String, String> {
        let words = format!("{words} --facility site");
        self.run(env!("CARGO_BIN_EXE_cardwright"), &words, "")
    }

    fn good(&self, words: &str) -> String {
        self.cardwright(words)
            .unwrap_or_else(|said| panic!("{words}:\n{said}"))
    }

    fn refused(&self, words: &str, code: &str) {
        let said = self.cardwright(words).err().unwrap_or_default();
        assert!(said.contains(code), "{words}: {code} expected\n{said}");
    }

    fn openssl(&self, words: &str, within: &str) -> String {
        self.run("openssl", words, within)
            .unwrap_or_else(|said| panic!("openssl {words}:\n{said}"))
    }

    /// A new facility, its PIN in place.
    fn facility(&self) {
        let module = crate::hsm::soft_hsm();
        self.good(&format!(
            "init --name F1 --mode production --module {}",
            module.display()
        ));
        std::fs::create_dir_all(self.path("site/secrets")).unwrap();
        let pin = self.path("site/secrets/pin");
        std::fs::write(&pin, PIN).unwrap();
        private(&pin);
    }

    /// A country signing CA in a folder of its own.
    fn csca(&self, name: &str) {
        let folder = self.path(name);
        std::fs::create_dir(&folder).unwrap();
        let settings = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/pki/csca.cnf");
        std::fs::copy(settings, folder.join("csca.cnf")).unwrap();
        for (file, content) in [("issued", ""), ("serial", "01"), ("crlnumber", "01")] {
            std::fs::write(folder.join(file), content).unwrap();
        }
        self.openssl(
            "ecparam -name prime256v1 -param_enc explicit -genkey -noout -out csca.key",
            name,
        );
        self.openssl("req -new -key csca.key -config csca.cnf -out csca.csr", name);
        // Of last month: a certificate is used when it is an hour old.
        let (from, until) = (day(-30), day(26 * 365));
        self.openssl(
            &format!(
                "ca -batch -selfsign -config csca.cnf -in csca.csr -notext -extensions csca_parts -startdate {from} \
                 -enddate {until} -out csca.pem"
            ),
            name,
        );
        self.openssl("x509 -in csca.pem -outform DER -out csca.der", name);
        self.revocations(name);
    }

    fn revocations(&self, name: &str) {
        self.openssl("ca -gencrl -config csca.cnf -crldays 80 -out crl.pem", name);
        self.openssl("crl -in crl.pem -outform DER -out csca.crl", name);
    }

    /// The CSCA certifies a request.
    fn certify(&self, name: &str, request: &str, certificate: &str) {
        // The longest cards are valid for twenty years.
        let (from, until) = (day(-30), day(21 * 365));
        self.openssl(
            &format!(
                "ca -batch -config csca.cnf -in ../{request} -notext -extensions ds_parts -startdate {from} -enddate \
                 {until} -out {certificate}"
            ),
            name,
        );
    }

    /// Two people have compared the CSCA's fingerprint and entered it.
    fn trust(&self, name: &str) {
        let pki = self.path("site/pki");
        std::fs::create_dir_all(&pki).unwrap();
        for file in ["csca.der", "csca.crl"] {
            std::fs::copy(self.path(name).join(file), pki.join(file)).unwrap();
        }
        self.settings(|text| {
            text.replace("cscas = []", "cscas = [\"pki/csca.der\"]")
                .replace("crls = []", "crls = [\"pki/csca.crl\"]")
        });
    }

    fn settings(&self, change: impl FnOnce(String) -> String) {
        let path = self.path("site/cardwright.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, change(text)).unwrap();
    }

    /// Asks for a certificate; the request lies in `NAME.csr` then.
    fn request(&self, label: &str) {
        let request = self.good(&format!(
            "key request {label} --country VN --organization F1 --name {label}"
        ));
        std::fs::write(self.path(&format!("{label}.csr")), request).unwrap();
    }
}

/// What a program said on its output, or all it said if it was not good.
fn outcome(command: &mut Command) -> Result<String, String> {
    let output = command.output().unwrap();
    let [said, complained] =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    if output.status.success() {
        Ok(said)
    } else {
        Err(said + &complained)
    }
}

fn private(path: &Path) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// So many days from today.
fn day(days: i64) -> String {
    (Clock::system().now() + Duration::days(days))
        .format(TIME)
        .unwrap()
}

#[test]
fn keys_for_real_cards_from_request_to_use() {
    let site = Site::new();
    site.facility();
    let missing = site.cardwright("doctor").unwrap_err();
    assert!(missing.contains("cardwright key make"), "{missing}");
    let second_copy = |found: &str| {
        let told = site.cardwright("doctor").unwrap_err();
        let line = told.lines().find(|line| line.contains("second copy")).unwrap();
        assert!(line.starts_with("MISSING") && line.contains(found), "{line}");
    };
    second_copy("paths.ledger_copy");
    let without = "# ledger_copy = ";
    site.settings(|text| {
        assert!(text.contains(without), "{text}");
        let copy = site.path("site/copy");
        let lines = text.lines().map(|line| match line.starts_with(without) {
            true => format!("ledger_copy = {:?}\n", copy.display().to_string()),
            false => format!("{line}\n"),
        });
        lines.collect()
    });
    second_copy("No such file");
    std::fs::create_dir(site.path("site/copy")).unwrap();
    second_copy("the ledger's own disk");
    site.refused("key ceremony", "FAC-006");

    let made = site.good("key make");
    assert!(
        made.contains("Made: lookup, manifest, checkpoint, intake"),
        "{made}"
    );
    assert!(site.good("key make").contains("has them all"));
    site.request("ds-1");
    let checked = site.openssl("req -in ds-1.csr -noout -verify -subject", "");
    assert!(checked.contains("ds-1"), "{checked}");
    // Asked again, it is the same key.
    let first = site.openssl("req -in ds-1.csr -noout -pubkey", "");
    site.request("ds-1");
    assert_eq!(site.openssl("req -in ds-1.csr -noout -pubkey", ""), first);

    site.csca("csca");
    site.certify("csca", "ds-1.csr", "ds-1.pem");
    site.refused("key import ds-1 csca/ds-1.pem", "PKI-014");
    site.trust("csca");
    let settings = site.good("key import ds-1 csca/ds-1.pem");
    let settings = settings.split_once("[[signers]]").unwrap().1;
    site.settings(|text| format!("{text}\n[[signers]]{settings}"));

    // Cards of Utopia are signed by nobody here.
    let doctor = site.cardwright("doctor").unwrap_err();
    assert!(doctor.contains("MISSING  profiles     PKI-042"), "{doctor}");

    let keys = site.good("key list");
    let signer = keys.lines().find(|line| line.starts_with("ds-1 ")).unwrap();
    assert!(
        signer.contains("may sign for 5") || signer.contains("may sign for 60"),
        "{keys}"
    );
    // Of wrapping keys the first one: the controller makes the next with each retention epoch.
    assert_eq!(keys.lines().count(), 6, "{keys}");
    assert_eq!(keys.matches(" Wrap").count(), 1, "{keys}");
    // The authority has its registry elsewhere; here it is a file. Then the facility opens, and proves its keys.
    site.refused("status", "STO-010");
    let registry = site.path("site/registry.db");
    let begun = Command::new(env!("CARGO_BIN_EXE_cardwright"))
        .args(["sim", "registry"])
        .arg(&registry)
        .status();
    assert!(begun.unwrap().success());
    // Nothing is signed before two people, each with an account of their own, have seen to the signer and the clock.
    let status = site.cardwright("status").unwrap_err();
    assert!(
        status.contains("(production)") && status.contains("ds-1 ") && status.contains("STAGED"),
        "{status}"
    );
    for act in ["signer activate ds-1", "clock accept"] {
        site.refused(&format!("{act} --as binh"), "CTL-007");
        site.refused(act, "a second person");
        site.refused(act, "a second person");
    }
    assert!(site.good("audit verify").contains("good") || site.cardwright("audit verify").is_ok());
    site.good("run --drain");
    let history = site.good("key list --json");
    assert!(history.contains("\"document_signer\""), "{history}");
    two_accounts(&site);
}

/// A new facility with the keys and the one certificate that README's walk ends with.
fn with_a_signer() -> Site {
    let site = Site::new();
    site.facility();
    site.good("key make");
    site.request("ds-1");
    site.csca("csca");
    site.certify("csca", "ds-1.csr", "ds-1.pem");
    site.trust("csca");
    let settings = site.good("key import ds-1 csca/ds-1.pem");
    let settings = settings.split_once("[[signers]]").unwrap().1;
    site.settings(|text| format!("{text}\n[[signers]]{settings}"));
    site
}

/// Two accounts of the machine, one after the other, bring the signer and the clock into use at a running controller.
/// Who they are the kernel says. Only root can run a program in another's name; anybody else's tests end here.
fn two_accounts(site: &Site) {
    if !rustix::process::getuid().is_root() {
        eprintln!("not root: the second account was not tried");
        return;
    }
    let controller = site.controller();
    site.by_two("signer activate ds-1");
    site.by_two("clock accept");
    let listed = site.good("signer list");
    assert!(listed.contains("ds-1") && !listed.contains("STAGED"), "{listed}");
    assert!(site.good("clock show").contains("both sources agree"));
    // One account is enough to take it out of use.
    let said = site.another_account("signer stop ds-1").unwrap();
    assert!(said.contains("signs no more"), "{said}");
    // As at a terminal, with Ctrl-C.
    assert!(signal(controller.id(), rustix::process::Signal::INT));
    let ended = controller.wait_with_output().unwrap();
    assert!(ended.status.success());
    site.good("audit verify");
}

#[test]
fn a_wrong_certificate_is_refused() {
    let site = Site::new();
    site.facility();
    site.request("ds-1");
    site.request("ds-2");
    site.csca("csca");
    site.trust("csca");
    site.certify("csca", "ds-1.csr", "ds-1.pem");
    site.certify("csca", "ds-2.csr", "ds-2.pem");
    // Another key's, under a label without a key, and of somebody else's CSCA with the same name.
    site.refused("key import ds-1 csca/ds-2.pem", "PKI-017");
    site.refused("key import ds-3 csca/ds-1.pem", "FAC-004");
    site.csca("stranger");
    site.certify("stranger", "ds-1.csr", "ds-1.pem");
    site.refused("key import ds-1 stranger/ds-1.pem", "PKI-014");
    // A country root is no document signer.
    site.refused("key import ds-1 csca/csca.pem", "PKI-011");
    // Revoked meanwhile.
    site.openssl("ca -config csca.cnf -revoke ds-1.pem", "csca");
    site.revocations("csca");
    site.trust("csca");
    site.refused("key import ds-1 csca/ds-1.pem", "PKI-015");
    assert!(!site.path("site/pki/ds-1.der").exists());
    // What remains is good, and taken twice it is the same.
    site.good("key import ds-2 csca/ds-2.pem");
    site.good("key import ds-2 csca/ds-2.pem");
}
