//! Invented people to measure with.

use crate::base::Clock;
use crate::document::CardProfile;
use crate::dossier::Dossier;
use crate::sim::dossiers;

/// JPEG quality at which a chip holds about 30 kB.
pub(super) const PORTRAIT_QUALITY: u8 = 92;
/// Enough that no cache knows them all.
const PEOPLE: usize = 40;

/// Dossiers of adults, and the profile they ask for.
pub(super) fn adults() -> anyhow::Result<(Vec<Dossier>, CardProfile)> {
    let people = dossiers::generate(dossiers::Plan {
        seed: 2021,
        count: PEOPLE,
        issued: Clock::system().today(),
        intake: None,
    })
    .with_portrait_quality(PORTRAIT_QUALITY);
    let profile = CardProfile::builtin("cc-2024")?;
    let adults = (0..PEOPLE)
        .map(|index| people.truth(index))
        .filter(|dossier| dossier.profile == profile.id)
        .collect();
    Ok((adults, profile))
}

/// One of them, again and again.
pub(super) fn pick(dossiers: &[Dossier], index: usize) -> anyhow::Result<&Dossier> {
    dossiers
        .get(index % dossiers.len().max(1))
        .ok_or_else(|| anyhow::anyhow!("nobody was invented"))
}
