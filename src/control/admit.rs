//! Dossiers from files: one document, and its attachments beside it by name.

use std::collections::BTreeSet;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::base::Fault;
use crate::base::limits::{DOSSIER_BYTES_MAX, PORTRAIT_BYTES_MAX};
use crate::dossier::Finding;
use crate::line::Line;
use crate::line::admit::Intake;
use crate::port::Admission;

use super::fault::FILE;
use super::{Answer, Who};

/// The language of findings.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// English.
    #[default]
    En,
    /// Vietnamese.
    Vi,
}

/// A file to admit.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The whole path; the controller reads it.
    #[serde(with = "any_path")]
    pub path: PathBuf,
    /// The language of what is said.
    #[serde(default)]
    pub language: Language,
}

/// A path as text, or as its bytes if it is none: names of files need not be UTF-8.
mod any_path {
    use std::ffi::OsString;
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    use std::path::{Path, PathBuf};

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(PathBuf),
        Bytes(Vec<u8>),
    }

    pub(super) fn serialize<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
        match path.to_str() {
            Some(text) => text.serialize(to),
            None => path.as_os_str().as_bytes().serialize(to),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
        Ok(match Written::deserialize(from)? {
            Written::Text(path) => path,
            Written::Bytes(bytes) => OsString::from_vec(bytes).into(),
        })
    }
}

/// A file that was dealt with.
#[derive(Debug)]
pub struct Admitted {
    /// What became of it.
    pub intake: Intake,
    /// The attachments that were read.
    pub attachments: Vec<PathBuf>,
}

/// Admits one file. Good unless it was returned to its office.
///
/// # Errors
/// `CTL-013` if it cannot be read; the facility's own.
pub async fn act(line: &Line, _who: &Who, request: Request) -> Result<Answer, Fault> {
    let admitted = file(line, &request.path).await?;
    Ok(answer(&admitted.intake, request.language))
}

/// Admits one file with the attachments beside it.
///
/// # Errors
/// As [`act`].
pub async fn file(line: &Line, path: &Path) -> Result<Admitted, Fault> {
    let document = read(path, DOSSIER_BYTES_MAX, Links::Followed)?;
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let used: Mutex<BTreeSet<PathBuf>> = Mutex::default();
    let resolve = |name: &str| {
        let path = beside(folder, name)?;
        // What cannot be read is missing; the finding says so to the office.
        let bytes = read(&path, PORTRAIT_BYTES_MAX, Links::Refused).ok()?;
        used.lock().unwrap_or_else(PoisonError::into_inner).insert(path);
        Some(bytes)
    };
    let intake = line.admit(&document, &resolve).await?;
    if let Intake::Admitted {
        admission: Admission::New(_),
        held,
        ..
    } = intake
    {
        if held {
            line.progress.hold(1);
        } else {
            line.progress.want(1);
        }
    }
    let used = used.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Admitted {
        intake,
        attachments: used.into_iter().collect(),
    })
}

/// What became of a document, for people and programs.
#[must_use]
pub fn answer(intake: &Intake, language: Language) -> Answer {
    let (what, found, data) = match intake {
        Intake::Admitted {
            admission,
            held,
            findings,
        } => {
            let (key, how) = match admission {
                Admission::New(key) => (key, "new"),
                Admission::Known(key) => (key, "known"),
                Admission::Replaced(key) => (key, "replaced"),
                // These come back as returned; told as they are if ever they do not.
                Admission::SecondForPerson(key) => (key, "second for a person"),
                Admission::Contradicts(key) => (key, "contradicts"),
                Admission::TooLate(key) => (key, "too late"),
                Admission::Outdated(key) => (key, "outdated"),
            };
            let what = match (language, how, held) {
                (Language::En, "known", _) => format!("{key}, known already: nothing changed"),
                (Language::En, "replaced", false) => format!("{key}, replaces an earlier version"),
                (Language::En, _, true) => format!("{key}, held"),
                (Language::En, ..) => key.to_string(),
                (Language::Vi, "known", _) => format!("{key}, đã có: không thay đổi"),
                (Language::Vi, "replaced", false) => format!("{key}, thay phiên bản trước"),
                (Language::Vi, _, true) => format!("{key}, tạm giữ"),
                (Language::Vi, ..) => key.to_string(),
            };
            let data = json!({ "order": key.to_string(), "how": how, "held": held, "findings": findings });
            (what, findings, data)
        }
        Intake::Returned { request, findings } => {
            let what = match language {
                Language::En => "returned to its office",
                Language::Vi => "trả lại cơ quan gửi",
            };
            let data = json!({ "how": "returned", "request": request, "findings": findings });
            (what.to_owned(), findings, data)
        }
    };
    let mut text = vec![what];
    text.extend(
        found
            .iter()
            .map(|finding| format!("  {}", words(finding, language))),
    );
    Answer {
        text: text.join("\n"),
        data,
        good: matches!(intake, Intake::Admitted { .. }),
    }
}

