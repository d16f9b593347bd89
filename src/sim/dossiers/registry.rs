//! The rehearsal's registry: a CA, a signing certificate, and signatures over documents.

use std::str::FromStr;

use p256::ecdsa::signature::hazmat::PrehashSigner;
use p256::ecdsa::{DerSignature, Signature, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use time::Date;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder, CertificateBuilder};
use x509_cert::certificate::TbsCertificate;
use x509_cert::der::{DateTime, Encode, flagset::FlagSet};
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, KeyUsages};
use x509_cert::ext::{Extension, Extensions, ToExtension};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{SubjectPublicKeyInfo, SubjectPublicKeyInfoRef};
use x509_cert::time::{Time, Validity};

use super::Dice;
use crate::dossier::{json, jws};

/// Certificates begin this long before the issue date of the rehearsal's cards, and end this long after.
const DAYS_BEFORE: i64 = 400;
const DAYS_AFTER: i64 = 1_800;

/// A registry that can sign.
pub(super) struct Registry {
    key: SigningKey,
    anchor: Vec<u8>,
    protected: String,
}

impl Registry {
    /// Keys from the dice, names from the text.
    pub(super) fn new(name: &str, issued: Date, dice: &mut Dice) -> Self {
        let (root_key, key) = (signing_key(dice), signing_key(dice));
        let root = format!("CN={name} CA,O=REHEARSAL,C=VN");
        let signer = format!("CN={name} Dossier Signer,O=REHEARSAL,C=VN");
        let certify = |subject: &str, key: &SigningKey, serial: u32| {
            certificate(&root, subject, key, &root_key, serial, issued)
                .unwrap_or_else(|error| unreachable!("the simulator's own certificate: {error}"))
        };
        let anchor = certify(&root, &root_key, 1);
        let leaf = certify(&signer, &key, 2);
        Self {
            key,
            anchor,
            protected: jws::protected_header(&[leaf]),
        }
    }

    /// The CA's certificate, DER.
    pub(super) fn anchor(&self) -> &[u8] {
        &self.anchor
    }

    /// The signed document.
    pub(super) fn sign(&self, document: &Value) -> Vec<u8> {
        let Some(canonical) = document
            .as_object()
            .and_then(|members| json::canonical_without(members, "integrity").ok())
        else {
            return Vec::new();
        };
        let digest = Sha256::digest(jws::signing_input(&self.protected, &canonical));
        let Ok(signature) = PrehashSigner::<Signature>::sign_prehash(&self.key, &digest) else {
            return Vec::new();
        };
        let signature = jws::assemble(&self.protected, &signature.to_bytes().into());
        let entry = json!({ "type": "JWS", "alg": "ES256", "scope": ["$"], "signature": signature });
        // The rest of the canonical form follows its opening brace as it is.
        let mut body = format!("{{\"integrity\":[{entry}],").into_bytes();
        body.extend_from_slice(canonical.get(1..).unwrap_or_default());
        body
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Registry(…)")
    }
}

fn signing_key(dice: &mut Dice) -> SigningKey {
    loop {
        if let Ok(key) = SigningKey::from_slice(&dice.bytes::<32>()) {
            return key;
        }
    }
}

fn certificate(
    issuer: &str,
    subject: &str,
    key: &SigningKey,
    issuer_key: &SigningKey,
    serial: u32,
    issued: Date,
) -> Result<Vec<u8>, x509_cert::builder::Error> {
    let profile = RegistryProfile {
        issuer: Name::from_str(issuer)?,
        subject: Name::from_str(subject)?,
    };
    let day = |days: i64| -> Result<Time, x509_cert::builder::Error> {
        let moment = issued.midnight().assume_utc() + time::Duration::days(days);
        let seconds = u64::try_from(moment.unix_timestamp()).unwrap_or(0);
        Ok(Time::from(DateTime::from_unix_duration(
            std::time::Duration::from_secs(seconds),
        )?))
    };
    let validity = Validity::new(day(-DAYS_BEFORE)?, day(DAYS_AFTER)?);
    let public = SubjectPublicKeyInfo::from_key(key.verifying_key())?;
    let builder = CertificateBuilder::new(profile, SerialNumber::from(serial), validity, public)?;
    let certificate = builder.build::<_, DerSignature>(issuer_key)?;
    Ok(certificate.to_der()?)
}

/// A root for itself, a signer for everybody else.
struct RegistryProfile {
    issuer: Name,
    subject: Name,
}

impl BuilderProfile for RegistryProfile {
    fn get_issuer(&self, _subject: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        _subject_key: SubjectPublicKeyInfoRef<'_>,
        _issuer_key: SubjectPublicKeyInfoRef<'_>,
        tbs: &TbsCertificate,
    ) -> Result<Vec<Extension>, x509_cert::builder::Error> {
        let ca = self.issuer == self.subject;
        let usage = if ca {
            KeyUsages::KeyCertSign
        } else {
            KeyUsages::DigitalSignature
        };
        let constraints = BasicConstraints {
            ca,
            path_len_constraint: ca.then_some(0),
        };
        let none = Extensions::new();
        Ok(vec![
            KeyUsage(FlagSet::from(usage)).to_extension(tbs.subject(), &none)?,
            constraints.to_extension(tbs.subject(), &none)?,
        ])
    }
}
