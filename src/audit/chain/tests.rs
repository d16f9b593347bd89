//! Every way to tamper with a ledger is found and named.

use proptest::prelude::*;

use super::*;

const LEDGER: &str = "cardwright/ledger/HN-1";

/// A record as a database row would hold it.
#[derive(Clone, Debug)]
struct Row {
    link: Link,
    at: i64,
    kind: String,
    body: Vec<u8>,
}

impl Row {
    fn entry(&self) -> ChainEntry<'_> {
        ChainEntry {
            seq: self.link.seq,
            controller: "C1",
            at_unix_ns: self.at,
            kind: &self.kind,
            body: &self.body,
        }
    }
}

fn write(count: u8, salt: u8) -> (Vec<Row>, Chain) {
    let mut chain = Chain::new(LEDGER);
    let rows = (0..count)
        .map(|number| {
            let (at, kind, body) = (i64::from(number) * 1_000, "bind".to_owned(), vec![number, salt]);
            let link = chain.append("C1", at, &kind, &body);
            Row { link, at, kind, body }
        })
        .collect();
    (rows, chain)
}

fn read(rows: &[Row]) -> Result<Verifier, BadRecord> {
    let mut verifier = Verifier::new(LEDGER);
    for row in rows {
        verifier.feed(&row.entry(), &row.link)?;
    }
    Ok(verifier)
}

fn flaw(rows: &[Row]) -> (u64, Flaw) {
    let bad = read(rows).map(|_| ()).unwrap_err();
    (bad.seq, bad.flaw)
}

/// What a careful insider does: changes a record and makes every later hash fit again.
fn rehash(rows: &mut [Row]) {
    let mut prev = genesis(LEDGER);
    for (row, seq) in rows.iter_mut().zip(FIRST_SEQ..) {
        row.link.seq = seq;
        row.link.prev = prev;
        row.link.hash = extend(&prev, &row.entry());
        prev = row.link.hash;
    }
}

#[test]
fn the_encoding_is_fixed_for_ever() {
    // Computed by another program (Python's hashlib) over: 02, 32 zero bytes, seq, 2 "C1", time, 4 "bind", 3 "abc".
    let entry = ChainEntry {
        seq: 7,
        controller: "C1",
        at_unix_ns: -1,
        kind: "bind",
        body: b"abc",
    };
    assert_eq!(
        extend(&Hash([0; 32]), &entry).to_string(),
        "77E59931A29E336B3873C8A67E7FD63F2A21284095DD1BCAB02CA938A4664604"
    );
    assert_eq!(
        genesis("L").to_string(),
        "581810692F772344065725C8422AD79A2FFAB961F486D4B317C475E71B4AFFC2"
    );
}

#[test]
fn an_honest_ledger_reads_to_the_checkpoint() {
    let (rows, chain) = write(20, 0);
    let verifier = read(&rows).unwrap();
    assert_eq!(verifier.verified(), &chain);
    assert_eq!(verifier.agrees(&chain.checkpoint(0)), Ok(()));
}

#[test]
fn an_edited_record_is_named() {
    let (rows, _) = write(20, 0);
    let edits: [fn(&mut Row); 4] = [
        |row| row.body[0] ^= 1,
        |row| row.at += 1,
        |row| row.kind = "spoil".to_owned(),
        |row| row.link.hash.0[0] ^= 1,
    ];
    for edit in edits {
        let mut rows = rows.clone();
        edit(&mut rows[9]);
        assert_eq!(flaw(&rows), (10, Flaw::Edited));
    }
}

#[test]
fn a_record_replaced_with_its_hash_is_named_by_its_successor() {
    let (mut rows, _) = write(20, 0);
    rows[9].body[0] ^= 1;
    let prev = rows[9].link.prev;
    rows[9].link.hash = extend(&prev, &rows[9].entry());
    assert_eq!(flaw(&rows), (11, Flaw::Detached));
}

#[test]
fn a_deleted_or_swapped_record_is_named() {
    let (rows, _) = write(20, 0);
    let mut deleted = rows.clone();
    deleted.remove(9);
    assert_eq!(flaw(&deleted), (11, Flaw::Gap { expected: 10 }));

    let mut renumbered = deleted;
    for (row, seq) in renumbered.iter_mut().zip(FIRST_SEQ..) {
        row.link.seq = seq;
    }
    assert_eq!(flaw(&renumbered), (10, Flaw::Detached));

    let mut swapped = rows.clone();
    swapped.swap(8, 9);
    assert_eq!(flaw(&swapped), (10, Flaw::Gap { expected: 9 }));

    let mut exchanged = rows;
    let body = exchanged[8].body.clone();
    exchanged[8].body = exchanged[9].body.clone();
    exchanged[9].body = body;
    assert_eq!(flaw(&exchanged), (9, Flaw::Edited));
}

