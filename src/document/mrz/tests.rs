use proptest::prelude::*;
use sha1::{Digest, Sha1};
use time::macros::date;

use super::*;
use crate::base::hex;
use crate::document::example;
use crate::document::profile::NameSeparator;

/// Kseed of Doc 9303-11, appendix D.2: the first sixteen bytes of SHA-1.
fn seed(mrz: &Mrz) -> String {
    hex::encode(&Sha1::digest(mrz.key_material().expose())[..16])
}

#[test]
fn check_digits_of_doc_9303_3() {
    assert_eq!(check_digit("520727"), 3);
    assert_eq!(check_digit("AB2134<<<"), 5);
    assert_eq!(check_digit("L898902C<"), 3);
    assert_eq!(check_digit("D23145890734"), 9);
}

#[test]
fn the_man_of_the_worked_example() {
    let (dossier, mut profile) = (example::dossier(), example::profile("cccd-2021"));
    profile.state_code = "VNM".into();
    let mrz = Mrz::compose(&dossier, &profile).unwrap();
    assert_eq!(
        mrz.lines(),
        &[
            "IDVNM2030123450001203012345<<1",
            "0304155M2804154VNM<<<<<<<<<<<8",
            "DO<VAN<DAT<<<<<<<<<<<<<<<<<<<<"
        ]
    );
    assert_eq!(mrz.key_material().expose(), b"203012345003041552804154");
    assert_eq!(seed(&mrz), "D0F4E6A824ABDD20A3119A05B6E3622C");

    let fields = Mrz::parse(&mrz.lines().join("\r\n")).unwrap();
    assert_eq!(fields.personal_number.as_deref(), Some("001203012345"));
    assert_eq!(fields.document_number, "203012345");
    assert_eq!(
        (fields.birth.as_str(), fields.expiry.as_str()),
        ("030415", "280415")
    );
    assert_eq!((fields.sex, fields.state.as_str()), (Some(Sex::Male), "VNM"));
    assert_eq!(
        (fields.primary.join(" "), fields.name_may_be_cut),
        ("DO VAN DAT".into(), false)
    );
}

#[test]
fn the_woman_of_the_worked_example_whose_card_never_expires() {
    let (mut dossier, mut profile) = (example::dossier(), example::profile("cccd-2021"));
    profile.state_code = "VNM".into();
    dossier.person.number = "079160000017".into();
    dossier.person.name = "Nguyễn Thị Hồng Ánh".into();
    dossier.person.born = date!(1960 - 02 - 28);
    dossier.person.sex = Sex::Female;
    dossier.expiry = Expiry::Unlimited;
    let mrz = Mrz::compose(&dossier, &profile).unwrap();
    assert_eq!(
        mrz.lines(),
        &[
            "IDVNM1600000175079160000017<<5",
            "6002280F9912315VNM<<<<<<<<<<<2",
            "NGUYEN<THI<HONG<ANH<<<<<<<<<<<"
        ]
    );
    assert_eq!(seed(&mrz), "BDC91DEA051EF271B93D0E70F81A08E5");

    profile.mrz.name_separator = NameSeparator::Icao;
    let fields = Mrz::compose(&dossier, &profile).unwrap().fields();
    assert_eq!(fields.primary, ["NGUYEN"]);
    assert_eq!(fields.secondary, ["THI", "HONG", "ANH"]);
}

#[test]
fn the_specimen_of_doc_9303_5() {
    let fields = Mrz::parse(
        "I<UTOD231458907<<<<<<<<<<<<<<<7408122F1204159UTO<<<<<<<<<<<6ERIKSSON<<ANNA<MARIA<<<<<<<<<<",
    )
    .unwrap();
    assert_eq!(
        (fields.document_code.as_str(), fields.document_number.as_str()),
        ("I", "D23145890")
    );
    assert_eq!(fields.personal_number, None);
    assert_eq!(fields.primary, ["ERIKSSON"]);
    assert_eq!(fields.secondary, ["ANNA", "MARIA"]);
}

#[test]
fn a_long_document_number_goes_on_in_the_optional_data() {
    let mrz = Mrz::from_text(
        "I<UTOD23145890<7349<<<<<<<<<<<\n3407127M9507122UTO<<<<<<<<<<<2\nSTEVENSON<<PETER<JOHN<<<<<<<<<",
    )
    .unwrap();
    assert_eq!(mrz.document_number(), "D23145890734");
    assert_eq!(mrz.key_material().expose(), b"D23145890734934071279507122");
    assert_eq!(seed(&mrz), "B366AD857DDCA2B08C0E299811714730");
}

#[test]
fn every_wrong_digit_is_refused() {
    let zone = Mrz::compose(&example::dossier(), &example::profile("cc-2024"))
        .unwrap()
        .zone();
    // Document number, its check, personal number, its check, birth, its check, expiry, its check, composite.
    for at in [6, 14, 20, 29, 32, 36, 40, 44, 59] {
        let digit = zone[at..=at].parse::<u32>().unwrap();
        let wrong = format!("{}{}{}", &zone[..at], (digit + 1) % 10, &zone[at + 1..]);
        assert_eq!(
            Mrz::from_text(&wrong).unwrap_err().code,
            &MRZ_MALFORMED,
            "position {at}"
        );
    }
    for text in [
        "",
        &zone[1..],
        &format!("{zone}<"),
        &zone.to_lowercase(),
        &zone.replace('D', "Đ"),
    ] {
        assert!(Mrz::from_text(text).is_err());
    }
}

#[test]
fn a_number_that_is_not_twelve_digits_is_refused() {
    for number in ["", "00120301234", "0012030123456", "00120301234A", "００１２"] {
        let mut dossier = example::dossier();
        dossier.person.number = number.into();
        assert_eq!(
            Mrz::compose(&dossier, &example::profile("cc-2024"))
                .unwrap_err()
                .code,
            &FIELD_UNFIT
        );
    }
}

proptest! {
    #[test]
    fn any_text_reads_or_is_refused(text in "[A-Z0-9<\\n]{85,95}|\\PC*") {
        let _ = Mrz::from_text(&text);
    }

    #[test]
    fn what_is_composed_reads_back(number in "[0-9]{12}", year in 1920i32..2100, day in 1u16..=365, female: bool) {
        let mut dossier = example::dossier();
        dossier.person.number = number.clone();
        dossier.person.born = Date::from_ordinal_date(year, day).unwrap();
        dossier.person.sex = if female { Sex::Female } else { Sex::Male };
        let mrz = Mrz::compose(&dossier, &example::profile("cc-2024")).unwrap();
        let fields = Mrz::parse(&mrz.zone()).unwrap();
        prop_assert_eq!(fields.personal_number.as_deref(), Some(&number[..]));
        prop_assert_eq!(&fields.document_number, &number[3..]);
        prop_assert_eq!(fields.sex, Some(dossier.person.sex));
        prop_assert_eq!(mrz.lines()[1].len(), LINE);
    }
}
