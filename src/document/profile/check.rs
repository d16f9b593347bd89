//! What a profile must not say: contradictions, and what this program cannot make.

use super::CardProfile;
use crate::document::state::country;
use crate::dossier::admit::Requirements;
use crate::dossier::field::Field;

/// Data groups that can be built.
const BUILDABLE: [u8; 6] = [1, 2, 3, 13, 14, 15];

/// Nothing contradicts anything; otherwise what does, for the one who wrote the profile.
pub(super) fn consistent(profile: &CardProfile) -> Result<(), String> {
    identity(profile)?;
    mrz(profile)?;
    chip(profile)?;
    certificates(profile)?;
    face(profile)?;
    qr(profile)
}

fn identity(profile: &CardProfile) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    ensure(
        (1..=32).contains(&profile.id.len()) && profile.id.chars().all(plain),
        "id must be 1 to 32 of a-z, 0-9 and -",
    )?;
    ensure(
        !profile.law.is_empty() && !profile.title.is_empty(),
        "law and title must not be empty",
    )?;
    ensure(
        profile.state_code.len() == 3 && country(&profile.state_code).is_some(),
        "state_code must be the three letters of a state (Doc 9303-3, section 5)",
    )?;
    requirements(&profile.requirements)
}

fn requirements(needs: &Requirements) -> Result<(), String> {
    ensure(distinct(&needs.fields), "requirements.fields names a field twice")?;
    ensure(
        needs.age_max.is_none_or(|oldest| needs.age_min <= oldest),
        "requirements.age_max must not be below requirements.age_min",
    )?;
    ensure(
        needs.validity.milestones.is_sorted_by(|one, next| one < next),
        "requirements.validity.milestones must ascend",
    )
}

fn mrz(profile: &CardProfile) -> Result<(), String> {
    let mrz = &profile.mrz;
    // Doc 9303-5, 4.2.2, note k: V never, AI never, AC only for crew members.
    let code = mrz.document_code.as_str();
    ensure(
        upper(code)
            && (1..=2).contains(&code.len())
            && code.starts_with(['A', 'C', 'I'])
            && !code.ends_with('V')
            && !matches!(code, "AI" | "AC"),
        "mrz.document_code must be A, C or I and at most one more letter that Doc 9303-5 allows",
    )?;
    ensure(
        mrz.unlimited_expiry.len() == 6
            && (mrz.unlimited_expiry.bytes().all(|byte| byte.is_ascii_digit())
                || mrz.unlimited_expiry == "<<<<<<"),
        "mrz.unlimited_expiry must be six digits or six fillers",
    )
}

fn chip(profile: &CardProfile) -> Result<(), String> {
    let chip = &profile.chip;
    let has = |number| profile.has_data_group(number);
    ensure(distinct(&chip.data_groups), "chip.data_groups names one twice")?;
    if let Some(other) = chip.data_groups.iter().find(|number| !BUILDABLE.contains(number)) {
        return Err(format!("chip.data_groups: DG{other} cannot be built"));
    }
    ensure(has(1), "chip.data_groups must have DG1")?;
    // SIZE (2..16) of dataGroupHashValues, Doc 9303-10 appendix D.
    ensure(
        chip.data_groups.len() >= 2,
        "chip.data_groups must have two at least",
    )?;
    ensure(
        has(2) != chip.without_dg2,
        "chip.data_groups must have DG2, or chip.without_dg2 must say that this is meant",
    )?;
    ensure(has(2) == profile.has_portrait(), "a portrait and DG2 go together")?;
    ensure(
        !has(3) || profile.has_portrait() && chip.chip_authentication.is_some(),
        "DG3 needs fingerprints, and chip.chip_authentication, which terminal authentication follows",
    )?;
    ensure(
        has(13) == profile.dg13.is_some(),
        "the table dg13 and the data group go together",
    )?;
    ensure(
        has(15) == chip.active_authentication,
        "chip.active_authentication and DG15 go together",
    )?;
    // DG14 announces PACE, the algorithm of ECDSA active authentication, and chip authentication (Doc 9303-11), nothing
    // else here.
    let announced = chip.active_authentication || chip.chip_authentication.is_some() || chip.pace.is_some();
    ensure(
        has(14) == announced,
        "DG14 goes together with active authentication, chip authentication or PACE",
    )?;
    ensure(chip.bac || chip.pace.is_some(), "the chip must have BAC or PACE")?;
    if let Some(pace) = &chip.pace {
        ensure(
            matches!(pace.parameter_id, 12 | 13),
            "chip.pace.parameter_id must be 12 (P-256) or 13 (brainpoolP256r1)",
        )?;
    }
    Ok(())
}

