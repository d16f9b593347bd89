//! The inbox of a running controller: a dossier that is put into the folder is admitted. Once the order book holds it
//! sealed under its own key, the file and the attachments it used are overwritten and removed: nobody's data stays here
//! in the clear, and outlives that key. One that goes back to its office is moved to `returned`, what no one can read
//! to `unreadable`, for the person who put it here.
//!
//! Whoever puts a dossier there writes it under a name that begins with a dot, or ends otherwise, and renames it; and
//! puts its attachments there first.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use time::OffsetDateTime;

use crate::base::{Fault, hex};
use crate::control::admit::{self, Admitted};
use crate::control::fault::FILE;
use crate::device::papers;
use crate::line::Line;
use crate::line::admit::Intake;

use super::admit::dossiers_in;

/// How often the folder is looked at, and at most after troubles of the facility's own.
const LOOK: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// A file that changed less than this ago may still be written by somebody who does not rename.
const SETTLED: Duration = Duration::from_secs(2);
/// Files between two looks at the folder: a large delivery does not hide what came meanwhile.
const BATCH: usize = 500;

const RETURNED: &str = "returned";
const UNREADABLE: &str = "unreadable";

/// Admits what is put into this folder until the line stops. A bad file never stops the others; the facility's own
/// troubles (the HSM, the order book) leave the file where it is and are tried again, later each time.
pub async fn watch(line: Arc<Line>, folder: PathBuf) {
    let mut pause = LOOK.0;
    while !line.is_stopping() {
        match round(&line, &folder).await {
            Ok(()) => pause = LOOK.0,
            Err(fault) => {
                tracing::warn!(code = fault.code.id, "the inbox is tried again: {fault}");
                pause = (pause * 2).min(LOOK.1);
            }
        }
        tokio::select! {
            biased;
            () = line.stopped() => return,
            () = line.clock.sleep(pause) => {}
        }
    }
}

/// One look at the folder.
async fn round(line: &Line, folder: &Path) -> Result<(), Fault> {
    let trouble = |error: std::io::Error| Fault::new(&FILE, format!("{}: {error}", folder.display()));
    let dossiers = dossiers_in(folder).map_err(trouble)?.into_iter();
    let now = line.clock.now();
    for path in dossiers.filter(|path| is_settled(path, now)).take(BATCH) {
        if line.is_stopping() {
            return Ok(());
        }
        one(line, folder, &path).await?;
    }
    Ok(())
}

async fn one(line: &Line, folder: &Path, path: &Path) -> Result<(), Fault> {
    let (place, attachments) = match admit::file(line, path).await {
        Ok(Admitted { intake, attachments }) => match intake {
            Intake::Admitted { admission, held, .. } => {
                tracing::info!(?admission, held, "a dossier from the inbox is admitted");
                (None, attachments)
            }
            Intake::Returned { findings, .. } => {
                let codes: Vec<&str> = findings.iter().map(|finding| finding.code.id).collect();
                tracing::info!(?codes, "a dossier from the inbox goes back to its office");
                (Some(RETURNED), attachments)
            }
        },
        // Names of files may be names of people: they are not logged.
        Err(fault) if fault.code.id == FILE.id => {
            tracing::warn!(code = fault.code.id, "a file in the inbox cannot be read");
            (Some(UNREADABLE), Vec::new())
        }
        Err(fault) => return Err(fault),
    };
    for file in attachments.iter().map(PathBuf::as_path).chain([path]) {
        match place {
            Some(place) => put_away(line, file, &folder.join(place))?,
            None => papers::remove(file)
                .map_err(|error| Fault::new(&FILE, format!("{}: {error}", folder.display())))?,
        }
    }
    Ok(())
}

fn is_settled(path: &Path, now: OffsetDateTime) -> bool {
    std::fs::metadata(path)
        .and_then(|found| found.modified())
        .is_ok_and(|changed| OffsetDateTime::from(changed) + SETTLED <= now)
}

/// Moves a file. A name that is taken there gets a random end, so that nothing is overwritten.
fn put_away(line: &Line, file: &Path, folder: &Path) -> Result<(), Fault> {
    let trouble = |error: std::io::Error| Fault::new(&FILE, format!("{}: {error}", folder.display()));
    let Some(name) = file.file_name() else {
        return Ok(());
    };
    std::fs::create_dir_all(folder).map_err(trouble)?;
    let mut to = folder.join(name);
    if to.exists() {
        let mut name = name.to_owned();
        name.push(format!(".{}", hex::encode(&line.entropy.bytes::<4>()?)));
        to = folder.join(name);
    }
    std::fs::rename(file, to).map_err(trouble)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_just_changed_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        std::fs::write(&path, b"{}").unwrap();
        let changed = OffsetDateTime::from(std::fs::metadata(&path).unwrap().modified().unwrap());
        assert!(!is_settled(&path, changed));
        assert!(!is_settled(&path, changed + SETTLED - Duration::from_nanos(1)));
        assert!(is_settled(&path, changed + SETTLED));
        assert!(!is_settled(&dir.path().join("b.json"), changed + SETTLED));
    }
}
