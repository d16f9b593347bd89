//! A small rehearsal PKI with keys in software, for tests only.

use p256::ecdsa::signature::hazmat::PrehashSigner;
use p256::ecdsa::{Signature, SigningKey};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};

use super::*;

pub(crate) const NOW: OffsetDateTime = datetime!(2026-11-22 04:00 UTC);

/// A P-256 key made from a small number: the same in every run.
pub(crate) struct SoftKey(SigningKey);

impl SoftKey {
    pub(crate) fn new(seed: u8) -> Self {
        Self(SigningKey::from_slice(&[seed; 32]).unwrap())
    }

    pub(crate) fn point(&self) -> [u8; 65] {
        self.0
            .verifying_key()
            .to_sec1_point(false)
            .as_bytes()
            .try_into()
            .unwrap()
    }

    pub(crate) fn sign(&self, digest: &[u8; 32]) -> [u8; 64] {
        let signature: Signature = self.0.sign_prehash(digest).unwrap();
        signature.to_bytes().into()
    }

    pub(crate) fn finish(&self, draft: &Draft) -> Vec<u8> {
        draft.finish(&self.sign(&draft.digest)).unwrap()
    }
}

/// A CSCA, one document signer for `ID`, and an empty CRL.
pub(crate) struct Rehearsal {
    pub(crate) csca_key: SoftKey,
    pub(crate) csca: Certificate,
    pub(crate) ds_key: SoftKey,
    pub(crate) ds: Certificate,
    pub(crate) curve: Curve,
}

impl Rehearsal {
    pub(crate) fn new(curve: Curve) -> Self {
        let csca_key = SoftKey::new(1);
        let ds_key = SoftKey::new(2);
        let csca = csca_plan(&csca_key, curve).draft().unwrap();
        let csca = Certificate::parse(&csca_key.finish(&csca)).unwrap();
        let ds = ds_plan(&csca, &ds_key, curve).draft().unwrap();
        let ds = Certificate::parse(&csca_key.finish(&ds)).unwrap();
        Self {
            csca_key,
            csca,
            ds_key,
            ds,
            curve,
        }
    }

    pub(crate) fn crl(&self, revoked: Vec<RevokedEntry>) -> Crl {
        let plan = CrlPlan {
            issuer: &self.csca,
            number: 7,
            this_update: NOW - Duration::hours(1),
            next_update: NOW + Duration::days(30),
            revoked,
        };
        Crl::parse(&self.csca_key.finish(&plan.draft().unwrap())).unwrap()
    }

    pub(crate) fn trust(&self) -> TrustStore {
        TrustStore {
            cscas: vec![self.csca.clone()],
            crls: vec![self.crl(Vec::new())],
        }
    }
}

pub(crate) fn csca_plan(key: &SoftKey, curve: Curve) -> CertificatePlan<'static> {
    CertificatePlan {
        role: Role::Csca,
        subject: EntityName {
            country: "VN".into(),
            organization: "cardwright".into(),
            common_name: "CSCA REHEARSAL".into(),
        },
        serial: vec![0x81, 1, 2, 3],
        point: key.point(),
        curve,
        not_before: NOW - Duration::days(1),
        not_after: datetime!(2053-11-21 00:00 UTC),
        usage_from: NOW - Duration::days(1),
        usage_until: NOW + Duration::days(4 * 365),
        contact: contact(),
        crl_urls: vec!["https://csca.example/rehearsal.crl".into()],
    }
}

pub(crate) fn ds_plan<'a>(csca: &'a Certificate, key: &SoftKey, curve: Curve) -> CertificatePlan<'a> {
    CertificatePlan {
        role: Role::DocumentSigner {
            issuer: csca,
            document_types: vec!["ID".into()],
        },
        subject: EntityName {
            country: "VN".into(),
            organization: "cardwright".into(),
            common_name: "DS 1 REHEARSAL".into(),
        },
        serial: vec![0x42],
        point: key.point(),
        curve,
        not_before: NOW - Duration::hours(2),
        not_after: datetime!(2049-02-20 00:00 UTC),
        usage_from: NOW - Duration::hours(2),
        usage_until: NOW + Duration::days(90),
        contact: contact(),
        crl_urls: vec!["https://csca.example/rehearsal.crl".into()],
    }
}

fn contact() -> Contact {
    Contact {
        email: "pki@csca.example".into(),
        state: "VNM".into(),
    }
}

/// The `openssl` command in a folder of its own: another implementation's opinion.
pub(crate) struct OpenSsl(tempfile::TempDir);

impl OpenSsl {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn file(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.0.path().join(name), bytes).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.0.path().join(name)).unwrap()
    }

    /// Writes a certificate as PEM, which is how OpenSSL likes its trust anchors.
    pub(crate) fn certificate(&self, name: &str, der: &[u8]) {
        self.file("in.der", der);
        self.succeeds(&format!("x509 -inform DER -in in.der -out {name}"));
    }

    /// Runs a command; whether it succeeded, and all it said.
    pub(crate) fn run(&self, command: &str) -> (bool, String) {
        let output = std::process::Command::new("openssl")
            .args(command.split(' '))
            .current_dir(self.0.path())
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8_lossy(&said).into_owned(),
        )
    }

    pub(crate) fn succeeds(&self, command: &str) -> String {
        let (success, said) = self.run(command);
        assert!(success, "openssl {command}: {said}");
        said
    }
}
