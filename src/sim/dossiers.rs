//! The invented people of rehearsal, and their registry.
//!
//! One seed gives the same offices, persons, pictures, keys and signatures for ever, and request *n* does not depend
//! on the ones before it, so a caller may stream, skip and repeat. Nobody in here exists: family names and villages
//! are made of words for *rehearsal, sample, draft*, and the certificates say REHEARSAL.
//!
//! About two in a hundred requests carry a mistake on purpose ([`Mistake`]), a few wait for their residence to be
//! verified, a few were typed in by hand, a few lack a finger.

mod mistakes;
mod offices;
mod people;
mod pictures;
mod registry;

use p256::ecdsa::signature::rand_core::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use time::{Date, Duration};

use crate::base::hex;
use crate::base::ids::OfficeCode;
use crate::dossier::record::{Dossier, Image, ImageFormat};
use crate::dossier::{Office, jwe, osia};

pub use mistakes::Mistake;
use pictures::Texture;
use registry::Registry;

/// What to generate.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The same seed gives the same requests.
    pub seed: u64,
    /// How many requests.
    pub count: usize,
    /// Cards are issued on this day or up to two days before it.
    pub issued: Date,
    /// The facility's intake key (uncompressed point): a few requests are encrypted to it.
    pub intake: Option<[u8; 65]>,
}

/// A rehearsal's requests, made when they are asked for.
#[derive(Debug)]
pub struct Generated {
    /// The registry's root certificate, DER.
    pub trust_anchor_der: Vec<u8>,
    /// All offices, with two that have ended.
    pub offices: Vec<Office>,
    plan: Plan,
    registry: Registry,
    stranger: Registry,
    texture: Texture,
    ages: people::Ages,
}

/// One request as the registry sends it.
#[derive(Clone)]
pub struct Request {
    /// The registry's id.
    pub request_id: String,
    /// Version of the dossier.
    pub version: u32,
    /// The office that hands the card over.
    pub office: OfficeCode,
    /// The document: JSON, or compact JWE if it is encrypted to the facility.
    pub body: Vec<u8>,
    /// Images that the document names instead of holding them.
    pub attachments: Vec<(String, Vec<u8>)>,
    /// The finding that a mistake made on purpose must lead to.
    pub faulty: Option<&'static str>,
}

/// Prepares offices, keys and certificates; requests follow when asked for.
#[must_use]
pub fn generate(plan: Plan) -> Generated {
    let mut dice = Dice::new(plan.seed, u64::MAX);
    let registry = Registry::new("REHEARSAL Registry", plan.issued, &mut dice);
    let stranger = Registry::new("REHEARSAL Stranger", plan.issued, &mut dice);
    Generated {
        trust_anchor_der: registry.anchor().to_vec(),
        offices: offices::all(),
        registry,
        stranger,
        texture: Texture::new(&mut dice),
        ages: people::Ages::All,
        plan,
    }
}

impl Generated {
    /// With portraits of another JPEG quality: the higher, the more bytes the chips hold.
    #[must_use]
    pub fn with_portrait_quality(mut self, quality: u8) -> Self {
        self.texture.set_quality(quality);
        self
    }

    /// Everybody is under six: no portrait and no fingers are taken, so documents, chips and faces are small.
    #[must_use]
    pub fn of_small_children(mut self) -> Self {
        self.ages = people::Ages::UnderSix;
        self
    }

    /// All requests in order.
    pub fn requests(&self) -> impl Iterator<Item = Request> {
        (0..self.plan.count).map(|index| self.request(index))
    }

    /// One request; `index` counts from 0.
    #[must_use]
    pub fn request(&self, index: usize) -> Request {
        let mut dice = self.dice(index);
        let dossier = self.dossier(index, &mut dice);
        let mistake = Mistake::roll(&dossier, index, &mut dice);
        self.send(index, dossier, mistake, &mut dice)
    }

    /// What the office sends after request `index` was returned: the same dossier without its mistake, as version 2.
    #[must_use]
    pub fn correction(&self, index: usize) -> Request {
        let mut dice = self.dice(index);
        let mut dossier = self.dossier(index, &mut dice);
        dossier.version = 2;
        self.send(index, dossier, None, &mut dice)
    }

