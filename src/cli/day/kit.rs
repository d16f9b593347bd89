//! What all days of a size share, made once: keys and certificates, the press, the rules, and what the registry sends.

use std::collections::BTreeMap;
use std::sync::Arc;

use time::OffsetDateTime;
use time::macros::datetime;

use crate::base::{Clock, Fault, Mode};
use crate::chip::ChipProfile;
use crate::config::Keys;
use crate::document::face::Press;
use crate::document::profile::{BUILTIN, CardProfile};
use crate::dossier::name::Glyphs;
use crate::dossier::{Holidays, OfficeTable};
use crate::job::Term;
use crate::line::Rules;
use crate::line::context::KeyLabels;
use crate::pki::TrustStore;
use crate::port::{KeyPurpose, Signer};
use crate::sim::dossiers;
use crate::sim::memory::{MemorySigner, Power};

use super::super::facility::point_of;
use super::super::init::chip_masters;
use super::super::key::{Issued, issue};
use super::Plan;

/// When every day begins.
pub(super) const MORNING: OffsetDateTime = datetime!(2026-11-23 00:00 UTC);
/// The profile whose rules the certificates follow.
const PROFILE: &str = "cc-2024";

/// Who applies for cards.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum People {
    /// People of all ages, with portraits and fingerprints.
    All,
    /// Small children: real documents, chips and faces, but small ones.
    SmallChildren,
}

/// What days have in common.
pub struct Kit {
    /// The documents that the registry sends in the morning.
    pub requests: Vec<dossiers::Request>,
    pub(super) signer: MemorySigner,
    press: Arc<Press>,
    profiles: BTreeMap<String, Arc<CardProfile>>,
    glyphs: Glyphs,
    holidays: Holidays,
    chip: ChipProfile,
    pub(super) issued: Issued,
    manifest_key: [u8; 65],
    offices: OfficeTable,
    dossier_trust: Vec<Vec<u8>>,
}

impl Kit {
    /// Keys, certificates and so many dossiers of invented people, from one seed, for blanks with this kind of chip.
    /// Must be called under paused time.
    ///
    /// # Errors
    /// Broken built-in data.
    pub async fn new(seed: u64, count: usize, people: People, chip: &str) -> Result<Arc<Self>, Fault> {
        let clock = Clock::starting_at(MORNING);
        let signer = MemorySigner::new(Power::new(clock), seed);
        let chip = ChipProfile::built_in(chip)?;
        let keys = labels(&chip);
        let issued = issue(
            &signer,
            &keys,
            &chip,
            &CardProfile::builtin(PROFILE)?,
            clock.now(),
        )
        .await?;
        let listed = signer.keys().await?;
        let generated = dossiers::generate(dossiers::Plan {
            seed,
            count,
            issued: MORNING.date(),
            intake: Some(point_of(&listed, &keys.intake, KeyPurpose::Intake)?),
        });
        let generated = match people {
            People::All => generated,
            People::SmallChildren => generated.of_small_children(),
        };
        let mut profiles = BTreeMap::new();
        for (id, text) in BUILTIN {
            profiles.insert((*id).to_owned(), Arc::new(chip.fit(CardProfile::parse(text)?)));
        }
        Ok(Arc::new(Self {
            requests: generated.requests().collect(),
            press: Arc::new(Press::builtin()?),
            profiles,
            glyphs: Glyphs::of(crate::base::font::SANS)?,
            holidays: Holidays::viet_nam()?,
            chip,
            issued,
            manifest_key: point_of(&listed, &keys.manifest, KeyPurpose::Manifest)?,
            offices: OfficeTable::new(generated.offices)?,
            dossier_trust: vec![generated.trust_anchor_der],
            signer,
        }))
    }

    /// The press, which all lines share.
    pub(super) fn press(&self) -> Arc<Press> {
        Arc::clone(&self.press)
    }

    /// The rules of a line on such a day.
    pub(super) fn rules(&self, plan: &Plan) -> Rules {
        let keys = labels(&self.chip);
        Rules {
            facility: "day".to_owned(),
            mode: Mode::Rehearsal,
            profiles: self.profiles.clone(),
            trust: TrustStore {
                cscas: vec![self.issued.csca.clone()],
                crls: vec![self.issued.crl.clone()],
            },
            keys: KeyLabels {
                wrap: keys.wrap,
                lookup: keys.lookup,
                manifest: keys.manifest,
                checkpoint: keys.checkpoint,
                intake: keys.intake,
                chips: keys.chips,
            },
            manifest_key: self.manifest_key,
            offices: self.offices.clone(),
            glyphs: self.glyphs.clone(),
            holidays: self.holidays.clone(),
            dossier_trust: self.dossier_trust.clone(),
            chip: self.chip.clone(),
            fingerprints: None,
            lot_cards: plan.lot,
            box_cards: plan.box_cards,
            working_days: 5,
            term: Term::default(),
        }
    }
}

impl std::fmt::Debug for Kit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Kit({} requests)", self.requests.len())
    }
}

fn labels(chip: &ChipProfile) -> Keys {
    Keys {
        wrap: "wrap".to_owned(),
        lookup: "lookup".to_owned(),
        manifest: "manifest".to_owned(),
        checkpoint: "checkpoint".to_owned(),
        intake: "intake".to_owned(),
        chips: chip.managed().is_some().then(chip_masters),
        csca: Some("csca".to_owned()),
    }
}
