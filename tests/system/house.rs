//! The rules of the house that a compiler does not hold: which room may know which, what a pure room may name, and that
//! everything is tidy.

use std::collections::{BTreeMap, BTreeSet};

use source::{Source, literals, sources};

mod source;

/// Which rooms each room may use, beside itself. Every room stands below all that use it, so there is no way round.
const RINGS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("dossier", &["base"]),
    ("pki", &["base"]),
    ("document", &["base", "dossier", "pki"]),
    ("chip", &["base", "document", "pki"]),
    ("printer", &["base"]),
    ("job", &["base"]),
    ("audit", &["base"]),
    (
        "port",
        &[
            "base", "dossier", "pki", "document", "chip", "printer", "job", "audit",
        ],
    ),
    (
        "config",
        &[
            "base", "dossier", "pki", "document", "chip", "printer", "job", "audit",
        ],
    ),
    (
        "line",
        &[
            "base", "dossier", "pki", "document", "chip", "printer", "job", "audit", "port", "config",
        ],
    ),
    ("device", &["base", "pki", "chip", "printer", "port", "config"]),
    ("store", &["base", "dossier", "job", "audit", "port", "config"]),
    // Tests of the simulation lay a cable to the real door, and its ports in memory refuse in the doors' words, so it
    // may know the doors; they never know it.
    (
        "sim",
        &[
            "base", "dossier", "pki", "document", "chip", "printer", "job", "audit", "port", "config",
            "device", "store",
        ],
    ),
    (
        "control",
        &[
            "base", "dossier", "pki", "document", "chip", "printer", "job", "audit", "port", "config", "line",
        ],
    ),
    (
        "cli",
        &[
            "base", "dossier", "pki", "document", "chip", "printer", "job", "audit", "port", "config",
            "line", "device", "store", "sim", "control",
        ],
    ),
    ("main", &["cli"]),
];

/// Rooms without any I/O.
const PURE: &[&str] = &["dossier", "pki", "document", "chip", "printer", "job", "audit"];
/// What a pure room must not name: runtimes, databases, devices, files, sockets, processes and clocks.
const IMPURE: &[&str] = &[
    "tokio",
    "tokio_serial",
    "sqlx",
    "cryptoki",
    "pcsc",
    "rustix",
    "std::fs",
    "std::net",
    "std::os",
    "std::process",
    "std::thread",
    "std::env",
    "SystemTime",
    "Instant",
];

const SUPER: &str = "super::";
const COLUMNS_MAX: usize = 120;
const LINES_MAX: usize = 600;

