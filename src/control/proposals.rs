//! Acts for two people: what the first has asked for waits, for a bounded time, until a different person asks for the
//! very same.
//!
//! What waits is kept in a file beside the ledger where one is given, because the two people may well come through two
//! runs of the program. The file holds the names of people and keyed hashes of requests, never personal data.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::base::Fault;
use crate::base::ids::PersonId;
use crate::base::limits::{CONTROL_FRAME_BYTES_MAX, PROPOSALS_MAX, SECOND_PERSON_WITHIN};

use super::fault::{CROWDED, SOCKET};

/// What a request of a two-person act comes to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Seconded {
    /// It is the first: it waits until then.
    Waiting(OffsetDateTime),
    /// A different person asked for it before, whose word is used up now.
    By(Word),
}

/// What somebody asked for, and until when a second person may.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Word {
    /// Who.
    pub by: PersonId,
    #[serde(with = "time::serde::timestamp")]
    until: OffsetDateTime,
}

/// What waits for a second person, by the name of the request.
#[derive(Debug, Default)]
pub struct Proposals {
    waiting: BTreeMap<String, Word>,
    file: Option<PathBuf>,
}

impl Proposals {
    /// What this file keeps, and will keep. A file that is missing, too long or bent keeps nothing: then the first
    /// person asks again.
    #[must_use]
    pub fn load(file: &Path) -> Self {
        let short = std::fs::metadata(file)
            .is_ok_and(|found| usize::try_from(found.len()).is_ok_and(|len| len <= CONTROL_FRAME_BYTES_MAX));
        let waiting = short
            .then(|| std::fs::read(file).ok())
            .flatten()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        Self {
            waiting,
            file: Some(file.to_owned()),
        }
    }

    /// This person asks for this now. The same person again waits on, with the bound of the first time. A second person
    /// uses the first one's word up before anything is done: it is good for one act, whoever comes at the same moment
    /// and whatever power fails.
    ///
    /// # Errors
    /// `CTL-014` if too much waits, `CTL-004` if it cannot be kept.
    pub fn propose(
        &mut self,
        request: &str,
        person: &PersonId,
        now: OffsetDateTime,
    ) -> Result<Seconded, Fault> {
        self.waiting.retain(|_, word| now < word.until);
        match self.waiting.get(request) {
            Some(word) if word.by == *person => return Ok(Seconded::Waiting(word.until)),
            Some(word) => {
                let word = word.clone();
                self.waiting.remove(request);
                if let Err(fault) = self.keep() {
                    self.put_back(request, word);
                    return Err(fault);
                }
                return Ok(Seconded::By(word));
            }
            None => {}
        }
        if self.waiting.len() >= PROPOSALS_MAX {
            return Err(Fault::new(&CROWDED, PROPOSALS_MAX.to_string()));
        }
        let until = now + SECOND_PERSON_WITHIN;
        let word = Word {
            by: person.clone(),
            until,
        };
        self.waiting.insert(request.to_owned(), word);
        self.keep()?;
        Ok(Seconded::Waiting(until))
    }

    /// The act was refused: the first word stands on, so that the cause can be removed.
    pub fn put_back(&mut self, request: &str, word: Word) {
        self.waiting.entry(request.to_owned()).or_insert(word);
        if let Err(fault) = self.keep() {
            // At worst the first person is asked again.
            tracing::warn!(
                code = fault.code.id,
                "what waits for a second person is not kept: {fault}"
            );
        }
    }

    fn keep(&self) -> Result<(), Fault> {
        let Some(file) = &self.file else { return Ok(()) };
        let trouble = |error: std::io::Error| Fault::new(&SOCKET, format!("{}: {error}", file.display()));
        let bytes = serde_json::to_vec(&self.waiting).map_err(|error| trouble(error.into()))?;
        let fresh = file.with_extension("new");
        std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&fresh)
            .and_then(|mut open| open.write_all(&bytes).and_then(|()| open.sync_all()))
            .and_then(|()| std::fs::rename(&fresh, file))
            .map_err(trouble)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-22 08:00 UTC);

    fn person(name: &str) -> PersonId {
        PersonId::new(name)
    }

    #[test]
    fn a_different_person_seconds_the_very_same_request() {
        let mut proposals = Proposals::default();
        let until = NOW + SECOND_PERSON_WITHIN;
        let mut ask = |request: &str, name: &str, after: u64| {
            proposals.propose(request, &person(name), NOW + Duration::from_secs(after))
        };
        assert_eq!(ask("lose B1", "an", 0).unwrap(), Seconded::Waiting(until));
        // The same person a second time is still one person, and gains no time.
        assert_eq!(ask("lose B1", "an", 60).unwrap(), Seconded::Waiting(until));
        // Another request of another person is no second.
        assert!(matches!(
            ask("lose B2", "binh", 60).unwrap(),
            Seconded::Waiting(_)
        ));
        let word = Word {
            by: person("an"),
            until,
        };
        assert_eq!(ask("lose B1", "binh", 61).unwrap(), Seconded::By(word.clone()));
        // The word is used up, for whoever comes at the same moment too; refused, it stands again.
        assert!(matches!(ask("lose B1", "chi", 62).unwrap(), Seconded::Waiting(_)));
        assert!(matches!(ask("lose B1", "binh", 63).unwrap(), Seconded::By(_)));
        proposals.put_back("lose B1", word.clone());
        let again = proposals.propose("lose B1", &person("binh"), NOW).unwrap();
        assert_eq!(again, Seconded::By(word));
    }

    #[test]
    fn the_bound_is_exact() {
        let mut proposals = Proposals::default();
        proposals.propose("x", &person("an"), NOW).unwrap();
        let last = NOW + SECOND_PERSON_WITHIN - Duration::from_nanos(1);
        let Seconded::By(word) = proposals.propose("x", &person("binh"), last).unwrap() else {
            panic!("it is not too late")
        };
        proposals.put_back("x", word);
        let late = NOW + SECOND_PERSON_WITHIN;
        assert!(matches!(
            proposals.propose("x", &person("binh"), late).unwrap(),
            Seconded::Waiting(_)
        ));
    }

    #[test]
    fn no_more_than_so_many_wait() {
        let mut proposals = Proposals::default();
        for number in 0..PROPOSALS_MAX {
            proposals
                .propose(&number.to_string(), &person("an"), NOW)
                .unwrap();
        }
        let refused = proposals.propose("one more", &person("an"), NOW).unwrap_err();
        assert_eq!(refused.code.id, "CTL-014");
        // Time makes room.
        let later = NOW + SECOND_PERSON_WITHIN;
        assert!(proposals.propose("one more", &person("an"), later).is_ok());
    }

    #[test]
    fn what_waits_outlives_the_program_and_a_bent_file_keeps_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("proposals.json");
        Proposals::load(&file).propose("x", &person("an"), NOW).unwrap();
        let mut again = Proposals::load(&file);
        assert!(matches!(
            again.propose("x", &person("binh"), NOW).unwrap(),
            Seconded::By(_)
        ));
        // Whatever happens to the act: before it begins nobody's word is left.
        assert!(Proposals::load(&file).waiting.is_empty());
        std::fs::write(&file, b"{\"x\":").unwrap();
        assert!(Proposals::load(&file).waiting.is_empty());
    }
}
