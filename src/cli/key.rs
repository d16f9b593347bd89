//! Keys and certificates: the rehearsal's key ceremony, requests to the national CSCA and its answers.

pub mod verb;

use std::path::{Path, PathBuf};

use der::pem::{self, LineEnding};
use time::{Duration, OffsetDateTime};

use super::facility::fault::{FILE, KEY, REFUSED};
use super::facility::{point_of, read, write};
use crate::base::clock::VIET_NAM;
use crate::base::ids::PersonId;
use crate::base::{Fault, Mode, hex};

use crate::chip::ChipProfile;
use crate::config::{Config, Keys, SignerSettings, Trust};
use crate::document::profile::CardProfile;
use crate::job::{Epoch, Fact, SignerChange};
use crate::pki::policy::remaining;
use crate::pki::request::Request;
use crate::pki::trust::verify_root;
use crate::pki::{
    Certificate, CertificatePlan, Contact, Crl, CrlPlan, Curve, Draft, EntityName, RequestPlan, Role,
    SignerKey, TrustStore, accept_certificate,
};
use crate::port::{KeyInfo, KeyPurpose, Signer};
use crate::sim::chip::rehearsal_master;

/// Certificates and CRLs are public.
const PUBLIC: u32 = 0o644;
/// Where they lie in the facility's folder.
const FOLDER: &str = "pki";
/// The signer of cards that expire, and the signer of those that do not.
const SIGNERS: [(&str, bool); 2] = [("ds-1", false), ("ds-unlimited-1", true)];
/// A card without expiry outlives any certificate; this is a lifetime for it, as far as anyone can promise.
const UNLIMITED_YEARS: u8 = 60;
/// The root's own usage (Doc 9303-12, table 1: three to five years) comes on top of its signers' validity.
const CSCA_USAGE_YEARS: u8 = 5;
/// Cards are issued up to two days before they are signed.
const ISSUED_BEFORE: Duration = Duration::days(2);
/// Validity begins a little before usage: some readers refuse equal times.
const SETTLING: Duration = Duration::hours(2);
/// Doc 9303-12, section 4.2: at most 90 days.
const CRL_VALIDITY: Duration = Duration::days(89);
const CRL_URL: &str = "https://csca.example/rehearsal.crl";

/// What a ceremony has made: what the configuration needs to know of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ceremony {
    /// Document signers and their certificates.
    pub signers: Vec<SignerSettings>,
    /// The CSCA's certificate and CRL.
    pub trust: Trust,
    /// Labels of all keys made, in order.
    pub made: Vec<String>,
}

/// One key as `key list` shows it.
#[derive(Clone, Debug, Eq, PartialEq, serde::Serialize)]
pub struct KeyLine {
    /// Its label.
    pub label: String,
    /// What it is for.
    pub purpose: KeyPurpose,
    /// The public point (uncompressed, hexadecimal) of a key pair: what a registry encrypts to, or checks papers with.
    pub public: Option<String>,
    /// Signatures made, where the token counts them.
    pub signatures: Option<u64>,
    /// Whole days in which it may still sign, for document signers.
    pub days_left: Option<i64>,
    /// Cards it may still sign, where it has a limit.
    pub cards_left: Option<u64>,
}

/// The rehearsal's key ceremony: makes all keys in the token, a CSCA of its own, two document signers and a CRL
/// after the
/// rules of this card profile. Every certificate is verified by the other library before anything is written to `pki/`.
///
/// # Errors
/// What the HSM says (a label that exists is refused), `PKI-…` if the profile breaks Doc 9303-12, `FAC-003` for
/// the disk.
pub async fn ceremony(
    signer: &dyn Signer,
    labels: &Keys,
    chip: &ChipProfile,
    profile: &CardProfile,
    now: OffsetDateTime,
    folder: &Path,
) -> Result<Ceremony, Fault> {
    let issued = issue(signer, labels, chip, profile, now).await?;
    let csca_label = &issued.csca_label;
    let signers = issued
        .signers
        .iter()
        .map(|signer| (&signer.label, &signer.certificate));
    for (label, certificate) in std::iter::once((csca_label, &issued.csca)).chain(signers) {
        keep(folder, label, &certificate.der)?;
    }
    let crl_file = file(csca_label, "crl");
    write(&folder.join(&crl_file), &issued.crl.der, PUBLIC)?;
    let text = armour("X509 CRL", &issued.crl.der)?;
    write(&folder.join(file(csca_label, "crl.pem")), text.as_bytes(), PUBLIC)?;
    let settings = |signer: &SignerKey| SignerSettings {
        label: signer.label.clone(),
        certificate: file(&signer.label, "der"),
        limit: signer.limit,
        unlimited: signer.unlimited,
    };
    Ok(Ceremony {
        signers: issued.signers.iter().map(settings).collect(),
        trust: Trust {
            cscas: vec![file(csca_label, "der")],
            crls: vec![crl_file],
        },
        made: issued.made,
    })
}

