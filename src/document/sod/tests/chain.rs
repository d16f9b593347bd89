//! Whole chains of other states, made by OpenSSL: from the data groups over the document signer to the CSCA.

use super::*;
use crate::pki::{Certificate, Crl};

/// Extensions as Doc 9303-12 wants them, and a signer that is not meant for documents.
const CONFIGURATION: &str = "\
[req]
distinguished_name = name
[name]
[csca]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[ds]
keyUsage = critical, digitalSignature
authorityKeyIdentifier = keyid
[other]
keyUsage = critical, keyEncipherment
authorityKeyIdentifier = keyid
[ca]
default_ca = issuer
[issuer]
database = index
crlnumber = number
default_md = sha384
default_crl_days = 30
crl_extensions = crl
[crl]
authorityKeyIdentifier = keyid
";

/// A state with a CSCA, a document signer and an empty list.
struct State {
    openssl: OpenSsl,
    csca_options: String,
    sod: Vec<u8>,
}

impl State {
    fn new(csca: &str, csca_options: &str, ds: &str, ds_options: &str, extensions: &str) -> Self {
        Self::of(["VN", "VN"], csca, csca_options, ds, ds_options, extensions)
    }

    /// With a CSCA and a document signer of these countries.
    fn of(
        [here, there]: [&str; 2],
        csca: &str,
        csca_options: &str,
        ds: &str,
        ds_options: &str,
        extensions: &str,
    ) -> Self {
        let openssl = OpenSsl::new();
        openssl.file("configuration", CONFIGURATION.as_bytes());
        openssl.file("index", b"");
        openssl.file("number", b"01\n");
        openssl.file("content", &draft(LdsVersion::V0, None).lds);
        for command in [
            format!("genpkey {csca} -out csca.key"),
            format!(
                "req -x509 -new -config configuration -extensions csca -key csca.key -subj /C={here}/CN=CSCA \
                 -days 90 {csca_options} -out csca.pem"
            ),
            format!("genpkey {ds} -out ds.key"),
            format!("req -new -config configuration -key ds.key -subj /C={there}/CN=DS -out ds.csr"),
            format!(
                "x509 -req -in ds.csr -CA csca.pem -CAkey csca.key -CAcreateserial -extfile configuration \
                 -extensions {extensions} -days 60 {csca_options} -out ds.pem"
            ),
            format!(
                "cms -sign -binary -nodetach -in content -econtent_type 2.23.136.1.1.1 -signer ds.pem \
                 -inkey ds.key -outform DER -nosmimecap {ds_options} -out sod.cms"
            ),
        ] {
            openssl.succeeds(&command);
        }
        let sod = AnyRef::new(WRAPPER, &openssl.read("sod.cms"))
            .unwrap()
            .to_der()
            .unwrap();
        let state = Self {
            openssl,
            csca_options: csca_options.to_owned(),
            sod,
        };
        state.list();
        state
    }

    /// Issues a new list.
    fn list(&self) {
        let options = self
            .csca_options
            .replace("-sha256", "-md sha256")
            .replace("-sha384", "-md sha384")
            .replace("-sha512", "-md sha512");
        self.openssl.succeeds(&format!(
            "ca -config configuration -gencrl -keyfile csca.key -cert csca.pem {options} -out list.pem"
        ));
        self.openssl
            .succeeds("crl -in list.pem -outform DER -out list.der");
    }

    fn revoke(&self) {
        self.openssl
            .succeeds("ca -config configuration -revoke ds.pem -keyfile csca.key -cert csca.pem");
        self.list();
    }

    fn certificate(&self, name: &str) -> Certificate {
        self.openssl
            .succeeds(&format!("x509 -in {name}.pem -outform DER -out {name}.der"));
        Certificate::parse(&self.openssl.read(&format!("{name}.der"))).unwrap()
    }

