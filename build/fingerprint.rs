//! The inputs that the typed queries were generated from: a hash of each file. It is text, one line a file, so that a build
//! can name what has changed. build.rs uses it, without dependencies.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

/// Everything that the generated code depends on, relative to the package's folder.
pub const INPUTS: [&str; 3] = ["queries", "migrations", "cornucopia.toml"];

/// The generator's version is an input, too. Cargo.toml pins the dependency to the same one.
const GENERATOR: (&str, &str) = ("cornucopia", "1.0.1");

/// Name of an input → hash of its content.
#[derive(Debug, PartialEq, Eq)]
pub struct Fingerprint(BTreeMap<String, String>);

impl Fingerprint {
    /// The fingerprint of the current inputs.
    pub fn of(root: &Path) -> Result<Self, String> {
        let mut files = BTreeMap::from([(GENERATOR.0.to_owned(), GENERATOR.1.to_owned())]);
        for input in INPUTS {
            add(root, input, &mut files)?;
        }
        Ok(Self(files))
    }

    /// Reads a stored fingerprint; an empty one if there is no such file.
    pub fn read(file: &Path) -> Result<Self, String> {
        if !file.exists() {
            return Ok(Self(BTreeMap::new()));
        }
        let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        Ok(Self(lines.map(|(hash, name)| (name.to_owned(), hash.to_owned())).collect()))
    }

    /// The inputs that are new, missing or changed.
    pub fn changes_since<'a>(&'a self, earlier: &'a Self) -> Vec<&'a str> {
        let changed = self.0.iter().filter(|(name, hash)| earlier.0.get(*name) != Some(*hash));
        let gone = earlier.0.keys().filter(|name| !self.0.contains_key(*name));
        changed.map(|(name, _)| name).chain(gone).map(String::as_str).collect()
    }
}

/// Writes the format that `read` reads.
impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(name, hash)| writeln!(formatter, "{hash} {name}"))
    }
}

fn add(root: &Path, name: &str, files: &mut BTreeMap<String, String>) -> Result<(), String> {
    let path = root.join(name);
    let failed = |error| format!("{}: {error}", path.display());
    if !path.is_dir() {
        let content = fs::read(&path).map_err(failed)?;
        files.insert(name.to_owned(), format!("{:016x}", fnv1a(&content)));
        return Ok(());
    }
    for entry in fs::read_dir(&path).map_err(failed)? {
        let file_name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        // Skips the files of editors and operating systems.
        let is_sql = Path::new(&file_name).extension().is_some_and(|extension| extension == "sql");
        if is_sql && !file_name.starts_with('.') {
            add(root, &format!("{name}/{file_name}"), files)?;
        }
    }
    Ok(())
}

/// FNV-1a, 64 bits: the same on every platform and Rust version. The standard library's hashers may change.
fn fnv1a(content: &[u8]) -> u64 {
    content.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}
