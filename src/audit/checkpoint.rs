//! The head of a ledger as a text to be signed and kept outside the house.
//!
//! The text is a C2SP tlog-checkpoint (c2sp.org/tlog-checkpoint): the ledger's name, the number of records, the Merkle
//! root, then extension lines, here the chain's head and the time. As a signed note it is followed by an empty line and
//! the signature line `— name base64`.

use std::fmt::Write;

use data_encoding::BASE64;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{Hash, fault, seal};
use crate::base::Fault;

/// The head of a ledger at one moment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Checkpoint {
    /// The ledger's name, one line of visible text.
    pub ledger: String,
    /// Records in the ledger.
    pub size: u64,
    /// Root of the Merkle tree over the records' hashes.
    pub root: Hash,
    /// The last record's hash in the chain.
    pub chain: Hash,
    /// When, in seconds since 1970-01-01 UTC.
    pub at_unix_s: i64,
}

impl Checkpoint {
    /// The text to be signed: five lines, the only form [`Self::parse`] accepts.
    #[must_use]
    pub fn text(&self) -> String {
        let at = OffsetDateTime::from_unix_timestamp(self.at_unix_s)
            .ok()
            .and_then(|at| at.format(&Rfc3339).ok())
            .unwrap_or_else(|| self.at_unix_s.to_string());
        format!(
            "{}\n{}\n{}\nchain {}\nat {at}\n",
            self.ledger,
            self.size,
            self.root.to_base64(),
            self.chain.to_base64()
        )
    }