    /// The dossier of a request, before any mistake.
    #[must_use]
    pub fn truth(&self, index: usize) -> Dossier {
        self.dossier(index, &mut self.dice(index))
    }

    /// A dossier of the caller's own making as the registry would send it: signed, in the clear, its pictures in it.
    #[must_use]
    pub fn signed(&self, dossier: &Dossier) -> Vec<u8> {
        self.registry.sign(&osia::write(dossier))
    }

    fn dice(&self, index: usize) -> Dice {
        Dice::new(self.plan.seed, index as u64)
    }

    fn dossier(&self, index: usize, dice: &mut Dice) -> Dossier {
        let issued = self.plan.issued - Duration::days(dice.below(3).into());
        let received = issued - Duration::days((1 + dice.below(5)).into());
        people::dossier(index, (issued, received), self.ages, &self.texture, dice)
    }

    fn send(&self, index: usize, mut dossier: Dossier, mistake: Option<Mistake>, dice: &mut Dice) -> Request {
        if let Some(mistake) = mistake {
            let before = || self.truth(index.saturating_sub(1));
            mistake.spoil_dossier(&mut dossier, before, &self.texture);
        }
        let mut document = osia::write(&dossier);
        let mut attachments = Vec::new();
        if dice.per_mille(10) {
            attachments.extend(detach_portrait(&mut document, &dossier));
        }
        let registry = if mistake == Some(Mistake::Stranger) {
            &self.stranger
        } else {
            &self.registry
        };
        let mut body = registry.sign(&document);
        if let Some(mistake) = mistake {
            mistake.spoil_bytes(&mut body);
        }
        if let Some(point) = self.plan.intake.filter(|_| dice.per_mille(30)) {
            let (ephemeral, nonce) = (dice.bytes(), dice.bytes());
            if let Ok(sealed) = jwe::seal(&point, None, &body, &ephemeral, nonce) {
                body = sealed.into_bytes();
            }
        }
        Request {
            request_id: dossier.request.clone(),
            version: dossier.version,
            office: dossier.office.clone(),
            body,
            attachments,
            faulty: mistake.map(Mistake::finding),
        }
    }
}

/// Takes the portrait out of the document and leaves its name and hash. A plain name: the picture lies beside it.
fn detach_portrait(document: &mut Value, dossier: &Dossier) -> Option<(String, Vec<u8>)> {
    let image = dossier.portrait.as_ref()?;
    let face = document.pointer_mut("/biometricData/0")?;
    let name = format!("{}.jpg", dossier.request);
    face.as_object_mut()?.remove("image");
    face["imageRef"] = name.as_str().into();
    face["hash"] = json!(hex::encode(&Sha256::digest(&image.bytes)));
    Some((name, image.bytes.clone()))
}

/// A JPEG whose measures are known because it was just drawn.
fn jpeg(width: u32, height: u32, bytes: Vec<u8>) -> Image {
    Image {
        format: ImageFormat::Jpeg,
        width,
        height,
        bytes,
    }
}

/// Chance from a seed.
struct Dice(ChaCha8Rng);

impl Dice {
    fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self(rng)
    }

    /// A number below `bound`; the slight bias does not matter here.
    fn below(&mut self, bound: u32) -> u32 {
        self.0.next_u32() % bound.max(1)
    }

    fn between(&mut self, low: i32, high: i32) -> i32 {
        let span = u32::try_from(high - low + 1).unwrap_or(1);
        low + i32::try_from(self.below(span)).unwrap_or(0)
    }

    fn per_mille(&mut self, chance: u32) -> bool {
        self.below(1000) < chance
    }

    fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        let index = self.below(u32::try_from(choices.len()).unwrap_or(u32::MAX));
        &choices[index as usize]
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Request({}, {} bytes, {:?})",
            self.request_id,
            self.body.len(),
            self.faulty
        )
    }
}

#[cfg(test)]
mod tests;