/// What a ceremony puts on record: keys made, signers certified and, in a rehearsal, at once in use.
pub(super) fn ceremony_facts<'a>(made: &[String], signers: impl Iterator<Item = &'a str>) -> Vec<Fact> {
    let key = |label: &str, change: &str| Fact::Key {
        label: label.to_owned(),
        change: change.to_owned(),
    };
    let mut facts: Vec<Fact> = made.iter().map(|label| key(label, "made")).collect();
    for label in signers {
        facts.push(key(label, "certified"));
        facts.push(Fact::Signer {
            label: label.to_owned(),
            change: SignerChange::Activated,
            code: None,
            by: vec![PersonId::new("ceremony")],
        });
    }
    facts
}

/// What a ceremony has issued.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The root's label.
    pub csca_label: String,
    /// The root.
    pub csca: Certificate,
    /// Its first CRL.
    pub crl: Crl,
    /// Document signers, verified.
    pub signers: Vec<SignerKey>,
    /// Labels of all keys made, in order.
    pub made: Vec<String>,
}

/// The part of a ceremony that happens in the token: keys and certificates, and nothing on disk.
///
/// # Errors
/// As [`ceremony`], but for the disk.
pub async fn issue(
    signer: &dyn Signer,
    labels: &Keys,
    chip: &ChipProfile,
    profile: &CardProfile,
    now: OffsetDateTime,
) -> Result<Issued, Fault> {
    let now = now.replace_nanosecond(0).unwrap_or(now);
    let csca_label = labels
        .csca
        .as_deref()
        .ok_or_else(|| Fault::new(&REFUSED, "keys.csca: a ceremony is for rehearsals"))?;
    let mut made = Vec::new();
    for (label, purpose) in own(labels) {
        signer.generate(label, purpose).await?;
        made.push(label.to_owned());
    }
    made.push(first_wrapping_key(signer, labels, now).await?);
    if let (Some(chips), Some(managed)) = (&labels.chips, chip.managed()) {
        let master = rehearsal_master(managed.diversification);
        signer.take_in(&chips.transport, &master).await?;
        made.push(chips.transport.clone());
    }
    let office = Office { signer, profile, now };
    let point = generate(signer, csca_label, KeyPurpose::Csca).await?;
    made.push(csca_label.to_owned());
    let csca = Certificate::parse(&office.certify(csca_label, csca_label, point, None, 0).await?)?;
    verify_root(&csca, now)?;
    let crl = Crl::parse(&office.crl(csca_label, &csca).await?)?;
    let trust = TrustStore {
        cscas: vec![csca.clone()],
        crls: vec![crl.clone()],
    };

    let mut signers = Vec::new();
    for (label, unlimited) in SIGNERS {
        let point = generate(signer, label, KeyPurpose::DocumentSigner).await?;
        made.push(label.to_owned());
        let years = if unlimited {
            UNLIMITED_YEARS
        } else {
            profile.certificates.ds_validity_years
        };
        let der = office
            .certify(csca_label, label, point, Some(&csca), years)
            .await?;
        let certificate = accept_certificate(&der, &point, &csca, now)?;
        trust.verify(&certificate, now)?;
        signers.push(SignerKey {
            label: label.to_owned(),
            certificate,
            issuer: csca.clone(),
            limit: None,
            unlimited,
        });
    }

    Ok(Issued {
        csca_label: csca_label.to_owned(),
        csca,
        crl,
        signers,
        made,
    })
}

/// Makes the wrapping key of the retention epoch that begins today, and answers its label. The controller makes its
/// successors, and destroys each when its epoch closes.
///
/// # Errors
/// What the HSM says.
pub(super) async fn first_wrapping_key(
    signer: &dyn Signer,
    labels: &Keys,
    now: OffsetDateTime,
) -> Result<String, Fault> {
    let today = now.to_offset(VIET_NAM).date();
    let label = Epoch::beginning(today, &[]).label(&labels.wrap);
    signer.generate(&label, KeyPurpose::Wrap).await?;
    Ok(label)
}

