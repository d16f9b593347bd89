//! Small files, written so that a reader sees the old or the new one, never half of one.
//!
//! A file that takes the place of another costs a file system more than its content: what changes with every card is a
//! line at the end of a file instead.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Writes a file in one step.
pub(super) fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let fresh = path.with_file_name(name);
    std::fs::write(&fresh, content)?;
    std::fs::rename(&fresh, path)
}

/// Writes a value as JSON in one step.
pub(super) fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    write(path, &serde_json::to_vec(value)?)
}

/// Begins a file of lines with this value, whatever was in it.
pub(super) fn start_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    write(path, &line(value)?)
}

/// Adds a value as a line of JSON. Of such a file the last whole line counts.
pub(super) fn append_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let mut file = File::options().create(true).append(true).open(path)?;
    file.write_all(&line(value)?)
}

fn line(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(value)?;
    line.push(b'\n');
    Ok(line)
}

/// Reads the value that was added last, and forgets those before it; nothing if there is no such file.
pub(super) fn last_json<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    let content = read(path)?.unwrap_or_default();
    // A line that was cut off is what its writer did not live to say.
    let whole = content
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1);
    let mut lines = content[..whole].split_inclusive(|byte| *byte == b'\n');
    let Some(last) = lines.next_back() else {
        return Ok(None);
    };
    write(path, last)?;
    Ok(Some(serde_json::from_slice(last)?))
}

/// Reads a value; nothing if there is no such file.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> io::Result<Option<T>> {
    Ok(match read(path)? {
        Some(content) => Some(serde_json::from_slice(&content)?),
        None => None,
    })
}

/// Reads a file; nothing if there is none.
pub(super) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_whole_line_counts_and_the_others_are_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.jsonl");
        assert_eq!(last_json::<u32>(&path).unwrap(), None);
        for number in 1..4 {
            append_json(&path, &number).unwrap();
        }
        File::options()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(b"99")
            .unwrap();
        assert_eq!(last_json(&path).unwrap(), Some(3));
        assert_eq!(std::fs::read(&path).unwrap(), b"3\n");
        append_json(&path, &4).unwrap();
        assert_eq!(last_json(&path).unwrap(), Some(4));
    }
}
