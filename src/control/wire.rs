//! The language of the control socket: one JSON document a line, a version in each, bounded in length.
//!
//! ```text
//!   → {"v":1,"request":{"room":"hello"}}
//!   ← {"v":1,"answer":{"text":"…","data":{…},"good":true}}
//!   ← {"v":1,"refusal":{"code":"CTL-001",…}}
//! ```

use std::fmt;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::base::ids::PersonId;
use crate::base::limits::CONTROL_REPLY_BYTES_MAX;
use crate::base::{Blame, Fault};

use super::fault::{GARBLED, SOCKET, TOO_LONG, VERSION as OTHER_VERSION};
use super::{Answer, Request};

/// The version this program speaks.
pub const VERSION: u32 = 1;

/// A request and, in rehearsals, the person it is made for.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    v: u32,
    /// In whose name: rehearsals only.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub on_behalf: Option<PersonId>,
    /// What is asked for.
    pub request: Request,
}

/// What comes back.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Reply {
    v: u32,
    /// Which of both.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// An answer, or why there is none.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was carried out.
    Answer(Answer),
    /// It was not.
    Refusal(Refusal),
}

/// A fault as it travels: all that a person needs, whatever catalogue their own program has.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Refusal {
    /// Stable code.
    pub code: String,
    /// Whose fault.
    pub blame: Blame,
    /// The very same act may be done again without harm.
    pub safe_to_repeat: bool,
    /// The circumstances.
    pub detail: String,
    /// What happened, in English.
    pub en: String,
    /// What happened, in Vietnamese.
    pub vi: String,
    /// What to do next, in English.
    pub next_en: String,
    /// What to do next, in Vietnamese.
    pub next_vi: String,
}

impl Call {
    /// A call of this version.
    #[must_use]
    pub fn new(request: Request, on_behalf: Option<PersonId>) -> Self {
        Self {
            v: VERSION,
            on_behalf,
            request,
        }
    }

    /// Reads a call. The version is looked at first: a request of another version is not garbled, only foreign.
    ///
    /// # Errors
    /// `CTL-003` for another version, `CTL-001` for anything else that is no call.
    pub fn parse(line: &[u8]) -> Result<Self, Fault> {
        #[derive(Deserialize)]
        struct Head {
            v: u32,
        }
        let garbled = |error: serde_json::Error| {
            // The error's own text may quote the request, and with it a personal number.
            let place = (error.line(), error.column());
            Fault::new(
                &GARBLED,
                format!("{:?} at line {} column {}", error.classify(), place.0, place.1),
            )
        };
        let head: Head = serde_json::from_slice(line).map_err(garbled)?;
        if head.v != VERSION {
            return Err(Fault::new(&OTHER_VERSION, format!("{} and {VERSION}", head.v)));
        }
        serde_json::from_slice(line).map_err(garbled)
    }
}

impl Reply {
    /// What became of a call.
    #[must_use]
    pub fn new(outcome: Result<Answer, Fault>) -> Self {
        let outcome = match outcome {
            Ok(answer) => Outcome::Answer(answer),
            Err(fault) => Outcome::Refusal(Refusal::from(fault)),
        };
        Self { v: VERSION, outcome }
    }

    /// Reads a reply.
    ///
    /// # Errors
    /// `CTL-001` if it is none.
    pub fn parse(line: &[u8]) -> Result<Self, Fault> {
        serde_json::from_slice(line).map_err(|error| Fault::new(&GARBLED, error.to_string()))
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self {
            code: fault.code.id.to_owned(),
            blame: fault.code.blame,
            safe_to_repeat: fault.code.safe_to_repeat,
            en: fault.code.en.to_owned(),
            vi: fault.code.vi.to_owned(),
            next_en: fault.code.next_en.to_owned(),
            next_vi: fault.code.next_vi.to_owned(),
            detail: fault.detail,
        }
    }
}

impl From<Fault> for Box<Refusal> {
    fn from(fault: Fault) -> Self {
        Self::new(fault.into())
    }
}

impl Refusal {
    /// In Vietnamese: what happened, the circumstances, what to do next.
    #[must_use]
    pub fn vi(&self) -> String {
        self.words(&self.vi, &self.next_vi)
    }

    fn words(&self, what: &str, next: &str) -> String {
        let mut words = format!("{} {what}", self.code);
        if !self.detail.is_empty() {
            words = format!("{words} ({})", self.detail);
        }
        if !next.is_empty() {
            words = format!("{words}. {next}");
        }
        words
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words(&self.en, &self.next_en))
    }
}

impl std::error::Error for Refusal {}

