//! The parts of a facility looked at one by one, each told in a line: for `doctor`, which opens nothing that is locked.

use time::{Date, Duration, OffsetDateTime};

use super::files;
use crate::base::Fault;
use crate::config::Config;
use crate::document::CardProfile;
use crate::dossier::OfficeTable;
use crate::pki::SignerKey;
use crate::pki::fault::OTHER_STATE;

/// So many days before the table of holidays ends it is missed.
const WARNED_DAYS: i64 = 45;

/// The document signers whose certificates hold now.
///
/// # Errors
/// `FAC-003`, `CFG-…` or `PKI-…` for the first that does not.
pub(in crate::cli) fn signer_keys(config: &Config, now: OffsetDateTime) -> Result<Vec<SignerKey>, Fault> {
    files::signers(config, &files::trust(config)?, now)
}

/// Card profiles by name, as the chips of this facility become them.
///
/// # Errors
/// The first that cannot be used; `PKI-042` for one of a state that none of the signers is of.
pub(in crate::cli) fn profiles(config: &Config, signers: &[SignerKey]) -> Result<String, Fault> {
    let chip = config.chip_profile()?;
    let profiles = files::profiles(config, &chip)?;
    let is_of = |card: &CardProfile| signers.iter().any(|signer| signer.is_of(card.country()));
    if let Some(other) = profiles.values().find(|card| !signers.is_empty() && !is_of(card)) {
        let found = format!("{}: {}", other.id, other.country());
        return Err(Fault::new(&OTHER_STATE, found));
    }
    let names = profiles
        .values()
        .map(|card| match card.chip.active_authentication {
            true => card.id.clone(),
            false => format!("{} (no active authentication)", card.id),
        });
    Ok(names.collect::<Vec<_>>().join(", "))
}

/// The days on which nobody works: an error if those that come soon are not known.
///
/// # Errors
/// `FAC-003` if the table ends soon, and why it cannot be read.
pub(in crate::cli) fn holidays(config: &Config, today: Date) -> Result<String, Fault> {
    let table = files::holidays(config)?;
    let soon = today.saturating_add(Duration::days(WARNED_DAYS));
    let unknown = [today, soon]
        .into_iter()
        .map(Date::year)
        .find(|year| !table.covers(*year));
    match unknown {
        None => Ok(format!("holidays are known until {soon} at least")),
        Some(year) => {
            let detail =
                format!("the holidays of {year} are unknown, due dates come too early: see paths.holidays");
            Err(Fault::new(&super::fault::FILE, detail))
        }
    }
}

/// The table of offices.
///
/// # Errors
/// `FAC-003` if it is empty, and why it cannot be read.
pub(in crate::cli) fn offices(config: &Config) -> Result<String, Fault> {
    let table = files::offices(config)?;
    if table == OfficeTable::default() {
        let path = config.path(&config.paths.offices);
        let detail = format!("{}: no office, so every dossier would be held", path.display());
        return Err(Fault::new(&super::fault::FILE, detail));
    }
    Ok("the table can be read".to_owned())
}

/// Roots of those who sign dossiers.
///
/// # Errors
/// `FAC-003` if there is none: every dossier would be returned.
pub(in crate::cli) fn dossier_trust(config: &Config) -> Result<String, Fault> {
    let roots = files::dossier_trust(config)?;
    if roots.is_empty() {
        let path = config.path(&config.paths.dossier_trust);
        let detail = format!(
            "{}: no root certificate (.der) of those who sign dossiers",
            path.display()
        );
        return Err(Fault::new(&super::fault::FILE, detail));
    }
    Ok(format!(
        "{} root certificates of those who sign dossiers",
        roots.len()
    ))
}
