use std::str::FromStr;

use p256::ecdsa::SigningKey;
use time::macros::datetime;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder, CertificateBuilder};
use x509_cert::certificate::TbsCertificate;
use x509_cert::der::asn1::OctetString;
use x509_cert::der::flagset::FlagSet;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::{DateTime, Encode};
use x509_cert::ext::pkix::{BasicConstraints, KeyUsage, KeyUsages};
use x509_cert::ext::{Extension, Extensions, ToExtension};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{SubjectPublicKeyInfo, SubjectPublicKeyInfoRef};
use x509_cert::time::{Time, Validity};

use super::*;

pub(in crate::dossier) const NOW: OffsetDateTime = datetime!(2026-11-20 08:00 UTC);

/// A certificate to be, in order as it stands; tests change what they are about.
#[derive(Clone)]
pub(in crate::dossier) struct Draft {
    issuer: &'static str,
    subject: &'static str,
    ca: bool,
    path: Option<u8>,
    usage: KeyUsages,
    until: OffsetDateTime,
    odd_extension: bool,
}

pub(in crate::dossier) fn root() -> Draft {
    Draft {
        issuer: "CN=REHEARSAL Root",
        subject: "CN=REHEARSAL Root",
        ca: true,
        path: None,
        usage: KeyUsages::KeyCertSign,
        until: datetime!(2030-01-01 00:00 UTC),
        odd_extension: false,
    }
}

pub(in crate::dossier) fn leaf() -> Draft {
    Draft {
        subject: "CN=REHEARSAL Signer",
        ca: false,
        usage: KeyUsages::DigitalSignature,
        ..root()
    }
}

pub(in crate::dossier) fn key(seed: u8) -> SigningKey {
    SigningKey::from_slice(&[seed; 32]).unwrap()
}

impl Draft {
    pub(in crate::dossier) fn until(self, until: OffsetDateTime) -> Self {
        Self { until, ..self }
    }

    pub(in crate::dossier) fn certify(&self, subject: &SigningKey, issuer: &SigningKey) -> Vec<u8> {
        let time = |moment: OffsetDateTime| {
            let seconds = u64::try_from(moment.unix_timestamp()).unwrap();
            Time::from(DateTime::from_unix_duration(std::time::Duration::from_secs(seconds)).unwrap())
        };
        let validity = Validity::new(time(datetime!(2025-01-01 00:00 UTC)), time(self.until));
        let public = SubjectPublicKeyInfo::from_key(subject.verifying_key()).unwrap();
        CertificateBuilder::new(self.clone(), SerialNumber::from(7u32), validity, public)
            .unwrap()
            .build::<_, DerSignature>(issuer)
            .unwrap()
            .to_der()
            .unwrap()
    }
}

impl BuilderProfile for Draft {
    fn get_issuer(&self, _subject: &Name) -> Name {
        Name::from_str(self.issuer).unwrap()
    }

    fn get_subject(&self) -> Name {
        Name::from_str(self.subject).unwrap()
    }

    fn build_extensions(
        &self,
        _subject_key: SubjectPublicKeyInfoRef<'_>,
        _issuer_key: SubjectPublicKeyInfoRef<'_>,
        tbs: &TbsCertificate,
    ) -> Result<Vec<Extension>, x509_cert::builder::Error> {
        let constraints = BasicConstraints {
            ca: self.ca,
            path_len_constraint: self.path,
        };
        let none = Extensions::new();
        let mut extensions = vec![
            KeyUsage(FlagSet::from(self.usage)).to_extension(tbs.subject(), &none)?,
            constraints.to_extension(tbs.subject(), &none)?,
        ];
        if self.odd_extension {
            extensions.push(Extension {
                extn_id: ObjectIdentifier::new_unwrap("1.3.6.1.4.1.99999.1"),
                critical: true,
                extn_value: OctetString::new(vec![5, 0])?,
            });
        }
        Ok(extensions)
    }
}

fn refusal(chain: &[Vec<u8>], trust: &[Vec<u8>]) -> &'static str {
    check(chain, trust, NOW).unwrap_err().code.id
}