/// Reads one line, its end not included; nothing at the end of the stream.
///
/// # Errors
/// `CTL-002` for a line beyond the bound, of which no more than the bound is ever held; `CTL-004` if the stream breaks.
pub async fn read_line(
    from: &mut (impl AsyncBufRead + Unpin),
    bytes_max: usize,
) -> Result<Option<Vec<u8>>, Fault> {
    let mut line = Vec::new();
    let bound = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    from.take(bound.saturating_add(1))
        .read_until(b'\n', &mut line)
        .await
        .map_err(|error| Fault::new(&SOCKET, error.to_string()))?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    }
    if line.len() > bytes_max {
        return Err(Fault::new(&TOO_LONG, format!("over {bytes_max} bytes")));
    }
    Ok(Some(line))
}

/// Writes a document as one line.
///
/// # Errors
/// `CTL-002` if it is beyond what the other end reads, `CTL-004` if the stream breaks.
pub async fn write_line(to: &mut (impl AsyncWrite + Unpin), document: &impl Serialize) -> Result<(), Fault> {
    let trouble = |error: std::io::Error| Fault::new(&SOCKET, error.to_string());
    // Line breaks inside strings are escaped in JSON, so the document is one line.
    let mut line = serde_json::to_vec(document).map_err(|error| trouble(error.into()))?;
    if line.len() > CONTROL_REPLY_BYTES_MAX {
        return Err(Fault::new(
            &TOO_LONG,
            format!("over {CONTROL_REPLY_BYTES_MAX} bytes"),
        ));
    }
    line.push(b'\n');
    to.write_all(&line).await.map_err(trouble)?;
    to.flush().await.map_err(trouble)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_call_and_a_reply_read_back() {
        let call = Call::new(Request::Hello, Some(PersonId::new("an")));
        let line = serde_json::to_vec(&call).unwrap();
        assert_eq!(line, br#"{"v":1,"as":"an","request":{"room":"hello"}}"#);
        assert_eq!(Call::parse(&line).unwrap(), call);
        for outcome in [
            Ok(Answer::good("two\nlines", serde_json::json!({ "a": 1 }))),
            Err(Fault::new(&TOO_LONG, "detail")),
        ] {
            let reply = Reply::new(outcome);
            let line = serde_json::to_vec(&reply).unwrap();
            assert!(!line.contains(&b'\n'));
            assert_eq!(Reply::parse(&line).unwrap(), reply);
        }
    }

    #[test]
    fn another_version_is_said_to_be_one() {
        let foreign = br#"{"v":2,"request":{"room":"not invented yet"}}"#;
        assert_eq!(Call::parse(foreign).unwrap_err().code.id, "CTL-003");
        let strange = br#"{"v":1,"request":{"room":"001099123456"}}"#;
        let fault = Call::parse(strange).unwrap_err();
        assert_eq!(fault.code.id, "CTL-001");
        assert!(!fault.detail.contains("001099"), "{fault}");
    }

    #[test]
    fn a_refusal_says_what_happened_and_what_to_do_next() {
        let refusal = Refusal::from(Fault::new(&TOO_LONG, "5 MiB"));
        assert_eq!(
            refusal.to_string(),
            "CTL-002 the request is too long (5 MiB). Ask for less at a time."
        );
        assert_eq!(refusal.vi(), "CTL-002 yêu cầu quá dài (5 MiB). Chia nhỏ yêu cầu.");
    }

    #[tokio::test]
    async fn lines_are_bounded() {
        const MOST: usize = 9_000;
        let line = |length: usize, end: &'static [u8]| [&vec![b'x'; length][..], end].concat();
        let read = async |bytes: Vec<u8>| read_line(&mut &bytes[..], MOST).await;
        let most = read(line(MOST, b"\nmore")).await.unwrap();
        assert_eq!(most.map(|line| line.len()), Some(MOST));
        let over = read(line(MOST + 1, b"\n")).await.unwrap_err();
        assert_eq!(over.code.id, "CTL-002");
        assert_eq!(read(Vec::new()).await.unwrap(), None);
        assert_eq!(read(b"\n".to_vec()).await.unwrap(), Some(Vec::new()));
        assert_eq!(read(b"cut".to_vec()).await.unwrap(), Some(b"cut".to_vec()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_call_or_a_fault(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            if let Err(fault) = Call::parse(&bytes) {
                prop_assert!(["CTL-001", "CTL-003"].contains(&fault.code.id));
            }
            let _ = Reply::parse(&bytes);
        }

        #[test]
        fn any_document_is_a_call_or_a_fault(v in 0u32..3, name in ".{0,40}", room in "[a-z_]{0,10}") {
            let document = serde_json::json!({ "v": v, "as": name, "request": { "room": room } });
            let parsed = Call::parse(document.to_string().as_bytes());
            prop_assert_eq!(parsed.is_ok(), v == VERSION && room == "hello");
        }
    }
}
