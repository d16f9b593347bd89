//! Signatures the token says it made, against those the ledger asked for (law 4): its count is what went on chips, was
//! spoiled or lies unused, and nothing else.

use std::collections::BTreeMap;

use crate::base::ids::AttemptId;

/// One signer's numbers since its token was read for the first time.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// The token's count at the first reading.
    pub first: Option<u64>,
    /// The token's count at the last reading.
    pub last: u64,
    /// Signatures asked for to test the key.
    pub tests: u64,
    /// Signatures the ledger asked for, each before it was made.
    pub asked: u64,
    /// Signatures that came back and are in an attempt's bundle.
    pub got: u64,
}

/// What a count of the token means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Judgement {
    /// It is explained.
    Explained {
        /// Signatures on no card: tests of the key, and answers that a crash lost, whose digest was signed again (law
        /// 4).
        beside: u64,
    },
    /// The token made so many more than anybody asked for.
    Unasked(u64),
    /// The token counts so many fewer than came back: it is another, or was set back.
    Missing(u64),
}

impl Tally {
    /// What this count of the token means, read after everything that is in this tally.
    #[must_use]
    pub fn judge(&self, count: u64) -> Judgement {
        let Some(made) = count.checked_sub(self.first.unwrap_or(count)) else {
            return Judgement::Missing(self.first.unwrap_or(0).saturating_sub(count));
        };
        let most = self.asked.saturating_add(self.tests);
        if made > most {
            Judgement::Unasked(made - most)
        } else if made < self.got {
            Judgement::Missing(self.got - made)
        } else {
            Judgement::Explained {
                beside: made - self.got,
            }
        }
    }
}

/// All signers.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Signatures {
    /// By the label of the key.
    pub signers: BTreeMap<String, Tally>,
    /// Signatures that came back from all of them, ever.
    pub got: u64,
    asked: BTreeMap<AttemptId, String>,
    found: Vec<(u64, String, Judgement)>,
}

impl Signatures {
    /// A signature is about to be asked for.
    pub fn ask(&mut self, attempt: AttemptId, signer: &str) {
        self.tally(signer).asked += 1;
        self.asked.insert(attempt, signer.to_owned());
    }

    /// It came back.
    pub fn got(&mut self, attempt: AttemptId) {
        self.got += 1;
        if let Some(signer) = self.asked.remove(&attempt) {
            self.tally(&signer).got += 1;
        }
    }

    /// It will not come back.
    pub fn forget(&mut self, attempt: AttemptId) {
        self.asked.remove(&attempt);
    }

    /// The token was read, and is about to sign so many times only to test the key.
    pub fn read(&mut self, seq: u64, signer: &str, count: u64, tests: u64) {
        let tally = self.tally(signer);
        if tally.first.is_none() {
            // What it signed before its first reading went on no card of this ledger.
            *tally = Tally {
                first: Some(count),
                last: count,
                tests,
                ..Tally::default()
            };
            return;
        }
        tally.last = count;
        // Only too many is certain here: an answer may be on its way into the ledger while the token is read.
        let judgement = tally.judge(count);
        tally.tests += tests;
        if matches!(judgement, Judgement::Unasked(_)) {
            self.found.push((seq, signer.to_owned(), judgement));
        }
    }

    /// Readings that nobody can explain, with the number of the record that shows it.
    #[must_use]
    pub fn found(&self) -> &[(u64, String, Judgement)] {
        &self.found
    }

    fn tally(&mut self, signer: &str) -> &mut Tally {
        self.signers.entry(signer.to_owned()).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::OrderKey;

    fn attempt(order: u64) -> AttemptId {
        AttemptId {
            order: OrderKey(order),
            number: 1,
        }
    }

    #[test]
    fn cards_tests_and_lost_answers_explain_the_count_and_one_more_does_not() {
        let mut signatures = Signatures::default();
        signatures.read(1, "ds", 7, 1);
        for order in 0..3 {
            signatures.ask(attempt(order), "ds");
            signatures.got(attempt(order));
        }
        // Asked, signed by the token, answer lost in a crash, asked again.
        signatures.ask(attempt(9), "ds");
        signatures.read(2, "ds", 12, 1);
        signatures.ask(attempt(9), "ds");
        signatures.got(attempt(9));
        // Since the first reading: 4 on cards, 5 asked for, 2 tests.
        let tally = signatures.signers["ds"];
        assert_eq!(tally.judge(11), Judgement::Explained { beside: 0 });
        assert_eq!(tally.judge(14), Judgement::Explained { beside: 3 });
        assert_eq!(tally.judge(15), Judgement::Unasked(1));
        assert_eq!(tally.judge(10), Judgement::Missing(1));
        assert_eq!(tally.judge(3), Judgement::Missing(4));
        assert_eq!(signatures.found(), &[]);
        signatures.read(3, "ds", 16, 0);
        assert_eq!(signatures.found(), &[(3, "ds".to_owned(), Judgement::Unasked(2))]);
    }
}
