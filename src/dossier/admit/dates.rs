//! Dates by law.

use time::{Date, Duration};

use super::requirements::Requirements;
use crate::dossier::fault;
use crate::dossier::finding::Finding;
use crate::dossier::record::Dossier;

/// Nobody has become older.
const AGE_MAX: u8 = 125;

pub(super) fn check(
    dossier: &Dossier,
    requirements: &Requirements,
    issue_ahead_days: u16,
    today: Date,
    findings: &mut Vec<Finding>,
) {
    let (born, received, issued) = (dossier.person.born, dossier.received, dossier.issued);
    let mut found = |code, field: &str| findings.push(Finding::new(code, field));
    if born > received {
        found(&fault::DATE_ORDER, "biographicData.dateOfBirth");
    }
    if received > issued {
        found(&fault::DATE_ORDER, "requestData.validFromDate");
    }
    if issued < requirements.in_force {
        found(&fault::BEFORE_THE_LAW, "requestData.validFromDate");
    }
    if received > today {
        found(&fault::DATE_FUTURE, "requestData.others.receivedDate");
    }
    if issued > today.saturating_add(Duration::days(i64::from(issue_ahead_days))) {
        found(&fault::DATE_FUTURE, "requestData.validFromDate");
    }
    if born > issued {
        // Without an age nothing more can be said.
        return;
    }
    let age = requirements.validity.age(born, issued);
    if age > AGE_MAX {
        found(&fault::AGE_IMPOSSIBLE, "biographicData.dateOfBirth");
    } else if age < requirements.age_min || requirements.age_max.is_some_and(|max| age > max) {
        found(&fault::AGE_PROFILE, "requestData.credentialProfileId");
    }
    if dossier.expiry != requirements.validity.expiry(born, issued) {
        found(&fault::EXPIRY_LAW, "requestData.validToDate");
    }
}
