use time::macros::datetime;

use super::*;
use crate::audit::seal::tests::TestKey;
use crate::base::ids::OrderKey;

/// Invented people in three villages.
pub(in crate::audit) fn sample(cards: u16) -> Manifest {
    const NAMES: [&str; 7] = [
        "Nguyễn Thị Hồng Nhung",
        "Trần Văn Bắc",
        "Lê Hoàng Phương Thảo",
        "Phạm Đức Ưng",
        "Hoàng Thị Mỹ Duyên",
        "Võ Nguyễn Quỳnh Như",
        "Đặng Quốc Khánh",
    ];
    let lines = (0..cards)
        .map(|index| {
            let village = usize::from(index) * 3 / usize::from(cards);
            ManifestLine {
                slot: index + 1,
                attempt: AttemptId {
                    order: OrderKey(41_000 + u64::from(index)),
                    number: if index % 37 == 36 { 2 } else { 1 },
                },
                sod: SodHash::new(Hash::of(&[&index.to_be_bytes()]).to_string()),
                village: ["Thôn Yên Kỳ", "Thôn Phú Mỹ", "Tổ dân phố số 7"][village].to_owned(),
                team: ["T1", "T2"][usize::from(index % 2)].to_owned(),
                sequence: u32::from(index) + 1,
                name: NAMES[usize::from(index) % NAMES.len()].to_owned(),
                number: format!("0011{:08}", 99_000_000 + u32::from(index) * 17),
                remake: index % 37 == 36,
            }
        })
        .collect();
    Manifest {
        facility: "HN-1".to_owned(),
        mode: Mode::Rehearsal,
        box_id: BoxId::new("HN1-000123"),
        office: Office {
            code: OfficeCode::new("09622"),
            name: "Công an xã Ba Vì, thành phố Hà Nội".to_owned(),
        },
        lots: vec![LotId(311), LotId(312)],
        sealed_at: datetime!(2026-11-22 03:04:05 UTC),
        lines,
    }
}

fn sealed(manifest: &Manifest, key: &TestKey) -> String {
    manifest
        .qr_text(&key.sign(manifest.label().unwrap().as_bytes()))
        .unwrap()
}

#[test]
fn the_canonical_form_is_fixed_for_ever() {
    let mut manifest = sample(1);
    manifest.lines[0].sod = SodHash::new("AB".repeat(32));
    let sod = "AB".repeat(32);
    let expected = format!(
        concat!(
            r#"{{"box":"HN1-000123","facility":"HN-1","#,
            r#""lines":[{{"attempt":"O0041000.1","name":"Nguyễn Thị Hồng Nhung","number":"001199000000","#,
            r#""remake":false,"sequence":1,"slot":1,"sod":"{}","team":"T1","village":"Thôn Yên Kỳ"}}],"#,
            r#""lots":["L000311","L000312"],"mode":"rehearsal","#,
            r#""office":{{"code":"09622","name":"Công an xã Ba Vì, thành phố Hà Nội"}},"#,
            r#""sealed_at":"2026-11-22T03:04:05Z"}}"#
        ),
        sod
    );
    assert_eq!(
        String::from_utf8(manifest.canonical().unwrap()).unwrap(),
        expected
    );
    assert_eq!(Manifest::from_json(expected.as_bytes()), Ok(manifest));
}

#[test]
fn a_label_is_checked_offline_whatever_the_layout_of_the_json() {
    let (manifest, key) = (sample(200), TestKey::new(3));
    let text = sealed(&manifest, &key);
    assert!(
        text.starts_with("CW1.HN1-000123.200.") && text.len() < 180,
        "{text}"
    );
    let canonical = manifest.canonical().unwrap();
    let pretty = serde_json::to_vec_pretty(&manifest).unwrap();
    for json in [&canonical, &pretty] {
        assert_eq!(verify_qr(&text, json, &key.point()).unwrap(), manifest);
    }
}

#[test]
fn a_changed_manifest_or_label_is_refused_by_name() {
    let (manifest, key) = (sample(5), TestKey::new(3));
    let text = sealed(&manifest, &key);
    let refusal = |text: &str, manifest: &Manifest| {
        let json = serde_json::to_vec(manifest).unwrap();
        let fault = verify_qr(text, &json, &key.point()).unwrap_err();
        (fault.code.id, fault.detail)
    };
    let differs = |what: &str| ("AUDIT-013", what.to_owned());

    let mut renamed = manifest.clone();
    renamed.lines[2].name = "Người Khác".to_owned();
    assert_eq!(refusal(&text, &renamed), differs("content"));
    let mut production = manifest.clone();
    production.mode = Mode::Production;
    assert_eq!(refusal(&text, &production), differs("content"));
    let mut shorter = manifest.clone();
    shorter.lines.pop();
    assert_eq!(refusal(&text, &shorter), differs("number of cards"));
    let mut other_box = manifest.clone();
    other_box.box_id = BoxId::new("HN1-000124");
    assert_eq!(refusal(&text, &other_box), differs("box number"));

    assert_eq!(refusal(&text.replace(".5.", ".6."), &manifest).0, "AUDIT-009");
    assert_eq!(refusal(&text.replace("CW1", "CW2"), &manifest).0, "AUDIT-012");
    assert_eq!(refusal(&text.replace("HN1-", "HN1."), &manifest).0, "AUDIT-012");
    assert_eq!(refusal("", &manifest).0, "AUDIT-012");
    let forged = sealed(&manifest, &TestKey::new(4));
    assert_eq!(refusal(&forged, &manifest).0, "AUDIT-009");
}

