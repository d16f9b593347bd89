//! Document signers: a successor is staged while the line runs, activated by two people, and takes over by itself when
//! the one before it reaches its end.

use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::ecdsa::{Signature, VerifyingKey};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::base::{Fault, Mode, hex};
use crate::job::{Fact, SignerChange};
use crate::line::Line;
use crate::line::signers::Standing;
use crate::pki::{Certificate, SignerKey};
use crate::port::KeyPurpose;

use super::fault::ALREADY;
use super::refused::{NO_SIGNER, SIGNER_REFUSED};
use super::{Answer, Who, record, status};

/// What can be asked about signers.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "do", deny_unknown_fields)]
pub enum Request {
    /// All, and what is left of each.
    List,
    /// A new one is brought in. It signs nothing yet but a test.
    Stage {
        /// The label of its key.
        label: String,
        /// Its certificate: DER, hexadecimal.
        certificate: String,
        /// Cards it may sign at most.
        limit: Option<u64>,
        /// It may sign cards without expiry.
        unlimited: bool,
    },
    /// It may sign cards from now on.
    Activate {
        /// The label of its key.
        label: String,
    },
    /// It may sign no more.
    Stop {
        /// The label of its key.
        label: String,
    },
}

impl Request {
    /// Bringing a key into use needs two people, taking it out of use needs one.
    #[must_use]
    pub fn needs_two(&self) -> bool {
        matches!(self, Self::Activate { .. })
    }
}

/// Answers.
///
/// # Errors
/// `CTL-071` for an unknown label, `CTL-015` if it is so already, `CTL-070` and `PKI-…` for a certificate that does not
/// belong here, the HSM's and the ledger's.
pub async fn act(line: &Line, who: &Who, request: Request) -> Result<Answer, Fault> {
    match request {
        Request::List => Ok(list(line)),
        Request::Stage {
            label,
            certificate,
            limit,
            unlimited,
        } => {
            let der =
                hex::decode(&certificate).ok_or_else(|| Fault::new(&SIGNER_REFUSED, "not hexadecimal"))?;
            stage(line, label, &der, limit, unlimited).await
        }
        Request::Activate { label } => change(line, who, &label, SignerChange::Activated).await,
        Request::Stop { label } => change(line, who, &label, SignerChange::Stopped).await,
    }
}

fn list(line: &Line) -> Answer {
    let signers = line.signers.left(line.clock.now());
    let text: Vec<String> = signers.iter().map(status::one_signer).collect();
    let data: Vec<_> = signers.iter().map(status::signer_data).collect();
    let lasts = |signer: &crate::line::signers::SignerLeft| {
        signer.standing == Standing::Active && !status::is_low(signer)
    };
    Answer {
        text: text.join("\n"),
        data: json!({ "signers": data }),
        good: signers.iter().any(lasts),
    }
}

/// Everything that a start proves of a signer is proven here: its chain, its mode, its key, and that the key signs.
async fn stage(
    line: &Line,
    label: String,
    der: &[u8],
    limit: Option<u64>,
    unlimited: bool,
) -> Result<Answer, Fault> {
    let refused = |why: &str| Fault::new(&SIGNER_REFUSED, format!("{label}: {why}"));
    if line.signers.standing(&label) == Some(Standing::Active) {
        return Err(Fault::new(&ALREADY, label));
    }
    let certificate = Certificate::parse(der)?;
    if certificate.is_rehearsal() != (line.rules.mode == Mode::Rehearsal) {
        return Err(refused("rehearsal and production are never mixed"));
    }
    let issuer = line.rules.trust.verify(&certificate, line.clock.now())?.clone();
    let keys = line.ports.signer.keys().await?;
    let key = keys
        .iter()
        .find(|key| key.label == label && key.purpose == KeyPurpose::DocumentSigner)
        .ok_or_else(|| refused("no such key in the HSM"))?;
    let point = certificate.key.p256_point();
    if point.map(|point| &point[..]) != Some(key.public.as_slice()) {
        return Err(refused("the certificate is for another key"));
    }
    let count = key.signatures;
    // On record before it is asked for, so that the token's count can be explained.
    if let Some(count) = count {
        let fact = Fact::SignatureCount {
            label: label.clone(),
            count,
            tests: 1,
        };
        record(line, vec![fact]).await?;
    }
    let digest: [u8; 32] = line.entropy.bytes()?;
    let verifying = VerifyingKey::from_sec1_bytes(&key.public).map_err(|_| refused("no public key"))?;
    let verify = |signature: &[u8; 64]| {
        Signature::from_slice(signature)
            .and_then(|signature| verifying.verify_prehash(&digest, &signature))
            .map_err(|_| refused("its test signature does not verify"))
    };
    line.hsm.sign_verified(&label, digest, verify).await?;
    line.signers.stage(
        SignerKey {
            label: label.clone(),
            certificate,
            issuer,
            limit,
            unlimited,
        },
        count.map_or(0, |count| count.saturating_add(1)),
    );
    if count.is_none() {
        line.count_signatures(std::slice::from_ref(&label)).await?;
    }
    Ok(Answer::good(
        format!("{label} is staged. Two people bring it into use: cardwright signer activate {label}"),
        json!({ "label": label, "standing": "staged" }),
    ))
}

async fn change(line: &Line, who: &Who, label: &str, change: SignerChange) -> Result<Answer, Fault> {
    let standing = line.signers.standing(label);
    let (wanted, words) = match change {
        SignerChange::Activated => (Standing::Active, "signs from now on, when its turn comes"),
        SignerChange::Stopped => (Standing::Stopped, "signs no more"),
    };
    match standing {
        None => return Err(Fault::new(&NO_SIGNER, label)),
        Some(standing) if standing == wanted => return Err(Fault::new(&ALREADY, label)),
        Some(_) => {}
    }
    line.signer_changes(label, change, None, who.people()).await?;
    Ok(Answer::good(
        format!("{label} {words}"),
        json!({ "label": label, "standing": if wanted == Standing::Active { "active" } else { "stopped" } }),
    ))
}
