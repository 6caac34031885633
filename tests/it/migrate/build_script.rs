//! The build script, run by cargo on a copy of the package: when nothing has changed, when a .sql file has changed, and when
//! it cannot check the change. Also `cargo package`, whose result must build without the generator.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::support::builder;

#[path = "../../../build/fingerprint.rs"]
mod fingerprint;
#[path = "../../../build/position.rs"]
mod position;

/// The copy's version.
const VERSION: &str = "9000.0.0";

/// A copy of the package. It shares the built dependencies with the original.
struct Package {
    root: PathBuf,
    /// Only one copy exists at a time: others would wait for cargo's lock anyway.
    _alone: MutexGuard<'static, ()>,
}

impl Package {
    fn copy() -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("package");
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(&root).unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR"));
        for name in ["Cargo.toml", "Cargo.lock", "README.md", "build.rs", "cornucopia.toml", "dev"] {
            fs::copy(source.join(name), root.join(name)).unwrap();
        }
        for folder in ["benches", "build", "codegen", "docs", "examples", "migrations", "queries", "src"] {
            copy_folder(&source.join(folder), &root.join(folder));
        }
        // The other member of the workspace: cargo reads its manifest.
        copy_folder(&source.join("python/src"), &root.join("python/src"));
        fs::copy(source.join("python/Cargo.toml"), root.join("python/Cargo.toml")).unwrap();
        let copy = Self { root, _alone: alone };
        // cargo treats packages with the same name and version as one, and would mix up their build results.
        let version = concat!("name = \"clip-saver-db\"\nversion = \"", env!("CARGO_PKG_VERSION"), "\"");
        for file in ["Cargo.toml", "Cargo.lock"] {
            copy.change(file, version, &format!("name = \"clip-saver-db\"\nversion = \"{VERSION}\""));
        }
        copy
    }

    fn change(&self, file: &str, from: &str, to: &str) {
        let file = self.root.join(file);
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{} does not hold {from:?}", file.display());
        fs::write(file, text.replacen(from, to, 1)).unwrap();
    }

    /// Runs `cargo check`, with or without a server.
    fn check(&self, arguments: &[&str], server: bool) -> Outcome {
        let mut command = self.command(env!("CARGO"));
        command.args(["check", "--lib", "--offline", "--locked"]).args(arguments);
        if !server {
            command.env("PG_BIN", "/nowhere");
        }
        command.output().unwrap().into()
    }

    /// Runs a command of `./dev`.
    fn dev(&self, command: &str, arguments: &[&str]) -> Outcome {
        let cargo = Path::new(env!("CARGO")).parent().unwrap().display().to_string();
        let path = format!("{cargo}:{}", std::env::var("PATH").unwrap());
        self.command("./dev").arg(command).args(arguments).env("PATH", path).output().unwrap().into()
    }

    /// Commits everything and tags it as a release.
    fn release(&self, tag: &str) {
        for arguments in
            [vec!["init", "--quiet"], vec!["add", "."], vec!["commit", "--quiet", "--message=x"], vec!["tag", tag]]
        {
            let mut git = self.command("git");
            git.args(["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"])
                .args(arguments);
            git.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").env_remove("GIT_INDEX_FILE");
            Outcome::from(git.output().unwrap()).succeeds();
        }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = builder(program);
        command.current_dir(&self.root).env("CARGO_TARGET_DIR", target_folder());
        command
    }
}

struct Outcome {
    success: bool,
    output: String,
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        let [stdout, stderr] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        Self { success: output.status.success(), output: stdout + &stderr }
    }
}

impl Outcome {
    #[track_caller]
    fn succeeds(self) -> String {
        assert!(self.success, "{}", self.output);
        self.output
    }

    #[track_caller]
    fn fails_with(self, messages: &[&str]) {
        assert!(!self.success, "{}", self.output);
        for message in messages {
            assert!(self.output.contains(message), "no {message:?} in:\n{}", self.output);
        }
    }
}

/// target/, from target/PROFILE/build/NAME/out.
pub fn target_folder() -> &'static Path {
    Path::new(env!("OUT_DIR")).ancestors().nth(4).unwrap()
}

pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_build_of_unchanged_inputs_needs_no_server_and_a_second_build_does_nothing() {
    let package = Package::copy();

    let first = package.check(&[], false).succeeds();
    let second = package.check(&[], false).succeeds();

    assert!(first.contains("Compiling clip-saver-db"), "{first}");
    assert!(!second.contains("clip-saver-db"), "{second}");
}

#[test]
fn a_misspelt_column_fails_with_file_line_and_column() {
    let package = Package::copy();
    package.change(
        "queries/scan_runs.sql",
        "where id = :id and status in ('queued', 'running')",
        "where id = :id and statsu = 'x'",
    );
    let text = fs::read_to_string(package.root.join("queries/scan_runs.sql")).unwrap();
    let (line, column) = position::line_and_column(&text, text.find("statsu").unwrap());

    package
        .check(&[], true)
        .fails_with(&[&format!("queries/scan_runs.sql:{line}:{column}: "), "column \"statsu\" does not exist"]);
}

#[test]
fn the_reported_column_is_right_after_two_parameters_a_comment_and_a_blank_line() {
    let package = Package::copy();
    package.change(
        "queries/users.sql",
        "where discord_user_id = :discord_user_id;",
        "where discord_user_id = :discord_user_id -- é: bytes are not characters\n\n  and username = :username and nmae = 'x';",
    );

    package.check(&[], true).fails_with(&["queries/users.sql:11:32: ", "column \"nmae\" does not exist"]);
}

