//! Refuses files in migrations/ that refinery would skip or fail on, and changes of released files. It reads only the files
//! and needs no database. build.rs uses it, without dependencies. `./dev lint` and `./dev compat` check what a migration does
//! to running programs.

mod released;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Name in migrations/ (a folder's ends with `/`) → content.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A problem in a file, and what to do about it.
pub struct Finding {
    /// From 1.
    pub line: usize,
    pub message: String,
}

/// Reports all problems in `root`'s migrations/, one line each.
pub fn check(root: &Path) -> Result<(), String> {
    let files = read(&root.join("migrations"))?;
    let mut found: Vec<_> = findings(&files).into_iter().chain(released::findings(root, &files)).collect();
    found.sort_by(|(one, a), (other, b)| (version(one), one, a.line).cmp(&(version(other), other, b.line)));
    let lines = found.iter().map(|(name, Finding { line, message })| format!("migrations/{name}:{line}: {message}"));
    if found.is_empty() { Ok(()) } else { Err(lines.collect::<Vec<_>>().join("\n")) }
}

/// Reads all files except hidden ones: those belong to the system or an editor (`.DS_Store`, `.V3__x.sql.swp`), and refinery
/// skips them.
fn read(folder: &Path) -> Result<Files, String> {
    let failed = |error| format!("{}: {error}", folder.display());
    let mut files = Files::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') {
            files.insert(format!("{name}/"), Vec::new());
        } else if !name.starts_with('.') {
            files.insert(name, fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?);
        }
    }
    Ok(files)
}

/// The problems of the files themselves, without a comparison with a release.
pub fn findings(files: &Files) -> Vec<(String, Finding)> {
    let named = files.keys().filter_map(|name| Some((name.clone(), misnamed(name)?)));
    let sql = files.iter().filter(|(name, _)| name.to_lowercase().ends_with(".sql"));
    let inside =
        sql.flat_map(|(name, content)| content_findings(content).into_iter().map(|finding| (name.clone(), finding)));
    named.chain(duplicates(files)).chain(inside).collect()
}

/// The version in a file's name.
fn version(name: &str) -> Option<u64> {
    name.strip_prefix(['V', 'v'])?.split_once("__")?.0.parse().ok()
}

fn misnamed(name: &str) -> Option<Finding> {
    let message = if name.ends_with('/') {
        "a folder: refinery applies the files in it, but this build does not check them; move them into migrations/"
    } else if !is_well_named(name) {
        "refinery silently skips a file of this name, or fails when the program starts; name it \
         `V<version>__<what_it_does>.sql`: the version without a leading zero, the rest of a-z, 0-9 and _"
    } else if version(name).is_none_or(|version| i32::try_from(version).is_err()) {
        "refinery's versions have 32 bits, so it fails on this one when the program starts; use the next free version"
    } else {
        return None;
    };
    Some(Finding { line: 1, message: message.to_owned() })
}

fn is_well_named(name: &str) -> bool {
    let stem = name.strip_prefix('V').and_then(|rest| rest.strip_suffix(".sql"));
    stem.and_then(|stem| stem.split_once("__")).is_some_and(|(version, what)| {
        let is_number = version.bytes().all(|byte| byte.is_ascii_digit()) && !version.starts_with('0');
        let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        is_number && !version.is_empty() && !what.is_empty() && what.bytes().all(is_allowed)
    })
}

fn duplicates(files: &Files) -> Vec<(String, Finding)> {
    let versions: BTreeSet<_> = files.keys().filter_map(|name| version(name)).collect();
    let of = |wanted| files.keys().filter(move |name| version(name) == Some(wanted));
    let free = versions.last().map_or(1, |newest| newest + 1);
    let duplicate = |wanted: &u64| {
        let (first, version) = (of(*wanted).next().map_or("", String::as_str), *wanted);
        let message = format!(
            "{first} has version {version}, too: refinery would apply only one of the two; give the newer one the version \
             {free}"
        );
        of(version).skip(1).map(move |name| (name.clone(), Finding { line: 1, message: message.clone() }))
    };
    versions.iter().flat_map(duplicate).collect()
}

/// The problems in a file's content.
fn content_findings(content: &[u8]) -> Vec<Finding> {
    let line = |end: usize| content[..end].split(|byte| *byte == b'\n').count();
    let mut findings = Vec::new();
    let mut add = |line, message: &str| findings.push(Finding { line, message: message.to_owned() });
    if content.starts_with("\u{feff}".as_bytes()) {
        add(1, "begins with a byte order mark, which PostgreSQL reads as SQL; save the file as UTF-8 without one");
    }
    if let Some(end) = content.iter().position(|byte| *byte == b'\r') {
        add(line(end), "a carriage return, which changes refinery's checksum; save the file with LF line endings");
    }
    if let Err(error) = str::from_utf8(content) {
        add(line(error.valid_up_to()), "not UTF-8, which refinery requires; save the file as UTF-8");
    }
    findings
}
