//! Number and texts of the person.

use super::requirements::Requirements;
use crate::base::Code;
use crate::dossier::fault;
use crate::dossier::field::{Field, Value};
use crate::dossier::finding::Finding;
use crate::dossier::name::{Alphabet, Flaw, Glyphs, flaws};
use crate::dossier::number::{Mismatch, PersonalNumber};
use crate::dossier::record::{Dossier, Person};

/// The longest name a face and DG13 can carry; Vietnamese names rarely pass 40.
const NAME_CHARACTERS_MAX: usize = 100;
/// The longest address or description.
const TEXT_CHARACTERS_MAX: usize = 250;
/// Findings about one text; after these the office has understood.
const FLAWS_PER_TEXT_MAX: usize = 3;

pub(super) fn check(
    dossier: &Dossier,
    requirements: &Requirements,
    glyphs: &Glyphs,
    findings: &mut Vec<Finding>,
) {
    let person = &dossier.person;
    numbers(person, findings);
    for field in &requirements.fields {
        if field.of(dossier) == Value::Absent {
            findings.push(Finding::new(&fault::FIELD_MISSING, field.path()));
        }
    }
    let name = Alphabet::Name {
        hyphen: requirements.hyphen_in_names,
        apostrophe: requirements.apostrophe_in_names,
    };
    let names = [
        (Some(&person.name), "biographicData.fullName"),
        (person.father.as_ref(), "biographicData.fatherName"),
        (person.mother.as_ref(), "biographicData.motherName"),
        (person.spouse.as_ref(), "biographicData.spouseName"),
    ];
    for (text, path) in names {
        if let Some(text) = text {
            one_text(text, path, name, NAME_CHARACTERS_MAX, glyphs, findings);
            if !text.is_empty() && text.split(' ').any(|part| !part.chars().any(char::is_alphabetic)) {
                findings.push(Finding::new(&fault::TEXT_CHARACTER, path));
            }
        }
    }
    for field in [
        Field::Nationality,
        Field::Ethnicity,
        Field::Religion,
        Field::Origin,
        Field::BirthPlace,
        Field::Residence,
        Field::Marks,
    ] {
        if let Value::Text(text) = field.of(dossier) {
            let path = field.path();
            one_text(text, path, Alphabet::Text, TEXT_CHARACTERS_MAX, glyphs, findings);
        }
    }
    // These order the boxes and are printed on manifests.
    for (text, path) in [
        (&dossier.place.village, "requestData.others.village"),
        (&dossier.place.team, "requestData.others.team"),
    ] {
        one_text(text, path, Alphabet::Text, NAME_CHARACTERS_MAX, glyphs, findings);
    }
}

fn numbers(person: &Person, findings: &mut Vec<Finding>) {
    match PersonalNumber::parse(&person.number) {
        Ok(number) => {
            for mismatch in number.disagreements(person.born, person.sex) {
                findings.push(Finding::new(number_code(mismatch), "personId"));
            }
        }
        Err(mismatch) => findings.push(Finding::new(number_code(mismatch), "personId")),
    }
    if let Some(old) = &person.old_number
        && !(old.len() == 9 && old.bytes().all(|byte| byte.is_ascii_digit()))
    {
        findings.push(Finding::new(&fault::OLD_NUMBER_FORM, "biographicData.oldNumber"));
    }
    // A number is cancelled when the sex or year it tells was wrong, so it need not agree with the person.
    if let Some(cancelled) = &person.cancelled_number
        && (PersonalNumber::parse(cancelled).is_err() || *cancelled == person.number)
    {
        findings.push(Finding::new(
            &fault::CANCELLED_NUMBER,
            "biographicData.cancelledNumber",
        ));
    }
}

fn number_code(mismatch: Mismatch) -> &'static Code {
    match mismatch {
        Mismatch::Form => &fault::NUMBER_FORM,
        Mismatch::Place => &fault::NUMBER_PLACE,
        Mismatch::Year => &fault::NUMBER_YEAR,
        Mismatch::Sex => &fault::NUMBER_SEX,
    }
}

fn one_text(
    text: &str,
    path: &str,
    alphabet: Alphabet,
    characters_max: usize,
    glyphs: &Glyphs,
    findings: &mut Vec<Finding>,
) {
    let flaws = flaws(text, alphabet, characters_max);
    for flaw in flaws.iter().take(FLAWS_PER_TEXT_MAX) {
        let code = match flaw {
            Flaw::TooLong(_) => &fault::TEXT_LENGTH,
            Flaw::NotNfc => &fault::TEXT_NOT_NFC,
            Flaw::Spacing => &fault::TEXT_SPACING,
            Flaw::Invisible(..) => &fault::TEXT_INVISIBLE,
            Flaw::LookAlike(..) => &fault::TEXT_LOOK_ALIKE,
            Flaw::NotAllowed(..) => &fault::TEXT_CHARACTER,
        };
        findings.push(Finding::new(code, path).with(flaw.to_string()));
    }
    if flaws.is_empty()
        && let Some((at, character)) = glyphs.missing(text)
    {
        let detail = format!("{at}: U+{:04X}", u32::from(character));
        findings.push(Finding::new(&fault::TEXT_NO_GLYPH, path).with(detail));
    }
}
