//! Left of the machine: everything about a card that can be made before its blank is touched, the signature included.
//!
//! The order of durable facts is law 4: bundle, then the intent to sign its digest, then the signature. A crash between
//! any two continues with the same bundle, never with a new one.

use std::sync::Arc;

use time::OffsetDateTime;

use crate::audit::Hash;
use crate::base::ids::{AttemptId, LotId, MachineId, SodHash};
use crate::base::{Fault, Mode, Secret, hex};
use crate::chip::keys::{self, OwnKeys};
use crate::chip::{Can, MrzKey};
use crate::document::build::{self, ChipPublic};
use crate::document::face::{Faces, Marks};
use crate::document::mrz::Mrz;
use crate::document::sod::SodDraft;
use crate::document::{CardFiles, CardProfile, FileId, qr};
use crate::dossier::{Dossier, Expiry};
use crate::job::{Attempt, Event, Fact, Phase, SignerChange, apply};
use crate::pki::SigningRequest;
use crate::port::{BundlePart, Part};

use super::Line;
use super::bundle::Content;
use super::context::Fingerprints;
use super::fault::{BAD_SIGNATURE, NO_PROFILE, NO_TERMINAL, REPEATED_NONCE, SIGNER_STOPPED, unreadable};
use super::signers::Standing;
use super::vault::{FreshKey, open_part, seal_part};

/// A signed card that waits for a blank.
pub struct Ready {
    /// The attempt.
    pub attempt: Attempt,
    /// What was approved.
    pub dossier: Dossier,
    /// The kind of card.
    pub profile: Arc<CardProfile>,
    /// All files, EF.SOD among them.
    pub files: CardFiles,
    /// What opens the chip.
    pub mrz: MrzKey,
    /// What opens it too, if the card has it.
    pub can: Option<Can>,
    /// The chip's own private keys, as far as it gets any and they are not erased yet.
    pub keys: OwnKeys,
    /// What the printer prints.
    pub faces: Faces,
}

impl std::fmt::Debug for Ready {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ready({})", self.attempt.id)
    }
}

/// Makes the bundle of a new attempt, has it signed, and composes the faces.
///
/// # Errors
/// Whatever makes this card impossible: the dossier, a key, the HSM, the ledger.
pub async fn prepare(
    line: &Line,
    id: AttemptId,
    lot: LotId,
    machine: &MachineId,
    replaces: Option<AttemptId>,
) -> Result<Ready, Fault> {
    let (dossier, order_key) = line.open_order::<Dossier>(id.order).await?;
    let profile = profile(line, &dossier)?;
    // No blank is wasted on a card that the chips of this line cannot become.
    line.rules.chip.suits(&profile)?;
    if profile.has_data_group(3) && line.fingerprints(&profile).is_none() {
        return Err(Fault::new(&NO_TERMINAL, profile.id.as_str()));
    }
    let (keys, public) = own_keys(line, &profile).await?;
    let can = match profile.has_can() {
        true => Some(Can::random(&line.fresh_secret().await?)),
        false => None,
    };
    let number = hex::encode(&line.entropy.bytes::<8>()?);
    let files = build::files(&dossier, &profile, &public, &number, line.entropy.bytes()?)?;
    // Composed before anything is recorded: a face that does not fit is found while the attempt does not exist.
    let faces = faces(line, &dossier, &profile, can.as_ref())?;

    let now = line.clock.now();
    let signing_time = profile.sod.signing_time.then_some(now);
    let draft = SodDraft::new(&build::hashes(&files), profile.sod.version, signing_time)?;
    let signer = signer_for(line, &dossier, &profile, now, signing_time)?;
    let content = Content::new(files, draft, signer, can);

    let key = line.fresh_key(&order_key, id).await?;
    let planned = Event::Planned {
        lot,
        machine: machine.clone(),
        replaces,
    };
    let points: Vec<&[u8]> = public.points().map(|point| &point[..]).collect();
    let intended = Event::SignIntended {
        signer: content.signer.clone(),
        digest: hex::encode(&content.draft.digest),
        chip_key: (!points.is_empty()).then(|| Hash::of(&points).to_string()),
    };
    let mut attempt = fold(None, id, &planned)?;
    attempt = fold(Some(&attempt), id, &intended)?;
    let mut parts = vec![part(line, &key, id, Part::Content, &content.encode()?)?];
    if !keys.is_empty() {
        parts.push(part(line, &key, id, Part::Keys, &keys.encode())?);
    }
    line.record(
        vec![Fact::attempt(id, planned), Fact::attempt(id, intended)],
        parts,
    )
    .await?;
    let sod = sign(line, &mut attempt, &content, &key).await?;
    ready(attempt, dossier, profile, content, sod, keys, faces)
}