fn words(finding: &Finding, language: Language) -> String {
    let (what, next) = match language {
        Language::En => (finding.en(), finding.code.next_en),
        Language::Vi => (finding.vi(), finding.code.next_vi),
    };
    let detail = if finding.detail.is_empty() {
        String::new()
    } else {
        format!(" ({})", finding.detail)
    };
    format!("{} {}: {what}{detail}. {next}", finding.code.id, finding.field)
        .trim_end()
        .to_owned()
}

/// A file of this plain name in the folder; a name that leads elsewhere names nothing.
fn beside(folder: &Path, name: &str) -> Option<PathBuf> {
    let mut parts = Path::new(name).components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(part)), None) if part == name => Some(folder.join(part)),
        _ => None,
    }
}

/// May the last part of a path be a symbolic link?
#[derive(Clone, Copy, Eq, PartialEq)]
enum Links {
    /// A person named the file.
    Followed,
    /// A document named it: it must lie where it says.
    Refused,
}

/// A regular file of bounded length. A pipe or a device is refused without waiting for it.
fn read(path: &Path, bytes_max: usize, links: Links) -> Result<Vec<u8>, Fault> {
    let trouble = |why: &str| Fault::new(&FILE, format!("{}: {why}", path.display()));
    let mut flags = rustix::fs::OFlags::NONBLOCK;
    if links == Links::Refused {
        flags |= rustix::fs::OFlags::NOFOLLOW;
    }
    let flags = i32::try_from(flags.bits()).map_err(|_| trouble("flags"))?;
    let file = std::fs::OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)
        .map_err(|error| trouble(&error.to_string()))?;
    let is_file = file.metadata().is_ok_and(|found| found.is_file());
    if !is_file {
        return Err(trouble("not a regular file"));
    }
    let bound = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    file.take(bound.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| trouble(&error.to_string()))?;
    if bytes.len() > bytes_max {
        return Err(trouble("it is too large"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_need_not_be_text() {
        use std::os::unix::ffi::OsStrExt;
        for name in [&b"/in/a.json"[..], b"/in/\xff\xfe.json"] {
            let request = Request {
                path: std::ffi::OsStr::from_bytes(name).into(),
                language: Language::En,
            };
            let wire = serde_json::to_vec(&request).unwrap();
            assert_eq!(serde_json::from_slice::<Request>(&wire).unwrap(), request);
        }
    }

    #[test]
    fn an_attachment_lies_beside_its_document_and_nowhere_else() {
        let folder = Path::new("/in");
        assert_eq!(beside(folder, "a.jpg"), Some(PathBuf::from("/in/a.jpg")));
        for name in [
            "",
            ".",
            "..",
            "../a.jpg",
            "/etc/passwd",
            "b/a.jpg",
            "./a.jpg",
            "a.jpg/",
        ] {
            assert_eq!(beside(folder, name), None, "{name}");
        }
    }

    #[test]
    fn only_a_regular_file_of_bounded_length_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, [7; 10]).unwrap();
        assert_eq!(read(&path, 10, Links::Followed).unwrap(), [7; 10]);
        assert_eq!(read(&path, 9, Links::Followed).unwrap_err().code.id, "CTL-013");
        assert!(read(dir.path(), 10, Links::Followed).is_err());
        assert!(read(Path::new("/dev/zero"), 10, Links::Followed).is_err());
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(read(&link, 10, Links::Followed).is_ok());
        assert!(read(&link, 10, Links::Refused).is_err());
    }

    #[test]
    fn a_return_is_told_in_both_languages() {
        let finding = Finding::new(&crate::dossier::fault::NUMBER_SEX, "personId");
        let returned = Intake::Returned {
            request: None,
            findings: vec![finding],
        };
        let english = answer(&returned, Language::En);
        assert!(!english.good);
        assert!(
            english
                .text
                .starts_with("returned to its office\n  DOSSIER-304 personId: ")
        );
        let vietnamese = answer(&returned, Language::Vi);
        assert!(vietnamese.text.contains("số định danh không khớp với giới tính"));
    }
}
