//! Many records in one row: a database hands over a row of seven columns for longer than it reads it.

use std::str::FromStr;

use crate::base::Fault;
use crate::port::RawEntry;
use crate::store::fault::unreadable;

/// The records after one, so many at most, in their order: of each its numbers and the lengths of its texts in
/// decimal, each followed by a blank, then the texts. A text may hold whatever it likes; where it ends is told before
/// it begins.
pub(super) const QUESTION: &str = "SELECT group_concat(
        printf('%d %d %d %d %d %d %d ', seq, at, octet_length(controller), octet_length(kind),
            octet_length(subject), octet_length(body), octet_length(hash))
        || controller || kind || subject || body || hash, '')
    FROM (SELECT * FROM entry WHERE seq > $1 ORDER BY seq LIMIT $2)";

/// Takes them apart.
pub(super) fn entries(mut page: &[u8]) -> Result<Vec<RawEntry>, Fault> {
    let mut entries = Vec::new();
    while !page.is_empty() {
        entries.push(entry(&mut page).ok_or_else(|| unreadable("a page of records"))?);
    }
    Ok(entries)
}

fn entry(page: &mut &[u8]) -> Option<RawEntry> {
    let (seq, at_unix_ns) = (number(page)?, number(page)?);
    let lengths: [usize; 5] = [
        number(page)?,
        number(page)?,
        number(page)?,
        number(page)?,
        number(page)?,
    ];
    let [controller, kind, subject, body, hash] = lengths.map(|length| page.split_off(..length));
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
    Some(RawEntry {
        seq,
        at_unix_ns,
        controller: text(controller?)?,
        kind: text(kind?)?,
        subject: text(subject?)?,
        body: body?.to_vec(),
        hash: hash?.to_vec(),
    })
}

fn number<T: FromStr>(page: &mut &[u8]) -> Option<T> {
    let blank = page.iter().position(|byte| *byte == b' ')?;
    let digits = page.split_off(..=blank)?;
    std::str::from_utf8(&digits[..blank]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_is_cut_is_none() {
        let page = b"1 -5 4 2 0 3 1 K1#1ab{ }h2 7 1 1 1 1 1 abcde";
        let read = entries(page).unwrap();
        assert_eq!(
            (read.len(), read[0].at_unix_ns, read[0].body.as_slice()),
            (2, -5, &b"{ }"[..])
        );
        assert_eq!(
            (read[1].subject.as_str(), read[1].hash.as_slice()),
            ("c", &b"e"[..])
        );
        assert!(entries(b"").unwrap().is_empty());
        for cut in 1..page.len() {
            let whole = cut == 25;
            assert_eq!(entries(&page[..cut]).is_ok(), whole, "{cut}");
        }
    }
}