/// Takes up an attempt whose bundle exists: after a crash, or for a card that is in a machine already.
///
/// # Errors
/// As [`prepare`].
pub async fn resume(line: &Line, mut attempt: Attempt) -> Result<Ready, Fault> {
    let id = attempt.id;
    let (dossier, order_key) = line.open_order::<Dossier>(id.order).await?;
    let profile = profile(line, &dossier)?;
    let missing = || unreadable(format!("bundle of {id}"));
    let stored = line
        .ports
        .ledger
        .part(id, Part::Content)
        .await?
        .ok_or_else(missing)?;
    let content = Content::decode(&open_part(&order_key, id, Part::Content, &stored)?)?;
    let keys = match line.ports.ledger.part(id, Part::Keys).await? {
        Some(stored) => {
            let plain = open_part(&order_key, id, Part::Keys, &stored)?;
            OwnKeys::decode(&plain).ok_or_else(missing)?
        }
        None => OwnKeys::default(),
    };
    let sod = match line.ports.ledger.part(id, Part::Signed).await? {
        Some(stored) => open_part(&order_key, id, Part::Signed, &stored)?.to_vec(),
        None if attempt.phase == Phase::Signing => {
            // The answer was lost. Each signature asked for has its intent, so that the token's count can be explained.
            let intended = Event::SignIntended {
                signer: content.signer.clone(),
                digest: hex::encode(&content.draft.digest),
                chip_key: attempt.chip_key.clone(),
            };
            attempt = fold(Some(&attempt), id, &intended)?;
            let request = request(&dossier, &profile, line.clock.now(), None);
            line.signers.take_again(&content.signer, &request)?;
            line.event(id, intended).await?;
            let key = line.fresh_key(&order_key, id).await?;
            sign(line, &mut attempt, &content, &key).await?
        }
        None => return Err(missing()),
    };
    let faces = faces(line, &dossier, &profile, content.can.as_ref())?;
    ready(attempt, dossier, profile, content, sod, keys, faces)
}

/// Asks the HSM, checks its answer with another library, and makes EF.SOD durable.
async fn sign(
    line: &Line,
    attempt: &mut Attempt,
    content: &Content,
    key: &FreshKey,
) -> Result<Vec<u8>, Fault> {
    // Before a resumed card is signed as well: what was chosen then may not be used now.
    if line.signers.standing(&content.signer) == Some(Standing::Stopped) {
        return Err(Fault::new(&SIGNER_STOPPED, content.signer.as_str()));
    }
    let certificate = line
        .signers
        .certificate(&content.signer)
        .ok_or_else(|| Fault::new(&BAD_SIGNATURE, format!("no certificate for {}", content.signer)))?;
    let point = certificate
        .key
        .p256_point()
        .ok_or_else(|| Fault::new(&BAD_SIGNATURE, "the signer's curve"))?;
    let verify = |signature: &[u8; 64]| content.draft.verify(point, signature);
    let signed = line
        .hsm
        .sign_verified(&content.signer, content.draft.digest, verify);
    let signature = match signed.await {
        Err(fault) if [BAD_SIGNATURE.id, REPEATED_NONCE.id].contains(&fault.code.id) => {
            // No other card, on no machine, gets a signature of this key before two people have looked.
            line.signer_changes(
                &content.signer,
                SignerChange::Stopped,
                Some(fault.code.id),
                Vec::new(),
            )
            .await?;
            return Err(fault);
        }
        signed => signed?,
    };
    let sod = content.draft.finish(&certificate.der, &signature)?;
    let signed = Event::Signed {
        sod: SodHash(Hash::of(&[&sod]).to_string()),
        nonce: signature.first_chunk::<8>().map(|nonce| hex::encode(nonce)),
    };
    *attempt = fold(Some(attempt), attempt.id, &signed)?;
    let stored = part(line, key, attempt.id, Part::Signed, &sod)?;
    line.record(vec![Fact::attempt(attempt.id, signed)], vec![stored])
        .await?;
    Ok(sod)
}