#[test]
fn json_with_unknown_doubled_or_missing_fields_is_no_manifest() {
    let json = String::from_utf8(sample(1).canonical().unwrap()).unwrap();
    for other in [
        json.replacen("{\"box\"", "{\"extra\":1,\"box\"", 1),
        json.replacen("{\"box\"", "{\"box\":\"X\",\"box\"", 1),
        json.replacen("\"facility\":\"HN-1\",", "", 1),
        json.replacen("O0041000.1", "41000.1", 1),
        json.replacen("L000311", "311", 1),
    ] {
        let fault = Manifest::from_json(other.as_bytes()).unwrap_err();
        assert_eq!(
            (fault.code.id, fault.detail.as_str()),
            ("AUDIT-010", "line 1"),
            "{other}"
        );
    }
}

#[test]
fn a_place_from_which_a_card_was_taken_stays_empty() {
    let (mut manifest, key) = (sample(5), TestKey::new(3));
    manifest.lines.remove(2);
    let text = sealed(&manifest, &key);
    let json = serde_json::to_vec(&manifest).unwrap();
    let slots = |manifest: &Manifest| manifest.lines.iter().map(|line| line.slot).collect::<Vec<_>>();
    assert_eq!(
        slots(&verify_qr(&text, &json, &key.point()).unwrap()),
        [1, 2, 4, 5]
    );
}

#[test]
fn a_manifest_that_contradicts_itself_is_not_sealed() {
    let breakages: [fn(&mut Manifest); 7] = [
        |manifest| manifest.lines.clear(),
        |manifest| manifest.lines.swap(0, 1),
        |manifest| manifest.lines[1].attempt.order = manifest.lines[0].attempt.order,
        |manifest| manifest.lines[1].sod = SodHash::new(manifest.lines[0].sod.as_str().to_lowercase()),
        |manifest| manifest.lines[1].sod = SodHash::new("04A2B3C4"),
        |manifest| manifest.box_id = BoxId::new("HN1.7"),
        |manifest| manifest.lines = std::mem::take(&mut sample(201).lines),
    ];
    for (number, breakage) in breakages.into_iter().enumerate() {
        let mut manifest = sample(3);
        breakage(&mut manifest);
        let code = |fault: Fault| fault.code.id;
        assert_eq!(
            manifest.digest().map_err(code),
            Err("AUDIT-011"),
            "breakage {number}"
        );
        assert_eq!(
            manifest.csv().map_err(code),
            Err("AUDIT-011"),
            "breakage {number}"
        );
    }
}

#[test]
fn villages_keep_their_order_and_sort_their_own_lists() {
    let mut manifest = sample(9);
    manifest.lines[8].village = "Thôn Yên Kỳ".to_owned();
    let villages = manifest.villages();
    let shape: Vec<(&str, Vec<u16>)> = villages
        .iter()
        .map(|(village, lines)| (*village, lines.iter().map(|line| line.slot).collect()))
        .collect();
    assert_eq!(
        shape,
        [
            ("Thôn Yên Kỳ", vec![1, 3, 9, 2]),
            ("Thôn Phú Mỹ", vec![5, 4, 6]),
            ("Tổ dân phố số 7", vec![7, 8]),
        ]
    );
}

#[test]
fn the_spreadsheet_reads_back_and_runs_no_formula() {
    let mut manifest = sample(2);
    manifest.lines[0].name = "=cmd|'/C calc'!A0".to_owned();
    manifest.lines[1].village = "Thôn \"Yên\", xã Ba Vì".to_owned();
    let csv = manifest.csv().unwrap();
    let text = csv.strip_prefix("\u{FEFF}".as_bytes()).unwrap();
    let mut reader = csv::Reader::from_reader(text);
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 2);
    assert_eq!(&rows[0][7], "'=cmd|'/C calc'!A0");
    assert_eq!(
        (&rows[1][2], &rows[1][3], &rows[1][8]),
        ("O0041001", "1", "001199000017")
    );
    assert_eq!(&rows[1][4], "Thôn \"Yên\", xã Ba Vì");
}

#[test]
fn debug_shows_no_person() {
    let shown = format!("{:?}", sample(2));
    assert!(!shown.contains("Nguyễn") && !shown.contains("0011990"), "{shown}");
}
