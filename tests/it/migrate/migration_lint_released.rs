//! The lint of migrations/: released files must not change. The tests use their own git repository.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::migrate::migration_lint::{folder, lint};

pub fn git(root: &Path, arguments: &[&str]) {
    let identity = [
        "-c",
        "user.name=Test",
        "-c",
        "user.email=test@example.com",
        "-c",
        "commit.gpgsign=false",
        "-c",
        "tag.gpgsign=false",
    ];
    let mut command = Command::new("git");
    // In a git hook these variables name the repository that runs the hook. This test must never write to it.
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        command.env_remove(variable);
    }
    let output = command.current_dir(root).args(identity).args(arguments).output().unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Writes the files, commits and tags them.
pub fn release(root: &Path, tag: &str, files: &[(&str, &str)]) {
    for (name, content) in files {
        fs::write(root.join("migrations").join(name), content).unwrap();
    }
    git(root, &["add", "."]);
    git(root, &["commit", "--quiet", "--allow-empty", "--message", tag]);
    git(root, &["tag", tag]);
}

#[track_caller]
fn released_refused(root: &Path, expected: &[&str]) {
    let findings = lint::check(root).err().unwrap_or_default();
    assert_eq!(findings.lines().count(), expected.len(), "{findings}");
    for (finding, expected) in findings.lines().zip(expected) {
        assert!(finding.starts_with(expected), "{findings}");
    }
}

#[test]
fn a_change_to_a_released_migration_is_refused() {
    // The package is not the repository's root.
    let repository = folder("lint_released");
    let root = repository.join("package");
    fs::create_dir_all(root.join("migrations")).unwrap();
    let write = |name: &str, content: &str| fs::write(root.join("migrations").join(name), content).unwrap();
    git(&repository, &["init", "--quiet"]);
    write("V1__a.sql", "select 0;\n");
    released_refused(&root, &[]);
    release(&root, "v0.9.0", &[("V1__a.sql", "select 1;\n"), ("V2__b.sql", "select 1;\nselect 2;\n")]);
    release(&root, "v0.10.0-rc.1", &[("V4__d.sql", "select 4;\n")]);
    release(&root, "v0.10.0", &[("V5__e.sql", "select 5;\n")]);
    release(&root, "v1.0", &[("V6__f.sql", "select 6;\n")]);
    git(&repository, &["checkout", "--quiet", "-b", "later"]);
    release(&root, "v2.0.0", &[("V7__g.sql", "select 7;\n")]);
    git(&repository, &["checkout", "--quiet", "-"]);
    released_refused(&root, &[]);

    write("V6__f.sql", "select 'changed, and never released';\n");
    write("V7__other.sql", "select 7;\n");
    released_refused(&root, &[]);

    write("V2__b.sql", "select 1;\nselect 2; -- changed\n");
    write("V3__late.sql", "select 3;\n");
    write("V5__other.sql", "select 5;\n");
    fs::remove_file(root.join("migrations/V4__d.sql")).unwrap();
    fs::remove_file(root.join("migrations/V5__e.sql")).unwrap();
    released_refused(
        &root,
        &[
            "migrations/V2__b.sql:2: differs from the file that was released with v0.10.0, ",
            "migrations/V3__late.sql:1: v0.10.0 already has version 5: ",
            "migrations/V4__d.sql:1: is missing; it was released with v0.10.0, ",
            "migrations/V5__e.sql:1: is missing; it was released with v0.10.0, ",
            "migrations/V5__other.sql:1: v0.10.0 already has version 5: ",
        ],
    );
}

#[test]
fn a_package_that_its_repository_does_not_track_has_no_releases() {
    let repository = folder("lint_untracked");
    git(&repository, &["init", "--quiet"]);
    release(&repository, "v3.0.0", &[("V1__a.sql", "select 1;\n")]);
    fs::create_dir_all(repository.join("vendor/migrations")).unwrap();
    fs::write(repository.join("vendor/migrations/V1__a.sql"), "select 2;\n").unwrap();

    released_refused(&repository.join("vendor"), &[]);
}
