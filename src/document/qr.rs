//! The text of the QR code: fields of the dossier in the profile's order, UTF-8, NFC.
//!
//! The seven fields of the cards of 2021 and their separator are what public readers agree on; the order on the cards
//! of 2024 is not public. Dates are written ddmmyyyy, an absent field is empty.

use std::collections::BTreeMap;

use crate::base::Fault;
use crate::document::fault::{FIELD_UNFIT, QR_MALFORMED};
use crate::document::field::{self, Field, Value};
use crate::document::profile::{CardProfile, QrProfile};
use crate::dossier::Dossier;

/// The text on this dossier's card, or nothing if its profile has no QR code.
///
/// # Errors
/// A dossier fault naming the field that holds the separator.
pub fn text(dossier: &Dossier, profile: &CardProfile) -> Result<Option<String>, Fault> {
    let Some(qr) = &profile.qr else {
        return Ok(None);
    };
    let mut text = String::new();
    for (index, &field) in qr.fields.iter().enumerate() {
        if index > 0 {
            text.push(qr.separator);
        }
        let value = match field.of(dossier) {
            Value::Absent => String::new(),
            Value::Text(text) => text.to_owned(),
            Value::Date(date) => field::date_text(date, ""),
            Value::Unlimited => profile.face.unlimited_expiry.clone(),
            Value::Sex(sex) => field::sex_text(sex).to_owned(),
        };
        if value.contains(qr.separator) {
            return Err(Fault::new(
                &FIELD_UNFIT,
                format!("{}: separator of the QR code", field.name()),
            ));
        }
        text.push_str(&value);
    }
    Ok(Some(text))
}

/// The fields of a text that was read; absent ones are left out.
///
/// # Errors
/// [`QR_MALFORMED`] if the number of fields is not the profile's.
pub fn parse(text: &str, qr: &QrProfile) -> Result<BTreeMap<Field, String>, Fault> {
    let values: Vec<&str> = text.split(qr.separator).take(qr.fields.len() + 1).collect();
    if values.len() != qr.fields.len() {
        return Err(Fault::new(
            &QR_MALFORMED,
            format!("{} fields expected", qr.fields.len()),
        ));
    }
    let fields = qr.fields.iter().copied().zip(values);
    Ok(fields
        .filter(|(_, value)| !value.is_empty())
        .map(|(field, value)| (field, value.to_owned()))
        .collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::document::example;

    #[test]
    fn the_text_of_2021() {
        let mut dossier = example::dossier();
        let profile = example::profile("cccd-2021");
        assert_eq!(
            text(&dossier, &profile).unwrap().unwrap(),
            "001203012345|012345678|Đỗ Văn Đạt|15042003|Nam|Số 1, Tràng Tiền, Hoàn Kiếm, Hà Nội|20052021"
        );
        dossier.person.old_number = None;
        let text = text(&dossier, &profile).unwrap().unwrap();
        assert!(text.starts_with("001203012345||Đỗ Văn Đạt|"));
        let fields = parse(&text, profile.qr.as_ref().unwrap()).unwrap();
        assert_eq!(fields.len(), 6);
        assert_eq!(fields.get(&Field::Issued).map(String::as_str), Some("20052021"));
        assert_eq!(fields.get(&Field::OldNumber), None);
    }

    #[test]
    fn the_text_of_2024_adds_the_cancelled_number_and_the_parents() {
        for id in ["cc-2024", "cc-2024-child"] {
            assert_eq!(
                text(&example::dossier(), &example::profile(id)).unwrap().unwrap(),
                "001203012345|012345678|Đỗ Văn Đạt|15042003|Nam|Số 1, Tràng Tiền, Hoàn Kiếm, Hà Nội|20052021||\
                 Đỗ Văn Bình|Lê Thị Cúc"
            );
        }
    }

    #[test]
    fn a_separator_in_a_field_and_a_wrong_count_are_refused() {
        let mut dossier = example::dossier();
        let profile = example::profile("cccd-2021");
        dossier.person.residence = "Số 1|2".into();
        let fault = text(&dossier, &profile).unwrap_err();
        assert!(fault.code == &FIELD_UNFIT && fault.detail.starts_with("residence"));
        let qr = profile.qr.unwrap();
        for text in ["", "1|2|3|4|5|6", "1|2|3|4|5|6|7|8", "1,2,3,4,5,6,7"] {
            assert_eq!(parse(text, &qr).unwrap_err().code, &QR_MALFORMED);
        }
    }

    #[test]
    fn a_profile_may_have_no_qr_code() {
        let mut profile = example::profile("cccd-2021");
        profile.qr = None;
        assert_eq!(text(&example::dossier(), &profile).unwrap(), None);
    }

    proptest! {
        #[test]
        fn any_text_reads_or_is_refused(text in "(\\PC|\\|){0,60}") {
            let qr = example::profile("cccd-2021").qr.unwrap();
            if let Ok(fields) = parse(&text, &qr) {
                prop_assert!(fields.values().all(|value| text.contains(value.as_str())));
            }
        }

        #[test]
        fn what_is_written_reads_back(residence in "[\\PC&&[^|]]{1,80}") {
            let mut dossier = example::dossier();
            let profile = example::profile("cc-2024");
            dossier.person.residence = residence.clone();
            let text = text(&dossier, &profile).unwrap().unwrap();
            let fields = parse(&text, profile.qr.as_ref().unwrap()).unwrap();
            prop_assert_eq!(fields.get(&Field::Residence), Some(&residence));
        }
    }
}
