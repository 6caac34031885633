//! Compares migrations/ with the newest release in git, because databases have applied those files. Without git, a repository
//! or a release (as in a package from a registry) it does nothing.

use std::path::Path;
use std::process::Command;

use super::{Files, Finding, version};

pub fn findings(root: &Path, files: &Files) -> Vec<(String, Finding)> {
    let Some(release) = newest_release(root) else { return Vec::new() };
    let released = files_of(root, &release);
    let changed = released.iter().filter_map(|(name, content)| {
        let finding = changed(&release, name, content, files.get(name).map(Vec::as_slice))?;
        Some((name.clone(), finding))
    });
    changed.chain(late(&release, &released, files)).collect()
}

/// The newest tag `vMAJOR.MINOR.PATCH` (a pre-release counts) in the history of the checkout. Later releases do not count: an
/// old release may be checked out.
fn newest_release(root: &Path) -> Option<String> {
    let tags = ["-c", "versionsort.suffix=-", "tag", "--merged", "HEAD", "--sort", "-version:refname", "--list", "v*"];
    let tags = String::from_utf8(git(root, &tags)?).ok()?;
    tags.lines().find(|tag| is_version(tag)).map(ToOwned::to_owned)
}

fn is_version(tag: &str) -> bool {
    let core = tag[1..].split(['-', '+']).next().unwrap_or_default();
    core.split('.').count() == 3 && core.split('.').all(|number| number.parse::<u64>().is_ok())
}

fn files_of(root: &Path, release: &str) -> Files {
    // Both paths are relative to `root`, which may be below the repository's root.
    let names = git(root, &["ls-tree", "-z", "--name-only", release, "migrations/"]).unwrap_or_default();
    let names = String::from_utf8_lossy(&names);
    let names = names.split('\0').filter_map(|path| path.strip_prefix("migrations/"));
    let content = |name: &str| git(root, &["cat-file", "blob", &format!("{release}:./migrations/{name}")]);
    let migrations = names.filter(|name| version(name).is_some());
    migrations.filter_map(|name| Some((name.to_owned(), content(name)?))).collect()
}

fn git(root: &Path, arguments: &[&str]) -> Option<Vec<u8>> {
    let mut command = Command::new("git");
    // In a git hook these variables name the hook's repository.
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        command.env_remove(variable);
    }
    let output = command.arg("-C").arg(root).args(arguments).output().ok()?;
    output.status.success().then_some(output.stdout)
}

fn changed(release: &str, name: &str, released: &[u8], current: Option<&[u8]>) -> Option<Finding> {
    if current == Some(released) {
        return None;
    }
    let what = if current.is_some() { "differs from the file that was" } else { "is missing; it was" };
    let lines = |content: &[u8]| content.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
    let (before, now) = (lines(released), lines(current.unwrap_or(released)));
    let same = before.iter().zip(&now).take_while(|(before, now)| before == now).count();
    let message = format!(
        "{what} released with {release}, and programs refuse to start on databases that have applied that; restore it (`git \
         checkout {release} -- migrations/{name}`) and put the change into a new file"
    );
    Some(Finding { line: if current.is_some() { same + 1 } else { 1 }, message })
}

/// New files that an up-to-date database would never apply.
fn late<'a>(release: &'a str, released: &'a Files, files: &'a Files) -> impl Iterator<Item = (String, Finding)> + 'a {
    let newest = released.keys().filter_map(|name| version(name)).max().unwrap_or_default();
    let new = files.keys().filter(|name| !released.contains_key(*name));
    new.filter(move |name| version(name).is_some_and(|version| version <= newest)).map(move |name| {
        let message = format!(
            "{release} already has version {newest}: databases of that release would never apply this file; give it a \
             higher version"
        );
        (name.clone(), Finding { line: 1, message })
    })
}