/// The facility's own keys that last, one purpose each: labels and purposes. The supplier's master for chips is not
/// among them, nor are wrapping keys, which come and go with their retention epochs.
pub fn own(labels: &Keys) -> impl Iterator<Item = (&str, KeyPurpose)> {
    [
        (labels.lookup.as_str(), KeyPurpose::Lookup),
        (&labels.manifest, KeyPurpose::Manifest),
        (&labels.checkpoint, KeyPurpose::Checkpoint),
        (&labels.intake, KeyPurpose::Intake),
    ]
    .into_iter()
    .chain(
        labels
            .chips
            .iter()
            .map(|chips| (chips.issuer.as_str(), KeyPurpose::ChipMaster)),
    )
}

/// Makes a key if the token has none of this label; was it made?
///
/// # Errors
/// `FAC-004` if the label is another purpose's, and what the HSM says.
pub async fn made_if_missing(signer: &dyn Signer, label: &str, purpose: KeyPurpose) -> Result<bool, Fault> {
    let keys = signer.keys().await?;
    match keys.iter().find(|key| key.label == label) {
        Some(known) if known.purpose == purpose => Ok(false),
        Some(other) => Err(Fault::new(&KEY, format!("{label} is for {:?}", other.purpose))),
        None => signer.generate(label, purpose).await.map(|_| true),
    }
}

/// Asks the national CSCA for a certificate: a PKCS#10 request for the document signer key with this label, as PEM. The
/// request is read back and its proof of possession verified before it is given out.
///
/// # Errors
/// `FAC-004` if there is no such key, what the HSM says, and `PKI-007` for a name that is refused.
pub async fn request(
    signer: &dyn Signer,
    label: &str,
    subject: EntityName,
    curve: Curve,
) -> Result<String, Fault> {
    let point = point_of(&signer.keys().await?, label, KeyPurpose::DocumentSigner)?;
    let plan = RequestPlan {
        subject,
        point,
        curve,
    };
    let der = finish(signer, label, &plan.draft()?).await?;
    Request::parse(&der)?;
    armour("CERTIFICATE REQUEST", &der)
}

/// Takes the CSCA's answer (DER or PEM) for the key with this label and keeps it in `pki/`. The settings that
/// are returned
/// go into the configuration by hand.
///
/// # Errors
/// `FAC-004` if there is no such key, `PKI-…` if the certificate is not for it or no trusted CSCA issued it,
/// `CFG-004` or
/// `CFG-006` if it is for the other mode, `FAC-003` if there is a certificate of this label already.
pub async fn import(
    signer: &dyn Signer,
    config: &Config,
    label: &str,
    answer: &Path,
    now: OffsetDateTime,
) -> Result<SignerSettings, Fault> {
    let content = read(answer)?;
    let der = match pem::decode_vec(&content) {
        Ok((_, der)) => der,
        Err(_) => content,
    };
    let point = point_of(&signer.keys().await?, label, KeyPurpose::DocumentSigner)?;
    let mut trust = TrustStore::default();
    for csca in &config.trust.cscas {
        trust.cscas.push(Certificate::parse(&read(&config.path(csca))?)?);
    }
    for crl in &config.trust.crls {
        trust.crls.push(Crl::parse(&read(&config.path(crl))?)?);
    }
    let csca = trust.verify(&Certificate::parse(&der)?, now)?;
    let certificate = accept_certificate(&der, &point, csca, now)?;
    config.check_certificate(label, certificate.is_rehearsal())?;
    keep(&config.folder, label, &certificate.der)?;
    Ok(SignerSettings {
        label: label.to_owned(),
        certificate: file(label, "der"),
        limit: None,
        unlimited: false,
    })
}

/// All keys of the token by label, and what is left of the document signers.
///
/// # Errors
/// What the HSM says.
pub async fn list(
    signer: &dyn Signer,
    signers: &[SignerKey],
    now: OffsetDateTime,
) -> Result<Vec<KeyLine>, Fault> {
    let mut keys = signer.keys().await?;
    keys.sort_by(|one, other| one.label.cmp(&other.label));
    Ok(keys.into_iter().map(|key| line(key, signers, now)).collect())
}

fn line(key: KeyInfo, signers: &[SignerKey], now: OffsetDateTime) -> KeyLine {
    let left = signers
        .iter()
        .find(|signer| signer.label == key.label)
        .map(|signer| remaining(signer, key.signatures.unwrap_or(0), now));
    KeyLine {
        public: (!key.public.is_empty()).then(|| hex::encode(&key.public)),
        label: key.label,
        purpose: key.purpose,
        signatures: key.signatures,
        days_left: left.map(|left| left.days),
        cards_left: left.and_then(|left| left.cards),
    }
}