#[test]
fn a_signer_of_a_trusted_root_is_accepted() {
    let (anchor, signer) = (root().certify(&key(1), &key(1)), leaf().certify(&key(2), &key(1)));
    let found = check(std::slice::from_ref(&signer), std::slice::from_ref(&anchor), NOW).unwrap();
    assert_eq!(found.subject, "CN=REHEARSAL Signer");
    assert_eq!(&found.key, key(2).verifying_key());
    // The anchor may come along, as RFC 7515 allows.
    assert!(check(&[signer, anchor.clone()], &[anchor], NOW).is_ok());
}

#[test]
fn an_intermediate_is_followed_as_far_as_the_path_allows() {
    let between = Draft {
        subject: "CN=REHEARSAL Between",
        ..root()
    };
    let between = between.certify(&key(3), &key(1));
    let signer = Draft {
        issuer: "CN=REHEARSAL Between",
        ..leaf()
    }
    .certify(&key(2), &key(3));
    let chain = [signer, between];
    assert!(check(&chain, &[root().certify(&key(1), &key(1))], NOW).is_ok());
    let short = Draft {
        path: Some(0),
        ..root()
    }
    .certify(&key(1), &key(1));
    assert_eq!(refusal(&chain, &[short]), fault::CERTIFICATE_USAGE.id);
}

#[test]
fn other_chains_are_refused() {
    let anchors = [root().certify(&key(1), &key(1))];
    let signer = leaf().certify(&key(2), &key(1));
    let untrusted = fault::CERTIFICATE_UNTRUSTED.id;
    assert_eq!(refusal(&[], &anchors), untrusted);
    assert_eq!(refusal(std::slice::from_ref(&signer), &[]), untrusted);
    // The right names over the wrong key, and the right key under the wrong name.
    assert_eq!(refusal(&[leaf().certify(&key(2), &key(9))], &anchors), untrusted);
    let renamed = Draft {
        issuer: "CN=REHEARSAL Other",
        ..leaf()
    };
    assert_eq!(refusal(&[renamed.certify(&key(2), &key(1))], &anchors), untrusted);
    // A stranger's root sent along proves nothing.
    let strange = root().certify(&key(9), &key(9));
    assert_eq!(
        refusal(&[leaf().certify(&key(2), &key(9)), strange], &anchors),
        untrusted
    );
    // An anchor is not a signer.
    assert_eq!(refusal(&anchors, &anchors), fault::CERTIFICATE_USAGE.id);
    assert_eq!(
        refusal(&[b"0".to_vec()], &anchors),
        fault::CERTIFICATE_UNREADABLE.id
    );
    let trailing = [signer, vec![0]].concat();
    assert_eq!(refusal(&[trailing], &anchors), fault::CERTIFICATE_UNREADABLE.id);
}

#[test]
fn time_and_usage_count() {
    let anchors = [root().certify(&key(1), &key(1))];
    let past = datetime!(2026-11-19 00:00 UTC);
    let expired = leaf().until(past).certify(&key(2), &key(1));
    assert_eq!(refusal(&[expired], &anchors), fault::CERTIFICATE_EXPIRED.id);
    let signer = [leaf().certify(&key(2), &key(1))];
    let old_root = root().until(past).certify(&key(1), &key(1));
    assert_eq!(refusal(&signer, &[old_root]), fault::CERTIFICATE_EXPIRED.id);
    for wrong in [
        Draft {
            usage: KeyUsages::KeyAgreement,
            ..leaf()
        },
        Draft { ca: true, ..leaf() },
        Draft {
            odd_extension: true,
            ..leaf()
        },
    ] {
        assert_eq!(
            refusal(&[wrong.certify(&key(2), &key(1))], &anchors),
            fault::CERTIFICATE_USAGE.id
        );
    }
    let no_ca = Draft { ca: false, ..root() }.certify(&key(1), &key(1));
    assert_eq!(refusal(&signer, &[no_ca]), fault::CERTIFICATE_USAGE.id);
    let no_sign = Draft {
        usage: KeyUsages::CRLSign,
        ..root()
    }
    .certify(&key(1), &key(1));
    assert_eq!(refusal(&signer, &[no_sign]), fault::CERTIFICATE_USAGE.id);
}
