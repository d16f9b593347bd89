//! `cardwright admit`: dossiers from files.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use crate::base::Clock;
use crate::control::wire::Refusal;
use crate::control::{Answer, Request, admit};

use super::ask::{Options, Session, call, show};
use super::say;

/// Names of files that are dossiers, in a folder.
pub(super) const ENDINGS: &[&str] = &["json", "jwe"];

/// Arguments of `admit`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  cardwright admit request.json              one dossier; its images lie beside it by name
  cardwright admit sealed.jwe inbox/         an encrypted one, and every .json and .jwe file of a folder
  cardwright admit inbox/ --lang vi --json   findings in Vietnamese, for a program

A file that is returned to its office, or cannot be read, never stops the others. The return notices lie in the
facility's papers. Exit code: 0 if all were admitted, 1 if any was returned or could not be read.")]
pub struct Arguments {
    /// Dossiers, or folders of them.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    options: Options,
}

/// Runs the verb: one line for each file, with its findings under it.
///
/// # Errors
/// When a folder or the current folder cannot be read.
pub fn main(arguments: &Arguments) -> anyhow::Result<bool> {
    let options = &arguments.options;
    let mut files = Vec::new();
    for path in &arguments.files {
        if path.is_dir() {
            let found = dossiers_in(path)?;
            if found.is_empty() {
                let endings = ENDINGS.join(", .");
                anyhow::bail!(
                    "{}: no dossier lies in it (.{endings}); folders in it are not looked into",
                    path.display()
                );
            }
            files.extend(found);
        } else {
            files.push(std::path::absolute(path)?);
        }
    }
    super::runtime()?.block_on(async {
        let mut session = match Session::open(options, Clock::system()).await {
            Ok(session) => session,
            Err(fault) => return Ok(show(options, Err(fault.into()))),
        };
        let (mut good, mut data) = (true, Vec::new());
        for path in files {
            let request = Request::Admit(admit::Request {
                path: path.clone(),
                language: options.lang.into(),
            });
            let outcome = session.ask(call(options, request)).await;
            good &= matches!(&outcome, Ok(answer) if answer.good);
            if options.json {
                data.push(as_json(&path, outcome));
            } else {
                say(as_text(options, &path, outcome));
            }
        }
        if options.json {
            say(format_args!("{:#}", Value::Array(data)));
        }
        session.close().await?;
        Ok(good)
    })
}

/// Files of a folder that are dossiers by their names, in order. What begins with a dot is somebody's in the making.
pub(super) fn dossiers_in(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let folder = std::path::absolute(folder)?;
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let named = path
            .extension()
            .and_then(|ending| ending.to_str())
            .is_some_and(|ending| ENDINGS.contains(&ending));
        if named && !hidden && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn as_text(options: &Options, path: &Path, outcome: Result<Answer, Box<Refusal>>) -> String {
    let words = match (outcome, options.lang) {
        (Ok(answer), _) => answer.text,
        (Err(refusal), super::ask::Lang::En) => refusal.to_string(),
        (Err(refusal), super::ask::Lang::Vi) => refusal.vi(),
    };
    format!("{}: {words}", path.display())
}

fn as_json(path: &Path, outcome: Result<Answer, Box<Refusal>>) -> Value {
    let path = path.display().to_string();
    match outcome {
        Ok(answer) => json!({ "file": path, "good": answer.good, "result": answer.data }),
        Err(refusal) => json!({ "file": path, "good": false, "refusal": refusal }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folders_dossiers_are_known_by_their_names() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["b.json", "a.jwe", "portrait.jpg", ".c.json", "d.json.part"] {
            std::fs::write(dir.path().join(name), b"").unwrap();
        }
        std::fs::create_dir(dir.path().join("e.json")).unwrap();
        let found = dossiers_in(dir.path()).unwrap();
        let names: Vec<_> = found.iter().filter_map(|path| path.file_name()).collect();
        assert_eq!(names, ["a.jwe", "b.json"]);
    }
}