/// A ceremony's rehearsal CSCA: what all its certificates have in common.
struct Office<'a> {
    signer: &'a dyn Signer,
    profile: &'a CardProfile,
    now: OffsetDateTime,
}

impl Office<'_> {
    /// A certificate for this point, signed with the CSCA's key: of a document signer if there is an issuer.
    async fn certify(
        &self,
        csca_label: &str,
        label: &str,
        point: [u8; 65],
        issuer: Option<&Certificate>,
        years: u8,
    ) -> Result<Vec<u8>, Fault> {
        let rules = &self.profile.certificates;
        let usage_from = self.now - ISSUED_BEFORE;
        let (role, not_before, usage_until, not_after) = match issuer {
            None => {
                let years = rules.csca_validity_years.max(UNLIMITED_YEARS + CSCA_USAGE_YEARS);
                (
                    Role::Csca,
                    usage_from - SETTLING - SETTLING,
                    years_after(self.now, CSCA_USAGE_YEARS),
                    years_after(self.now, years),
                )
            }
            Some(issuer) => (
                Role::DocumentSigner {
                    issuer,
                    document_types: rules.document_types.clone(),
                },
                usage_from - SETTLING,
                self.now + Duration::days(rules.ds_usage_days.into()),
                years_after(self.now, years),
            ),
        };
        let plan = CertificatePlan {
            role,
            subject: EntityName {
                country: self.profile.country().to_owned(),
                organization: "cardwright".to_owned(),
                common_name: format!("REHEARSAL {}", label.to_uppercase()),
            },
            serial: self.signer.random(16).await?,
            point,
            curve: rules.curve,
            not_before,
            not_after,
            usage_from,
            usage_until,
            contact: Contact {
                email: "pki@csca.example".to_owned(),
                state: self.profile.state_code.clone(),
            },
            crl_urls: vec![CRL_URL.to_owned()],
        };
        finish(self.signer, csca_label, &plan.draft()?).await
    }

    /// The first CRL: nothing is revoked.
    async fn crl(&self, csca_label: &str, csca: &Certificate) -> Result<Vec<u8>, Fault> {
        let plan = CrlPlan {
            issuer: csca,
            number: 1,
            this_update: self.now - SETTLING,
            next_update: self.now - SETTLING + CRL_VALIDITY,
            revoked: Vec::new(),
        };
        let der = finish(self.signer, csca_label, &plan.draft()?).await?;
        Crl::parse(&der)?.verify(csca)?;
        Ok(der)
    }
}

/// Certificates are issued here in rehearsals only.
pub(super) fn may_hold_ceremony(mode: Mode) -> bool {
    mode == Mode::Rehearsal
}

async fn generate(signer: &dyn Signer, label: &str, purpose: KeyPurpose) -> Result<[u8; 65], Fault> {
    let point = signer.generate(label, purpose).await?;
    point
        .try_into()
        .map_err(|_| Fault::new(&KEY, format!("{label}: no public point")))
}

async fn finish(signer: &dyn Signer, label: &str, draft: &Draft) -> Result<Vec<u8>, Fault> {
    draft.finish(&signer.sign(label, draft.digest).await?)
}

/// Writes a certificate as DER and PEM. One that a crash left on disk and out of the ledger is kept again.
fn keep(folder: &Path, label: &str, der: &[u8]) -> Result<(), Fault> {
    let text = armour("CERTIFICATE", der)?;
    for (extension, content) in [("der", der), ("pem", text.as_bytes())] {
        let path = folder.join(file(label, extension));
        if !std::fs::read(&path).is_ok_and(|known| known == content) {
            write(&path, content, PUBLIC)?;
        }
    }
    Ok(())
}

fn file(label: &str, extension: &str) -> PathBuf {
    Path::new(FOLDER).join(format!("{label}.{extension}"))
}

fn armour(kind: &'static str, der: &[u8]) -> Result<String, Fault> {
    pem::encode_string(kind, LineEnding::LF, der).map_err(|error| Fault::new(&FILE, error.to_string()))
}

/// The same day so many years on; the day after on 29 February.
fn years_after(at: OffsetDateTime, years: u8) -> OffsetDateTime {
    at.replace_year(at.year() + i32::from(years))
        .unwrap_or_else(|_| at + Duration::days(366 * i64::from(years)))
}
