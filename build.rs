//! Chooses the typed queries that the crate is compiled with: the committed `codegen/`, or, if a .sql file has changed since
//! it was generated, new ones in `OUT_DIR`. Writes nowhere else. The parts are in `build/`.

#[path = "build/fingerprint.rs"]
mod fingerprint;
#[cfg(feature = "codegen")]
#[path = "build/generate.rs"]
mod generate;
#[cfg(feature = "codegen")]
#[path = "build/lint.rs"]
mod lint;
#[cfg(feature = "codegen")]
#[path = "build/migrate.rs"]
mod migrate;
#[cfg(feature = "codegen")]
#[path = "build/position.rs"]
mod position;
#[cfg(feature = "codegen")]
#[path = "build/server.rs"]
mod server;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use fingerprint::Fingerprint;

/// Set by `./dev codegen`: generates even if no input has changed.
const FORCE: &str = "CLIP_DB_CODEGEN_FORCE";

fn main() {
    for input in fingerprint::INPUTS {
        println!("cargo::rerun-if-changed={input}");
    }
    println!("cargo::rerun-if-changed=codegen/FINGERPRINT");
    println!("cargo::rerun-if-env-changed={FORCE}");
    println!("cargo::rerun-if-env-changed=CLIP_DB_CODEGEN_URL");
    // The generated code is written for its own crate with features. Here they are fixed: on or off.
    println!("cargo::rustc-check-cfg=cfg(feature, values(\"deadpool\", \"wasm-async\"))");
    println!("cargo::rustc-cfg=feature=\"deadpool\"");

    let root = directory("CARGO_MANIFEST_DIR");
    let out = directory("OUT_DIR");
    #[cfg(feature = "codegen")]
    if let Err(findings) = lint::check(&root) {
        fail(&findings);
    }
    match typed_queries(&root, &out) {
        Ok(source) => include(&source, &out),
        Err(message) => fail(&message),
    }
}

/// Reports each line as an error. cargo fails when this program has ended, so all of them are shown.
fn fail(message: &str) {
    message.lines().for_each(|line| println!("cargo::error={line}"));
}

fn directory(variable: &str) -> PathBuf {
    PathBuf::from(env::var_os(variable).unwrap_or_else(|| panic!("cargo sets {variable}")))
}

/// The folder whose `lib.rs` holds the typed queries of the current .sql files.
fn typed_queries(root: &Path, out: &Path) -> Result<PathBuf, String> {
    let committed = root.join("codegen");
    let current = Fingerprint::of(root)?;
    let earlier = Fingerprint::read(&committed.join("FINGERPRINT"))?;
    let changed = current.changes_since(&earlier);
    if changed.is_empty() && env::var_os(FORCE).is_none() {
        return Ok(committed);
    }
    generate(root, out, &current, &changed.join(", "))
}

#[cfg(feature = "codegen")]
fn generate(root: &Path, out: &Path, current: &Fingerprint, changed: &str) -> Result<PathBuf, String> {
    let generated = out.join("generated");
    generate::generate(root, &generated, changed)?;
    let fingerprint = generated.join("src/FINGERPRINT");
    fs::write(&fingerprint, current.to_string()).map_err(|error| format!("{}: {error}", fingerprint.display()))?;
    Ok(generated.join("src"))
}

#[cfg(not(feature = "codegen"))]
fn generate(_: &Path, _: &Path, _: &Fingerprint, changed: &str) -> Result<PathBuf, String> {
    Err(format!(
        "{changed}: changed since codegen/ was generated, and this build has no generator.\n\
         Run `./dev codegen` and commit codegen/, or build with the feature `codegen`."
    ))
}

/// Writes the file that `src/lib.rs` includes: it declares the module of the typed queries.
fn include(source: &Path, out: &Path) {
    let module = format!(
        "#[allow(missing_docs, dead_code, unused_imports, clippy::all, clippy::pedantic)]\n#[path = {:?}]\nmod codegen;\n",
        source.join("lib.rs").display().to_string()
    );
    let file = out.join("codegen.rs");
    if let Err(error) = fs::write(&file, module) {
        println!("cargo::error={}: {error}", file.display());
    }
}