fn certificates(profile: &CardProfile) -> Result<(), String> {
    let certificates = &profile.certificates;
    ensure(
        (1..=92).contains(&certificates.ds_usage_days),
        "certificates.ds_usage_days must be 1 to 92, three months (Doc 9303-12, table 1)",
    )?;
    ensure(
        certificates.ds_validity_years >= 1
            && certificates.ds_validity_years < certificates.csca_validity_years
            && certificates.csca_validity_years <= 99,
        "certificates: the root must be valid longer than the signer, and at most 99 years",
    )?;
    ensure(
        certificates.document_types.contains(&profile.mrz.document_code),
        "certificates.document_types must have mrz.document_code",
    )
}

fn face(profile: &CardProfile) -> Result<(), String> {
    let face = &profile.face;
    ensure(!face.layout.is_empty(), "face.layout must not be empty")?;
    ensure(
        !face.unlimited_expiry.is_empty(),
        "face.unlimited_expiry must not be empty",
    )
}

fn qr(profile: &CardProfile) -> Result<(), String> {
    let Some(qr) = &profile.qr else {
        return Ok(());
    };
    ensure(
        qr.separator.is_ascii_punctuation() && !"/.,-'()".contains(qr.separator),
        "qr.separator must be a sign that addresses and names do not use",
    )?;
    ensure(
        qr.fields.contains(&Field::Number) && distinct(&qr.fields),
        "qr.fields must name the number, and every field once",
    )
}

fn ensure(holds: bool, otherwise: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise.to_owned()) }
}

fn upper(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_uppercase())
}

fn distinct<T: PartialEq>(items: &[T]) -> bool {
    items
        .iter()
        .enumerate()
        .all(|(index, item)| !items.iter().skip(index + 1).any(|other| other == item))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::example;
    use crate::dossier::admit::Biometrics;

    #[test]
    fn contradictions_are_refused() {
        type Spoil = fn(&mut CardProfile);
        let cases: &[(&str, Spoil)] = &[
            ("DG15", |p| p.chip.active_authentication = false),
            ("DG15", |p| p.chip.data_groups.retain(|number| *number != 15)),
            ("DG14", |p| p.chip.data_groups.retain(|number| *number != 14)),
            ("DG2", |p| p.chip.data_groups.retain(|number| *number != 2)),
            ("DG2", |p| p.chip.without_dg2 = true),
            ("portrait", |p| p.requirements.biometrics = Biometrics::None),
            ("dg13", |p| p.dg13 = None),
            ("DG4", |p| p.chip.data_groups.push(4)),
            ("DG3", |p| {
                p.chip.data_groups.push(3);
                p.chip.chip_authentication = None;
            }),
            ("twice", |p| p.chip.data_groups.push(1)),
            ("DG1", |p| p.chip.data_groups.retain(|number| *number != 1)),
            ("BAC or PACE", |p| {
                p.chip.bac = false;
                p.chip.pace = None;
            }),
            ("parameter_id", |p| {
                if let Some(pace) = &mut p.chip.pace {
                    pace.parameter_id = 0;
                }
            }),
            ("state_code", |p| p.state_code = "VN".into()),
            ("state_code", |p| p.state_code = "XXX".into()),
            ("state_code", |p| p.state_code = "vnm".into()),
            ("document_code", |p| p.mrz.document_code = "IV".into()),
            ("document_code", |p| p.mrz.document_code = "P".into()),
            ("unlimited_expiry", |p| p.mrz.unlimited_expiry = "9912".into()),
            ("document_types", |p| {
                p.certificates.document_types = vec!["P".into()];
            }),
            ("ds_usage_days", |p| p.certificates.ds_usage_days = 365),
            ("root", |p| p.certificates.ds_validity_years = 40),
            ("fields", |p| {
                p.requirements.fields = vec![Field::Marks, Field::Marks];
            }),
            ("age_max", |p| p.requirements.age_max = Some(13)),
            ("milestones", |p| {
                p.requirements.validity.milestones = vec![25, 25, 40];
            }),
            ("separator", |p| p.qr.iter_mut().for_each(|qr| qr.separator = ',')),
            ("fields", |p| p.qr.iter_mut().for_each(|qr| qr.fields.clear())),
            ("id", |p| p.id = "CCCD 2021".into()),
        ];
        for (word, spoil) in cases {
            let mut profile = example::profile("cccd-2021");
            assert_eq!(consistent(&profile), Ok(()));
            spoil(&mut profile);
            let refusal = consistent(&profile).expect_err(word);
            assert!(refusal.contains(word), "{word}: {refusal}");
        }
    }

    #[test]
    fn a_plain_card_needs_neither_dg13_nor_qr_nor_keys() {
        let mut profile = example::profile("cccd-2021");
        profile.chip.data_groups = vec![1, 2];
        profile.chip.active_authentication = false;
        profile.chip.chip_authentication = None;
        profile.chip.pace = None;
        profile.dg13 = None;
        profile.qr = None;
        assert_eq!(consistent(&profile), Ok(()));
    }
}
