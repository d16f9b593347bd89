//! Structure by the bytes of the file; what it looks like was looked at.

use miniz_oxide::inflate::decompress_to_vec_zlib;

use super::*;
use crate::audit::manifest::tests::sample;

const QR: &str = "CW1.HN1-000123.200.47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU.c2lnbmF0dXJl";

/// The number of times a word stands in a file.
fn count(bytes: &[u8], word: &str) -> usize {
    bytes
        .windows(word.len())
        .filter(|window| *window == word.as_bytes())
        .count()
}

/// Every compressed stream of a file, unpacked.
fn streams(pdf: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut rest = pdf;
    while let Some(at) = rest.windows(7).position(|window| window == b"stream\n") {
        rest = &rest[at + 7..];
        let end = rest
            .windows(10)
            .position(|window| window == b"\nendstream")
            .unwrap();
        found.push(decompress_to_vec_zlib(&rest[..end]).unwrap());
        rest = &rest[end + 10..];
    }
    found
}

#[test]
fn a_full_box_is_a_small_file_with_real_text() {
    let full = sample(200);
    for pdf in [manifest(&full, QR).unwrap(), sign_off(&full).unwrap()] {
        assert!(pdf.starts_with(b"%PDF-1.7") && pdf.ends_with(b"%%EOF"));
        assert!(pdf.len() <= 150_000, "{} bytes", pdf.len());
        assert_eq!((count(&pdf, "/ToUnicode"), count(&pdf, "/FontFile2")), (2, 2));
        assert_eq!(count(&pdf, "/Identity-H"), 2);
        let streams = streams(&pdf);
        assert_eq!(
            streams
                .iter()
                .filter(|stream| stream.starts_with(&[0, 1, 0, 0]))
                .count(),
            2
        );
        // The letter ễ of Nguyễn leads back to U+1EC5 in both typefaces.
        let maps: Vec<&Vec<u8>> = streams
            .iter()
            .filter(|stream| count(stream, "beginbfchar") > 0)
            .collect();
        assert_eq!(maps.len(), 2);
        assert!(maps.iter().any(|map| count(map, "<1EC5>") == 1));
    }
}

#[test]
fn pages_are_as_many_as_the_rows_need() {
    let pages = |pdf: Vec<u8>| count(&pdf, "/Type /Page\n");
    for (cards, expected) in [(1, 1), (20, 1), (37, 2), (38, 2), (200, 5)] {
        assert_eq!(
            pages(manifest(&sample(cards), QR).unwrap()),
            expected,
            "{cards} cards"
        );
    }
    // 67, 67 and 66 cards at 18 rows a page, three villages.
    assert_eq!(pages(sign_off(&sample(200)).unwrap()), 12);
    assert_eq!(pages(sign_off(&sample(3)).unwrap()), 3);
}

#[test]
fn same_manifest_same_bytes_and_another_mode_other_bytes() {
    let mut content = sample(30);
    let rehearsal = manifest(&content, QR).unwrap();
    assert_eq!(rehearsal, manifest(&content, QR).unwrap());
    assert_eq!(sign_off(&content).unwrap(), sign_off(&content).unwrap());
    content.mode = Mode::Production;
    assert_ne!(rehearsal, manifest(&content, QR).unwrap());
}

#[test]
fn decomposed_letters_print_and_letters_without_a_shape_are_refused() {
    let mut content = sample(2);
    content.lines[0].name = "Nguye\u{302}\u{303}n".to_owned();
    assert!(manifest(&content, QR).is_ok());
    for (name, detail) in [("李", "U+674E"), ("A\u{202E}B", "U+202E"), ("A\nB", "U+000A")] {
        content.lines[1].name = name.to_owned();
        for fault in [
            manifest(&content, QR).unwrap_err(),
            sign_off(&content).unwrap_err(),
        ] {
            assert_eq!((fault.code.id, fault.detail.as_str()), ("AUDIT-014", detail));
        }
    }
    content.lines.clear();
    assert_eq!(sign_off(&content).unwrap_err().code.id, "AUDIT-011");
}

#[test]
fn a_text_far_too_long_is_cut_and_not_endless() {
    let mut content = sample(1);
    content.lines[0].village = "Thôn ".repeat(400);
    assert!(manifest(&content, QR).unwrap().len() < 60_000);
}

#[test]
fn closing_matter_never_stands_alone_and_no_row_is_lost() {
    let rows: Vec<u16> = (0..200).collect();
    for length in 0..=rows.len() {
        let pages = paginate(&rows[..length], 36, 45, 11);
        assert_eq!(pages.concat(), rows[..length]);
        let last = pages.last().unwrap();
        let room = if pages.len() == 1 { 36 } else { 45 };
        assert!(
            last.len() + 11 <= room && (length == 0 || !last.is_empty()),
            "{length}"
        );
        assert!(pages[0].len() <= 36 && pages[1..].iter().all(|page| page.len() <= 45));
    }
}

#[test]
fn a_label_names_its_box_and_where_it_goes() {
    let opened = sample(1).sealed_at;
    let made = |name: &str| label(&BoxId::new(name), "HN1 – Hà Nội", Mode::Rehearsal, opened).unwrap();
    let pdf = made("HN1-000123");
    assert!(pdf.starts_with(b"%PDF-1.7") && pdf.ends_with(b"%%EOF"));
    assert_eq!(pdf, made("HN1-000123"), "same box, same bytes");
    assert_ne!(streams(&pdf), streams(&made("HN1-000124")));
    let endless = label(&BoxId::new("9".repeat(8_000)), "HN1", Mode::Rehearsal, opened);
    assert_eq!(endless.unwrap_err().code, &crate::audit::fault::PAPER_FAILED);
}