    /// The SHA-256 of the text, which is what the HSM signs.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Hash::of(&[self.text().as_bytes()]).0
    }

    /// Reads a checkpoint's text.
    ///
    /// # Errors
    /// `CHECKPOINT_UNREADABLE` for anything but exactly what [`Self::text`] writes.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let unreadable = || Fault::new(&fault::CHECKPOINT_UNREADABLE, "");
        let mut lines = text.lines();
        let mut line = || lines.next().ok_or_else(unreadable);
        let checkpoint = Self {
            ledger: line()?.to_owned(),
            size: line()?.parse().map_err(|_| unreadable())?,
            root: Hash::from_base64(line()?).ok_or_else(unreadable)?,
            chain: line()?
                .strip_prefix("chain ")
                .and_then(Hash::from_base64)
                .ok_or_else(unreadable)?,
            at_unix_s: line()?
                .strip_prefix("at ")
                .and_then(|at| OffsetDateTime::parse(at, &Rfc3339).ok())
                .ok_or_else(unreadable)?
                .unix_timestamp(),
        };
        // One meaning, one text: leading zeros, other line ends or time zones are not what was signed.
        if checkpoint.ledger.is_empty() || checkpoint.text() != text {
            return Err(unreadable());
        }
        Ok(checkpoint)
    }

    /// The signed note: the text, an empty line, and the signature.
    #[must_use]
    pub fn note(&self, signature: &[u8; 64]) -> String {
        let mut note = self.text();
        let _ = writeln!(note, "\n— {} {}", self.ledger, BASE64.encode(signature));
        note
    }

    /// Reads a signed note and checks its signature under this public point.
    ///
    /// # Errors
    /// `CHECKPOINT_UNREADABLE` if it is no such note, `SIGNATURE_WRONG` if the key did not sign this text.
    pub fn open_note(note: &str, point: &[u8]) -> Result<Self, Fault> {
        let unreadable = || Fault::new(&fault::CHECKPOINT_UNREADABLE, "");
        let (body, tail) = note.split_once("\n\n").ok_or_else(unreadable)?;
        let text = format!("{body}\n");
        let checkpoint = Self::parse(&text)?;
        let signature = tail
            .strip_prefix("— ")
            .and_then(|tail| tail.strip_prefix(checkpoint.ledger.as_str()))
            .and_then(|tail| tail.strip_prefix(' '))
            .and_then(|tail| tail.strip_suffix('\n'))
            .and_then(|signature| BASE64.decode(signature.as_bytes()).ok())
            .ok_or_else(unreadable)?;
        seal::verify(point, text.as_bytes(), &signature)?;
        Ok(checkpoint)
    }

    /// Do the two prove that one ledger was told in two versions? Both being signed, nobody can deny it.
    #[must_use]
    pub fn contradicts(&self, other: &Self) -> bool {
        self.ledger == other.ledger
            && self.size == other.size
            && (self.root != other.root || self.chain != other.chain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Chain;
    use crate::audit::seal::tests::TestKey;
    use proptest::prelude::*;

    fn sample() -> Checkpoint {
        let mut chain = Chain::new("cardwright/ledger/HN-1");
        chain.append("C1", 1, "mode", b"rehearsal");
        chain.checkpoint(1_795_316_400)
    }

    #[test]
    fn the_text_is_five_lines() {
        let checkpoint = sample();
        let expected = format!(
            "cardwright/ledger/HN-1\n1\n{}\nchain {}\nat 2026-11-22T03:00:00Z\n",
            checkpoint.root.to_base64(),
            checkpoint.chain.to_base64()
        );
        assert_eq!(checkpoint.text(), expected);
        assert_eq!(Checkpoint::parse(&expected), Ok(checkpoint));
    }

    #[test]
    fn other_spellings_are_refused() {
        let text = sample().text();
        for other in [
            text.replace("\n1\n", "\n01\n"),
            text.replace('\n', "\r\n"),
            text.replace("03:00:00Z", "10:00:00+07:00"),
            text.replace("chain ", "chain  "),
            text.trim_end().to_owned(),
            format!("{text}more\n"),
            text.replacen("cardwright/ledger/HN-1", "", 1),
            String::new(),
        ] {
            assert_eq!(
                Checkpoint::parse(&other).unwrap_err().code.id,
                "AUDIT-008",
                "{other}"
            );
        }
    }

    #[test]
    fn a_note_opens_only_with_its_key_and_untouched() {
        let (key, checkpoint) = (TestKey::new(7), sample());
        let note = checkpoint.note(&key.sign(checkpoint.text().as_bytes()));
        assert_eq!(Checkpoint::open_note(&note, &key.point()), Ok(checkpoint));
        let wrong_key = Checkpoint::open_note(&note, &TestKey::new(8).point()).unwrap_err();
        let larger = Checkpoint::open_note(&note.replacen("\n1\n", "\n2\n", 1), &key.point()).unwrap_err();
        let renamed = Checkpoint::open_note(&note.replacen("— cardwright", "— Cardwright", 1), &key.point())
            .unwrap_err();
        assert_eq!(
            (wrong_key.code.id, larger.code.id, renamed.code.id),
            ("AUDIT-009", "AUDIT-009", "AUDIT-008")
        );
    }

    #[test]
    fn two_versions_of_one_ledger_contradict_each_other() {
        let one = sample();
        let mut other = one.clone();
        other.at_unix_s += 60;
        assert!(!one.contradicts(&other));
        other.chain = Hash([0; 32]);
        assert!(one.contradicts(&other));
        other.size += 1;
        assert!(!one.contradicts(&other));
    }

    proptest! {
        #[test]
        fn one_changed_letter_is_refused_or_means_something_else(at in 0usize..150, letter in "\\PC") {
            let (checkpoint, text) = (sample(), sample().text());
            let at = at % text.len();
            let changed = format!("{}{letter}{}", &text[..at], &text[at + 1..]);
            if let Ok(other) = Checkpoint::parse(&changed) {
                prop_assert_eq!(other == checkpoint, changed == text);
                prop_assert_eq!(other.text(), changed);
            }
        }

        #[test]
        fn every_checkpoint_reads_back(size: u64, root: [u8; 32], chain: [u8; 32], at in 0i64..4_000_000_000) {
            let checkpoint = Checkpoint {
                ledger: "L".to_owned(), size, root: Hash(root), chain: Hash(chain), at_unix_s: at,
            };
            prop_assert_eq!(Checkpoint::parse(&checkpoint.text()), Ok(checkpoint));
        }
    }
}