    fn trust(&self) -> TrustStore {
        TrustStore {
            cscas: vec![self.certificate("csca")],
            crls: vec![Crl::parse(&self.openssl.read("list.der")).unwrap()],
        }
    }

    /// What passive authentication says so long after the signer's first moment, if it is not that all is well.
    fn says(&self, trust: &TrustStore, later: Duration) -> Vec<(CheckName, Verdict)> {
        let mut files = files();
        files.remove(&FileId::Com);
        let at = self.certificate("ds").not_before + later;
        passive_authentication(&self.sod, &files, trust, at)
            .into_iter()
            .filter(|check| check.verdict != Verdict::Passed)
            .map(|check| {
                assert!(!check.why.is_empty(), "{check:?} says why");
                (check.name, check.verdict)
            })
            .collect()
    }
}

const HOUR: Duration = Duration::hours(1);

#[test]
fn chains_of_every_kind_hold_and_break() {
    let rsa = "-algorithm RSA -pkeyopt rsa_keygen_bits:2048";
    let pss = "-sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 -sigopt rsa_mgf1_md:sha256";
    let named = |curve: &str| format!("-algorithm EC -pkeyopt ec_paramgen_curve:{curve}");
    let explicit = |curve: &str| format!("{} -pkeyopt ec_param_enc:explicit", named(curve));
    for (csca, csca_options, ds, ds_options) in [
        (rsa.to_owned(), pss, rsa.to_owned(), "-md sha256"),
        (
            explicit("brainpoolP384r1"),
            "-sha384",
            explicit("brainpoolP256r1"),
            "-md sha256",
        ),
        (named("P-384"), "-sha384", named("brainpoolP256r1"), "-md sha256"),
    ] {
        let state = State::new(&csca, csca_options, &ds, ds_options, "ds");
        let trust = state.trust();
        let complaints = state.says(&trust, HOUR);
        assert!(complaints.is_empty(), "{csca}: {complaints:?}");
        let no_list = TrustStore {
            crls: Vec::new(),
            ..trust.clone()
        };
        let undetermined = |name| (name, Verdict::Undetermined);
        assert_eq!(state.says(&no_list, HOUR), [undetermined(CheckName::Revocation)]);
        // Both the certificate and the list have run out.
        let late = state.says(&trust, Duration::days(61));
        let expired = (CheckName::Validity, Verdict::Failed);
        assert_eq!(late, [expired, undetermined(CheckName::Revocation)]);
        state.revoke();
        let revoked = (CheckName::Revocation, Verdict::Failed);
        assert_eq!(state.says(&state.trust(), HOUR), [revoked]);
    }
}

/// Every CSCA in the folder is trusted, but for cards of its own state.
#[test]
fn a_trusted_state_vouches_for_no_card_of_another() {
    let p_256 = "-algorithm EC -pkeyopt ec_paramgen_curve:P-256";
    for countries in [["DE", "DE"], ["VN", "FR"], ["FR", "VN"]] {
        let state = State::of(countries, p_256, "-sha256", p_256, "-md sha256", "ds");
        let foreign = (CheckName::State, Verdict::Failed);
        assert_eq!(state.says(&state.trust(), HOUR), [foreign], "{countries:?}");
    }
}

#[test]
fn a_signer_that_is_not_meant_for_documents_fails_and_an_unknown_curve_does_not() {
    let p_256 = "-algorithm EC -pkeyopt ec_paramgen_curve:P-256";
    let other = State::new(p_256, "-sha256", p_256, "-md sha256", "other");
    let failed = other.says(&other.trust(), HOUR);
    assert_eq!(failed[0], (CheckName::Chain, Verdict::Failed));
    let large = "-algorithm EC -pkeyopt ec_paramgen_curve:brainpoolP512r1";
    let unknown = State::new(large, "-sha512", p_256, "-md sha256", "ds");
    let undetermined = unknown.says(&unknown.trust(), HOUR);
    assert_eq!(undetermined[0], (CheckName::Chain, Verdict::Undetermined));
}