#[test]
fn a_build_notices_a_new_migration_when_nothing_else_has_changed() {
    let package = Package::copy();
    package.check(&[], false).succeeds();
    let migration = package.root.join("migrations/V9000__drop_a_column.sql");
    fs::write(&migration, "alter table users drop column avatar;\n").unwrap();

    package.check(&[], true).fails_with(&["queries/users.sql:7:67: ", "column \"avatar\" does not exist"]);

    fs::write(&migration, "commit;\n").unwrap();
    package.check(&[], true).fails_with(&["migrations/V9000__drop_a_column.sql:1: ends the transaction"]);

    fs::write(&migration, "alter table users add column pronouns text;\n").unwrap();
    package.check(&[], true).succeeds();
}

#[test]
fn a_build_that_cannot_check_a_change_fails_and_says_what_to_do() {
    let package = Package::copy();
    package.change("queries/guilds.sql", "where guild_id = :guild_id;", "where guild_id = :guild_id and name <> '';");

    package.check(&[], false).fails_with(&[
        "queries/guilds.sql: changed since",
        "Install PostgreSQL",
        "CLIP_DB_CODEGEN_URL",
    ]);
    package.check(&["--no-default-features"], true).fails_with(&["queries/guilds.sql: changed since", "./dev codegen"]);
}

#[test]
fn the_codegen_check_fails_after_a_manual_edit_and_codegen_repairs_it() {
    let package = Package::copy();
    let dev = |arguments: &[&str]| package.dev("codegen", arguments);
    package.change("codegen/queries/guilds.rs", "where guild_id = $1", "where guild_id = $1 or true");

    dev(&["--check"]).fails_with(&["or true", "codegen/ was not up to date"]);
    dev(&[]).succeeds();

    dev(&["--check"]).succeeds();
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("codegen/queries/guilds.rs");
    assert_eq!(fs::read(package.root.join("codegen/queries/guilds.rs")).unwrap(), fs::read(committed).unwrap());
}

#[test]
fn the_release_gate_runs_the_last_releases_own_test_on_the_current_migrations() {
    let package = Package::copy();
    // Replaces tests/it, which takes a minute to compile. It checks which migrations it sees: the current ones and those of
    // its own release.
    let test = "//! A stand-in.
        #[test]
        fn every_function_works_on_a_schema_of_a_newer_release() {
            let newer = std::path::PathBuf::from(std::env::var_os(\"CLIP_DB_COMPAT_MIGRATIONS\").unwrap());
            assert!(newer.join(\"V1__initial_schema.sql\").exists());
            assert!(!std::path::Path::new(\"migrations/V9000__x.sql\").exists());
            assert!(!newer.join(\"V9000__x.sql\").exists(), \"it breaks\");
        }";
    fs::create_dir_all(package.root.join("tests/it")).unwrap();
    fs::write(package.root.join("tests/it/main.rs"), test).unwrap();
    package.release("v0.1.0");
    fs::remove_file(package.root.join("tests/it/main.rs")).unwrap();

    let migration = package.root.join("migrations/V9000__x.sql");
    fs::write(&migration, "select 1;\n").unwrap();
    package.dev("compat", &[]).fails_with(&["it breaks", "programs of v0.1.0 break"]);

    fs::remove_file(migration).unwrap();
    let passed = package.dev("compat", &[]);
    assert!(passed.output.contains("checking the current queries on an existing database"), "{}", passed.output);
}

#[test]
fn the_packaged_crate_builds_without_the_generator() {
    let package = Package::copy();
    let packed = package.command(env!("CARGO")).args(["package", "--offline", "--no-verify", "--allow-dirty"]).output();
    Outcome::from(packed.unwrap()).succeeds();
    let archive = target_folder().join("package").join(format!("clip-saver-db-{VERSION}.crate"));
    let folder = package.root.join("target"); // which is not part of the workspace
    fs::create_dir_all(&folder).unwrap();
    let unpacked = package.command("tar").arg("xzf").arg(archive).arg("--directory").arg(&folder).output();
    Outcome::from(unpacked.unwrap()).succeeds();
    let inner = Package { root: folder.join(format!("clip-saver-db-{VERSION}")), ..package };

    inner.check(&["--no-default-features"], false).succeeds();
}

#[test]
fn a_position_in_the_sent_sql_is_converted_to_a_position_in_the_file() {
    let file = "--! one\n--- Says so.\nselect 1;\n\n--! two (b?)\nselect ':a', \"é--\", x::text, -- :c\n\n  :long, :b, :long, y;\n";
    let sent = "select ':a', \"é--\", x::text, \n  $1, $2, $1, y";
    let query = file.find("select '").unwrap();

    for searched in ["':a'", "x::text", "$1", "$2", "y"] {
        let characters = sent[..sent.find(searched).unwrap()].chars().count();
        let original = searched.replace("$1", ":long").replace("$2", ":b");
        assert_eq!(
            position::in_file(file, query + characters),
            query + file[query..].find(&original).unwrap(),
            "{searched}"
        );
    }
}

#[test]
fn a_fingerprint_shows_which_files_are_new_deleted_or_different() {
    let package = Package::copy();
    let before = fingerprint::Fingerprint::of(&package.root).unwrap();
    let file = package.root.join("FINGERPRINT");
    fs::write(&file, before.to_string()).unwrap();
    assert_eq!(fingerprint::Fingerprint::read(&file).unwrap(), before);
    assert_eq!(before.changes_since(&before), Vec::<&str>::new());

    package.change("queries/users.sql", "--- One user", "--- A user");
    fs::remove_file(package.root.join("queries/guilds.sql")).unwrap();
    fs::write(package.root.join("migrations/V9000__x.sql"), "").unwrap();
    let after = fingerprint::Fingerprint::of(&package.root).unwrap();

    assert_eq!(after.changes_since(&before), ["migrations/V9000__x.sql", "queries/users.sql", "queries/guilds.sql"]);
}