#[test]
fn a_second_record_in_one_place_is_a_fork() {
    let (mut rows, _) = write(20, 0);
    let (other, _) = write(20, 1);
    rows.insert(10, other[9].clone());
    assert_eq!(flaw(&rows), (10, Flaw::Fork));
}

#[test]
fn a_cut_tail_and_a_restored_backup_are_found_by_the_checkpoint() {
    let (rows, chain) = write(20, 0);
    let signed = chain.checkpoint(0);
    let bad = read(&rows[..15]).unwrap().agrees(&signed).unwrap_err();
    assert_eq!((bad.seq, bad.flaw), (15, Flaw::Cut { signed: 20 }));
    assert_eq!(
        Fault::from(bad).to_string().split(". ").next(),
        Some("AUDIT-005 the ledger is shorter than a signed checkpoint (ends at 15, signed up to 20)")
    );
}

#[test]
fn a_rehashed_ledger_fits_itself_but_not_the_checkpoint() {
    let (mut rows, chain) = write(20, 0);
    rows[9].body[0] ^= 1;
    rehash(&mut rows);
    let bad = read(&rows).unwrap().agrees(&chain.checkpoint(0)).unwrap_err();
    assert_eq!(bad.flaw, Flaw::Rewritten);

    rows.remove(3);
    rehash(&mut rows);
    let bad = read(&rows).unwrap().agrees(&chain.checkpoint(0)).unwrap_err();
    assert_eq!(bad.flaw, Flaw::Cut { signed: 20 });
}

#[test]
fn records_and_checkpoints_of_another_ledger_do_not_fit() {
    let mut chain = Chain::new("cardwright/ledger/HN-2");
    let link = chain.append("C1", 0, "bind", b"");
    let (rows, _) = write(1, 0);
    let bad = Verifier::new(LEDGER).feed(&rows[0].entry(), &link).unwrap_err();
    assert_eq!(bad.flaw, Flaw::Detached);
    let bad = read(&rows).unwrap().agrees(&chain.checkpoint(0)).unwrap_err();
    assert_eq!(bad.flaw, Flaw::Foreign);
}

#[test]
fn verification_goes_on_where_it_stopped() {
    let (rows, chain) = write(20, 0);
    let half = read(&rows[..11]).unwrap().verified().clone();
    let mut verifier = Verifier::resume(Chain::resume(LEDGER, half.head(), half.tree().clone()));
    for row in &rows[11..] {
        verifier.feed(&row.entry(), &row.link).unwrap();
    }
    assert_eq!(verifier.agrees(&chain.checkpoint(0)), Ok(()));
}

proptest! {
    #[test]
    fn no_two_entries_share_an_encoding(
        one in (any::<u64>(), ".{0,3}", any::<i64>(), ".{0,3}", prop::collection::vec(any::<u8>(), 0..4)),
        two in (any::<u64>(), ".{0,3}", any::<i64>(), ".{0,3}", prop::collection::vec(any::<u8>(), 0..4)),
        shift in 0usize..4,
    ) {
        let hash = |(seq, controller, at_unix_ns, kind, body): &(u64, String, i64, String, Vec<u8>)| {
            extend(&Hash([0; 32]), &ChainEntry { seq: *seq, controller, at_unix_ns: *at_unix_ns, kind, body })
        };
        prop_assert_eq!(hash(&one) == hash(&two), one == two);
        // The likeliest ambiguity: bytes moved across the border of two neighbours.
        let mut moved = one.clone();
        let at = moved.3.char_indices().nth(shift).map_or(moved.3.len(), |(at, _)| at);
        let tail = moved.3.split_off(at);
        moved.4.splice(0..0, tail.bytes());
        prop_assert_eq!(hash(&one) == hash(&moved), one == moved);
    }

    #[test]
    fn one_flipped_bit_anywhere_is_found(row in 0usize..12, place in 0usize..5, bit in 0u32..8) {
        let (mut rows, chain) = write(12, 0);
        let mask = 1u8 << bit;
        match place {
            0 => rows[row].body[1] ^= mask,
            1 => rows[row].at ^= i64::from(mask),
            2 => rows[row].link.hash.0[31] ^= mask,
            3 => rows[row].link.prev.0[0] ^= mask,
            _ => rows[row].link.seq ^= u64::from(mask),
        }
        let found = read(&rows).and_then(|verifier| verifier.agrees(&chain.checkpoint(0)));
        prop_assert!(found.is_err());
    }
}