/// The signer for this card today: by the order's date of issue as well as by now.
fn signer_for(
    line: &Line,
    dossier: &Dossier,
    profile: &CardProfile,
    now: OffsetDateTime,
    signing_time: Option<OffsetDateTime>,
) -> Result<String, Fault> {
    let request = request(dossier, profile, now, signing_time);
    line.signers.take(&request).map(|signer| signer.label.clone())
}

/// What a signer is asked for.
fn request(
    dossier: &Dossier,
    profile: &CardProfile,
    now: OffsetDateTime,
    signing_time: Option<OffsetDateTime>,
) -> SigningRequest {
    SigningRequest {
        now,
        signing_time,
        issued: dossier.issued,
        expiry: match dossier.expiry {
            Expiry::On(date) => Some(date),
            Expiry::Unlimited => None,
        },
        document_type: profile.mrz.document_code.clone(),
        country: profile.country(),
    }
}

/// The key pairs that a chip of this card gets.
async fn own_keys(line: &Line, profile: &CardProfile) -> Result<(OwnKeys, ChipPublic), Fault> {
    let chip = &profile.chip;
    let (active, active_point) = pair(line, chip.active_authentication).await?.unzip();
    let (agreement, agreement_point) = pair(line, chip.chip_authentication.is_some()).await?.unzip();
    let keys = OwnKeys {
        active_authentication: active,
        chip_authentication: agreement,
    };
    let public = ChipPublic {
        active_authentication: active_point,
        chip_authentication: agreement_point,
    };
    Ok((keys, public))
}

/// One key pair if it is wanted.
async fn pair(line: &Line, wanted: bool) -> Result<Option<(Secret<[u8; 32]>, [u8; 65])>, Fault> {
    if !wanted {
        return Ok(None);
    }
    keys::pair(&line.fresh_secret().await?).map(Some)
}

/// Both faces, with the rehearsal mark where it belongs.
///
/// # Errors
/// As [`crate::document::face::Press::compose`].
pub fn faces(
    line: &Line,
    dossier: &Dossier,
    profile: &CardProfile,
    can: Option<&Can>,
) -> Result<Faces, Fault> {
    let mrz = Mrz::compose(dossier, profile)?;
    let qr = qr::text(dossier, profile)?;
    let rehearsal = line.rules.mode == Mode::Rehearsal;
    let marks = Marks {
        mrz: mrz.lines(),
        qr: qr.as_deref(),
        can: can.map(Can::as_str),
    };
    line.press.compose(&profile.face, dossier, marks, rehearsal)
}

impl Line {
    /// Who may read the fingerprints on a card, if it holds any.
    #[must_use]
    pub fn fingerprints(&self, card: &CardProfile) -> Option<&Fingerprints> {
        self.rules
            .fingerprints
            .as_ref()
            .filter(|_| card.has_data_group(3))
    }
}

/// The profile a dossier asks for.
///
/// # Errors
/// `LIN-002`.
pub fn profile(line: &Line, dossier: &Dossier) -> Result<Arc<CardProfile>, Fault> {
    line.rules
        .profiles
        .get(&dossier.profile)
        .cloned()
        .ok_or_else(|| Fault::new(&NO_PROFILE, dossier.profile.clone()))
}

fn ready(
    attempt: Attempt,
    dossier: Dossier,
    profile: Arc<CardProfile>,
    content: Content,
    sod: Vec<u8>,
    keys: OwnKeys,
    faces: Faces,
) -> Result<Ready, Fault> {
    let mrz = Mrz::compose(&dossier, &profile)?;
    let mrz = MrzKey::new(&mrz.document_number(), mrz.birth(), mrz.expiry())?;
    let can = content.can.clone();
    let mut files = content.files();
    files.insert(FileId::Sod, sod);
    Ok(Ready {
        attempt,
        dossier,
        profile,
        files,
        mrz,
        can,
        keys,
        faces,
    })
}

fn part(
    line: &Line,
    key: &FreshKey,
    attempt: AttemptId,
    part: Part,
    plain: &[u8],
) -> Result<BundlePart, Fault> {
    Ok(BundlePart {
        attempt,
        part,
        sealed: seal_part(line, key, attempt, part, plain)?,
    })
}

fn fold(state: Option<&Attempt>, id: AttemptId, event: &Event) -> Result<Attempt, Fault> {
    apply(state, id, event).map_err(|illegal| Fault::new(&crate::job::fault::ILLEGAL, illegal.to_string()))
}
