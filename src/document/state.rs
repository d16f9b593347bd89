//! Issuing states, which machine readable zones and certificates name in codes of their own.

/// The two letters that certificates have for the state of a machine readable zone (Doc 9303-3, section 5: the three
/// letters of ISO 3166-1, and some beside them). Fillers are taken off before.
#[must_use]
pub fn country(code: &str) -> Option<&'static str> {
    Some(match code {
        "D" => "DE",
        "UTO" => "UT",
        "EUE" => "EU",
        "UNO" | "UNA" | "UNK" => "UN",
        "GBD" | "GBN" | "GBO" | "GBP" | "GBS" => "GB",
        "RKS" => "KS",
        code => rust_iso3166::from_alpha3(code)?.alpha2,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_have_their_countries() {
        for (code, country_code) in [("VNM", "VN"), ("UTO", "UT"), ("D", "DE"), ("RKS", "KS")] {
            assert_eq!(country(code), Some(country_code));
        }
        assert!(
            ["", "VN", "vnm", "XXX"]
                .iter()
                .all(|code| country(code).is_none())
        );
    }
}
