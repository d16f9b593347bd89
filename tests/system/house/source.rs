//! Rust source as a text to be searched: what is code, and what is only said in comments and strings.

#![expect(clippy::unwrap_used, reason = "a house that cannot be read fails its test")]

use std::fs;
use std::path::{Path, PathBuf};

/// One source file.
pub(super) struct Source {
    /// Path from the package's root, with `/`.
    pub(super) path: String,
    /// As it is written.
    pub(super) text: String,
    /// The same with every comment, string and character blanked out, line by line.
    pub(super) code: String,
}

/// Every Rust file below this folder of the package.
pub(super) fn sources(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    walk(&root.join(folder), &mut paths);
    paths.sort();
    let rust = paths
        .iter()
        .filter(|path| path.extension().is_some_and(|kind| kind == "rs"));
    rust.map(|path| {
        let text = fs::read_to_string(path).unwrap();
        Source {
            path: path
                .strip_prefix(root)
                .unwrap()
                .to_str()
                .unwrap()
                .replace('\\', "/"),
            code: code(&text),
            text,
        }
    })
    .collect()
}

fn walk(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            // What `make fuzz` built is not ours.
            if !path.ends_with("target") {
                walk(&path, paths);
            }
        } else {
            paths.push(path);
        }
    }
}

/// The text with comments, strings and characters blanked out; every line stays where it is.
pub(super) fn code(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = comment(rest)
            .or_else(|| string(rest, &code))
            .or_else(|| character(rest));
        let length = skipped.unwrap_or_else(|| first.len_utf8());
        let (token, tail) = rest.split_at(length);
        if skipped.is_some() {
            code.extend(
                token
                    .chars()
                    .map(|letter| if letter == '\n' { '\n' } else { ' ' }),
            );
        } else {
            code.push(first);
        }
        rest = tail;
    }
    code
}

/// The string literals of a piece of source, escapes left as written.
pub(super) fn literals(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if let Some(length) = comment(rest) {
            length
        } else if let Some(length) = string(rest, "") {
            found.push(
                rest[..length]
                    .trim_matches(|letter| matches!(letter, 'r' | 'b' | '#'))
                    .trim_matches('"'),
            );
            length
        } else {
            character(rest).unwrap_or_else(|| first.len_utf8())
        };
        rest = &rest[length..];
    }
    found
}

/// Length of the comment that begins here.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    let mut at = text.strip_prefix("/*").map(|_| 2)?;
    let mut depth = 1;
    while depth > 0 {
        let next = text[at..].find(['/', '*'])? + at;
        let (step, change) = match text.get(next..next + 2) {
            Some("/*") => (2, 1),
            Some("*/") => (2, -1),
            _ => (1, 0),
        };
        at = next + step;
        depth += change;
    }
    Some(at)
}

/// Length of the string literal that begins here, raw or not; `before` tells a prefix from the end of a name.
fn string(text: &str, before: &str) -> Option<usize> {
    let in_name = before.ends_with(|letter: char| letter.is_alphanumeric() || letter == '_');
    let marks = if in_name {
        0
    } else {
        text.find(|letter| !matches!(letter, 'b' | 'c' | 'r' | '#'))?
    };
    let (prefix, body) = text.split_at(marks);
    let body = body.strip_prefix('"')?;
    if let Some(raw) = prefix.find('r') {
        let end = format!("\"{}", &prefix[raw + 1..]);
        return body.find(&end).map(|at| marks + 1 + at + end.len());
    }
    if prefix.contains('#') {
        return None;
    }
    let mut escaped = false;
    for (at, letter) in body.char_indices() {
        match letter {
            '"' if !escaped => return Some(marks + 1 + at + 1),
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    None
}

/// Length of the character literal that begins here; a lifetime is none.
fn character(text: &str) -> Option<usize> {
    let body = text.strip_prefix('\'')?;
    let mut letters = body.char_indices();
    let (_, first) = letters.next()?;
    if first == '\\' {
        return body[2..].find('\'').map(|at| 1 + 2 + at + 1);
    }
    let (at, second) = letters.next()?;
    (second == '\'').then_some(1 + at + 1)
}

#[test]
fn only_code_is_left() {
    let source = r####"
let a = "tokio \" // no"; // std::fs
/* sqlx /* nested */ still */ let b = 'x'; let c: &'static str = r#"a "quoted" tokio"#;
let d = ('"', '\'', b"tokio", for_r"x", '\u{41}');
"####;
    let code = code(source);
    assert_eq!(code.lines().count(), source.lines().count());
    for word in ["tokio", "std::fs", "sqlx", "quoted", "nested", "still"] {
        assert!(!code.contains(word), "{word} in {code}");
    }
    for word in ["let a =", "let b =", "let c: &'static str =", "let d = ("] {
        assert!(code.contains(word), "{word} not in {code}");
    }
    assert_eq!(
        literals("a(\"one\", r#\"two\"#, 'x', \"th\\\"ree\")"),
        ["one", "two", "th\\\"ree"]
    );
}
