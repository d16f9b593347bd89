//! Admission: *đúng, đủ, sạch, sống*. Is the dossier correct, complete, clean and live, so that a card may be made?
//!
//! The check is a pure function of the dossier, the facility's rules and the day. Duplicates and second live orders are
//! known only to the order book; their findings are in the catalogue all the same ([`super::fault`], 8xx).

mod biometrics;
mod dates;
mod person;
mod requirements;

use time::Date;

use super::fault;
use super::finding::Finding;
use super::name::Glyphs;
use super::office::{OfficeTable, Resolution};
use super::record::Dossier;

pub use requirements::{Biometrics, PortraitRules, Requirements};

/// Everything a check needs besides the dossier.
#[derive(Debug)]
pub struct Rules<'a> {
    /// What the card profile that the dossier names needs; nothing if there is no such profile.
    pub requirements: Option<&'a Requirements>,
    /// Offices and their dates.
    pub offices: &'a OfficeTable,
    /// What the card font can draw.
    pub glyphs: &'a Glyphs,
    /// What a portrait must be like.
    pub portrait: PortraitRules,
    /// An issue date may lie this many days ahead of today: cards are approved a little before they are made.
    pub issue_ahead_days: u16,
}

/// Everything there is to say about a dossier on this day; nothing if it is in order. What it comes to is
/// [`super::finding::worst`].
#[must_use]
pub fn check(dossier: &Dossier, rules: &Rules<'_>, today: Date) -> Vec<Finding> {
    let mut findings = Vec::new();
    office(dossier, rules, today, &mut findings);
    if !dossier.residence_verified {
        findings.push(Finding::new(
            &fault::RESIDENCE_UNVERIFIED,
            "requestData.others.residenceVerified",
        ));
    }
    if dossier.manual_entry {
        findings.push(Finding::new(
            &fault::MANUAL_ENTRY,
            "requestData.others.manualEntry",
        ));
    }
    let Some(requirements) = rules.requirements else {
        findings.push(Finding::new(
            &fault::PROFILE_UNKNOWN,
            "requestData.credentialProfileId",
        ));
        return findings;
    };
    person::check(dossier, requirements, rules.glyphs, &mut findings);
    dates::check(
        dossier,
        requirements,
        rules.issue_ahead_days,
        today,
        &mut findings,
    );
    biometrics::check(dossier, requirements, &rules.portrait, &mut findings);
    findings
}

fn office(dossier: &Dossier, rules: &Rules<'_>, today: Date, findings: &mut Vec<Finding>) {
    let found = match rules.offices.resolve(&dossier.office, today) {
        Resolution::Current(_) => return,
        Resolution::Succeeded(_, successor) => (&fault::OFFICE_SUCCEEDED, successor.code.as_str()),
        Resolution::Expired(_) | Resolution::NotYet(_) => (&fault::OFFICE_EXPIRED, ""),
        Resolution::Unknown => (&fault::OFFICE_UNKNOWN, ""),
    };
    findings.push(Finding::new(found.0, "requestData.deliveryOffice").with(found.1));
}

#[cfg(test)]
pub(in crate::dossier) mod tests;