#[test]
fn imports_point_down() {
    let rings: BTreeMap<&str, &[&str]> = RINGS.iter().copied().collect();
    let mut faults = Vec::new();
    for source in sources("src") {
        let room = room(&source);
        if room == "lib" {
            continue;
        }
        let Some(below) = rings.get(room) else {
            faults.push(format!("{}: room {room} has no ring", source.path));
            continue;
        };
        for (line, used) in used_rooms(&source) {
            if rings.contains_key(used) && used != room && !below.contains(&used) {
                faults.push(format!("{}:{line}: {room} must not use {used}", source.path));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn the_rings_have_no_cycle() {
    let mut seen = BTreeSet::new();
    for (room, below) in RINGS {
        for other in *below {
            assert!(
                seen.contains(other),
                "{room} uses {other}, which does not stand below it"
            );
        }
        seen.insert(*room);
    }
}

#[test]
fn pure_rooms_do_no_io_and_read_no_clock() {
    let mut faults = Vec::new();
    // A room's kit for its tests may ask other programs for their opinion.
    for source in sources("src")
        .iter()
        .filter(|source| PURE.contains(&room(source)) && !source.path.ends_with("/testkit.rs"))
    {
        for (number, line) in (1..).zip(source.code.lines()) {
            for word in IMPURE.iter().filter(|word| names(line, word)) {
                faults.push(format!("{}:{number}: {word}", source.path));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn everything_is_tidy() {
    // Put together here, so that this file does not find itself.
    let elsewhere = concat!("../", "shared");
    // What is unfinished in other ways, clippy finds: `todo`, `unimplemented` and `dbg_macro` are in its table.
    let skipped = concat!("#[", "ignore");
    let mut faults = Vec::new();
    let folders = ["src", "tests", "benches", "hsm-sim/src"];
    for source in folders
        .into_iter()
        .filter(|folder| exists(folder))
        .flat_map(sources)
    {
        let lines = source.text.lines().count();
        if lines > LINES_MAX {
            faults.push(format!("{}: {lines} lines, {LINES_MAX} allowed", source.path));
        }
        for (number, (text, code)) in (1..).zip(source.text.lines().zip(source.code.lines())) {
            let mut fault = |what: &str| faults.push(format!("{}:{number}: {what}", source.path));
            // A row of a table in documentation cannot be broken.
            if text.chars().count() > COLUMNS_MAX && !text.starts_with("//! |") {
                fault("too long a line");
            }
            if text.contains(elsewhere) {
                fault("names a place outside the project");
            }
            if code.contains(skipped) {
                fault("a test that does not run");
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

#[test]
fn fault_codes_are_unique_and_say_everything_in_both_languages() {
    const BLAMES: [&str; 7] = ["Dossier", "Card", "Device", "Key", "Registry", "Operator", "Bug"];
    let mut faults = Vec::new();
    let mut owners: BTreeMap<String, String> = BTreeMap::new();
    let mut rooms: BTreeMap<String, String> = BTreeMap::new();
    // The macro's own file shows it at work on codes that do not count.
    for source in sources("src")
        .iter()
        .filter(|source| source.path != "src/base/fault.rs")
    {
        for entry in catalogue(source) {
            let mut fault = |what: &str| faults.push(format!("{}: {}: {what}", source.path, entry.name));
            let [id, en, vi, next_en, next_vi] = entry.literals.as_slice() else {
                fault("not an identifier and four texts");
                continue;
            };
            let Some((prefix, number)) = id.split_once('-') else {
                fault("its identifier is not ROOM-NNN");
                continue;
            };
            let capitals = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_uppercase());
            if !capitals || number.len() != 3 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
                fault("its identifier is not ROOM-NNN");
            }
            if !BLAMES.contains(&entry.blame.as_str()) {
                fault("nobody is to blame");
            }
            if [en, vi, next_en, next_vi]
                .iter()
                .any(|text| text.trim().is_empty())
                || en == vi
            {
                fault("a text is missing");
            }
            if let Some(other) = owners.insert((*id).to_owned(), source.path.clone()) {
                fault(&format!("{id} is taken in {other}"));
            }
            let owner = rooms
                .entry(prefix.to_owned())
                .or_insert_with(|| room(source).to_owned());
            if owner != room(source) {
                fault(&format!("{prefix} belongs to {owner}"));
            }
        }
    }
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
    assert!(owners.len() > 20, "only {} codes were found", owners.len());
}

/// One entry of a `fault_codes!` block.
struct Entry<'a> {
    name: String,
    blame: String,
    literals: Vec<&'a str>,
}

/// The entries of a file's catalogues, by text: `NAME = "ID", Blame, bool, four texts;`.
fn catalogue(source: &Source) -> Vec<Entry<'_>> {
    let mut entries = Vec::new();
    for (at, _) in source.code.match_indices("fault_codes! {") {
        // Blanked code is as many characters, not bytes, as the text: count in characters.
        let start = source.code[..at].chars().count();
        let text_at = byte_at(&source.text, start);
        let block = &source.code[at..];
        let end = block.find('}').unwrap_or(block.len());
        let mut from = block.find('{').unwrap_or(0) + 1;
        for (semicolon, _) in block[..end].match_indices(';') {
            let code = &block[from..semicolon];
            let head = code.split(',').map(str::trim).collect::<Vec<_>>();
            let first = block[..from].chars().count();
            let last = block[..semicolon].chars().count();
            let text = &source.text[text_at..];
            entries.push(Entry {
                name: head[0].trim_end_matches('=').trim().to_owned(),
                blame: head.get(1).copied().unwrap_or_default().to_owned(),
                literals: literals(&text[byte_at(text, first)..byte_at(text, last)]),
            });
            from = semicolon + 1;
        }
    }
    entries
}

fn byte_at(text: &str, character: usize) -> usize {
    text.char_indices()
        .nth(character)
        .map_or(text.len(), |(at, _)| at)
}

/// The room a file belongs to.
fn room(source: &Source) -> &str {
    let path = source.path.trim_start_matches("src/");
    path.split('/').next().unwrap_or(path).trim_end_matches(".rs")
}

/// The names that follow the crate's root in paths, with their lines: `crate::a`, `crate::{a, b::c}`, `cardwright::a`,
/// and as many `super::` as lead out of the room.
fn used_rooms(source: &Source) -> Vec<(usize, &str)> {
    let code = source.code.as_str();
    let mut used = Vec::new();
    for root in ["crate::", "cardwright::"] {
        for (at, _) in code.match_indices(root).filter(|(at, _)| begins_word(code, *at)) {
            used.extend(heads(&code[at + root.len()..]).into_iter().map(|name| (at, name)));
        }
    }
    // `src/chip/apdu.rs` is two modules deep: two steps up lead to the crate's root.
    let depth = source.path.split('/').count() - 1;
    for (at, _) in code.match_indices(SUPER).filter(|(at, _)| begins_word(code, *at)) {
        let (before, mut tail, mut steps) = (&code[..at], &code[at..], 0);
        while let Some(rest) = tail.strip_prefix(SUPER) {
            (tail, steps) = (rest, steps + 1);
        }
        if !before.ends_with(SUPER) && steps >= depth + inline_modules(before) {
            used.extend(heads(tail).into_iter().map(|name| (at, name)));
        }
    }
    used.into_iter()
        .map(|(at, name)| (code[..at].lines().count().max(1), name))
        .collect()
}

/// How many modules written out in the same file are still open at the end of this piece of code.
fn inline_modules(before: &str) -> usize {
    let mut open = Vec::new();
    for (at, letter) in before.char_indices() {
        match letter {
            '{' => {
                let opener = before[..at].rsplit(['{', '}', ';']).next().unwrap_or("");
                open.push(opener.split_whitespace().any(|word| word == "mod"));
            }
            '}' => {
                open.pop();
            }
            _ => {}
        }
    }
    open.into_iter().filter(|module| *module).count()
}

/// The first names of a path or of a group of paths.
fn heads(tail: &str) -> Vec<&str> {
    let Some(group) = tail.strip_prefix('{') else {
        return vec![word(tail)];
    };
    let (mut depth, mut heads, mut from) = (0, Vec::new(), 0);
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                heads.push(word(group[from..at].trim()));
                from = at + 1;
                if letter == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    heads
}

fn word(text: &str) -> &str {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .next()
        .unwrap_or("")
}

fn begins_word(code: &str, at: usize) -> bool {
    !code[..at].ends_with(|letter: char| letter.is_alphanumeric() || letter == '_')
}

/// Does this line of code name this word or path, and not merely a longer word?
fn names(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        let after = &line[at + name.len()..];
        begins_word(line, at) && !after.starts_with(|letter: char| letter.is_alphanumeric() || letter == '_')
    })
}

fn exists(folder: &str) -> bool {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(folder)
        .is_dir()
}

#[test]
fn a_path_is_found_however_it_is_written() {
    let source = |path: &str, code: &str| Source {
        path: path.to_owned(),
        text: code.to_owned(),
        code: source::code(code),
    };
    let rooms = |path: &str, code: &str| {
        let source = source(path, code);
        used_rooms(&source)
            .into_iter()
            .map(|(_, name)| name.to_owned())
            .collect::<Vec<_>>()
    };
    let code =
        "use crate::base::Fault;\nuse crate::{job::Fact, line::{self, desk}};\ncrate::sim::f(); // crate::no";
    assert_eq!(rooms("src/chip/a.rs", code), ["base", "job", "line", "sim"]);
    assert_eq!(rooms("src/chip/a.rs", "use super::b;"), [""; 0]);
    assert_eq!(rooms("src/chip/a.rs", "use super::super::line;"), ["line"]);
    assert_eq!(
        rooms("src/chip.rs", "use super::{line, store};"),
        ["line", "store"]
    );
    assert_eq!(rooms("src/chip.rs", "mod tests {\n    use super::*;\n}"), [""; 0]);
    assert_eq!(
        rooms("src/chip.rs", "mod a { fn f() {} }\nuse super::line;"),
        ["line"]
    );
    assert_eq!(rooms("src/main.rs", "cardwright::cli::run()"), ["cli"]);
    assert!(names("use std::fs;", "std::fs") && !names("let instantly = 1;", "Instant"));
    assert!(!names("my_tokio::x", "tokio") && names("tokio::spawn", "tokio"));
}

#[test]
fn a_catalogue_is_read_by_its_text() {
    let text = r#"
crate::fault_codes! {
    /// Nhãn; "hỏng".
    TORN = "DEMO-001", Card, true, "it; tore", "bị } rách",
        "Take it out.", "Lấy ra.";
    LOST = "DEMO-002", Bug, false, "lost", "mất", "Look.", "Tìm.";
}"#;
    let source = Source {
        path: "src/demo/fault.rs".to_owned(),
        text: text.to_owned(),
        code: source::code(text),
    };
    let entries = catalogue(&source);
    let heads: Vec<(&str, &str)> = entries
        .iter()
        .map(|entry| (entry.name.as_str(), entry.blame.as_str()))
        .collect();
    assert_eq!(heads, [("TORN", "Card"), ("LOST", "Bug")]);
    assert_eq!(
        entries[0].literals,
        ["DEMO-001", "it; tore", "bị } rách", "Take it out.", "Lấy ra."]
    );
}
