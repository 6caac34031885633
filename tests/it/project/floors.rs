//! The floors of src/: no file uses a higher floor, and no cycle of imports has more than two files. So aggregates do
//! not import each other, because src/repositories/mod.rs re-exports all of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::project::style::{NONE, files};

/// From the ground up: a folder may use itself and those below. The command line is a separate crate, which sees only
/// public items.
const FLOORS: [&[&str]; 6] = [&["error"], &["types"], &["config"], &["pool"], &["migrate", "repositories"], &["scans"]];

/// What a folder may use from the crate's root.
const ROOT: [(&str, &str); 3] =
    [("pool", "GenericClient"), ("repositories", "GenericClient"), ("repositories", "codegen")];

fn is_of_path(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == ':'
}

/// The paths that begin with `start`, without it: `a::{b, c}` gives `a::b` and `a::c`.
fn paths<'a>(code: &'a str, start: &'a str) -> impl Iterator<Item = String> + 'a {
    let places = code.match_indices(start).filter(|(at, _)| !code[..*at].ends_with(is_of_path));
    places.flat_map(move |(at, _)| {
        let (mut paths, mut before, mut depth) = (vec![String::new()], String::new(), 0);
        for c in code[at + start.len()..].chars() {
            match c {
                '{' if depth == 0 => before.clone_from(&paths[0]),
                ',' if depth == 1 => paths.push(before.clone()),
                _ if depth < 2 && is_of_path(c) => paths.last_mut().expect("there is one").push(c),
                _ => {}
            }
            depth += i32::from(c == '{') - i32::from(c == '}');
            if depth == 0 && !is_of_path(c) {
                break;
            }
        }
        paths
    })
}

/// What a file uses from the crate, as paths from its root.
fn used(module: &str, rust: &str, modules: &BTreeMap<String, String>) -> Vec<String> {
    let code: Vec<_> = rust.lines().filter_map(|line| line.split("//").next()).collect();
    let code = code.join("\n");
    let above = |path: String| {
        let (mut from, mut path) = (module, path.as_str());
        loop {
            from = from.rsplit_once("::").map_or("", |(above, _)| above);
            match path.strip_prefix("super::") {
                Some(outer) => path = outer,
                None => return format!("{from}::{path}").trim_start_matches("::").to_owned(),
            }
        }
    };
    let children = modules.keys().filter_map(|other| other.strip_prefix(module)?.strip_prefix("::"));
    let below = children.flat_map(|child| {
        let start = format!("{child}::");
        paths(&code, &start).map(|path| format!("{module}::{child}::{path}")).collect::<Vec<_>>()
    });
    let own = paths(&code, "self::").map(|path| format!("{module}::{path}"));
    paths(&code, "crate::").chain(paths(&code, "super::").map(above)).chain(own).chain(below).collect()
}

fn height(folder: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&folder))
}

fn is_allowed(folder: &str, path: &str) -> bool {
    let target = path.split("::").next().unwrap_or_default();
    target == folder
        || ROOT.contains(&(folder, target))
        || height(target).is_some_and(|height| Some(height) < self::height(folder))
}

/// The shortest indirect path from one module to another.
fn way_around(from: &str, to: &str, arrows: &BTreeMap<&str, BTreeSet<String>>) -> Option<Vec<String>> {
    let mut ways = vec![vec![from.to_owned()]];
    let mut seen = BTreeSet::from([from.to_owned()]);
    while let Some(way) = (!ways.is_empty()).then(|| ways.remove(0)) {
        for next in arrows.get(way.last()?.as_str()).into_iter().flatten() {
            if next == to && way.len() > 1 {
                return Some([way, vec![to.to_owned()]].concat());
            }
            if next != to && seen.insert(next.clone()) {
                ways.push([way.clone(), vec![next.clone()]].concat());
            }
        }
    }
    None
}

/// Imports from a higher floor, and cycles.
fn wrong(files: &[(String, String)]) -> Vec<String> {
    let module = |path: &str| {
        path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod").replace('/', "::")
    };
    let modules: BTreeMap<_, _> = files.iter().map(|(path, rust)| (module(path), rust.clone())).collect();
    let mut wrong = BTreeSet::new();
    let mut arrows: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (module, rust) in modules.iter().filter(|(module, _)| !module.starts_with("bin::") && *module != "lib") {
        let folder = module.split("::").next().unwrap_or_default();
        for path in used(module, rust, &modules) {
            if !is_allowed(folder, &path) {
                wrong.insert(format!("{module} uses {path}"));
            }
            let is_in = |other: &&String| path == **other || path.starts_with(&format!("{other}::"));
            let target = modules.keys().filter(is_in).max_by_key(|other| other.len());
            arrows.entry(module).or_default().extend(target.filter(|target| *target != module).cloned());
        }
    }
    for (from, targets) in &arrows {
        let circles = targets.iter().filter_map(|to| way_around(to, from, &arrows));
        // Each cycle once: from its first module.
        wrong.extend(
            circles
                .filter(|way| way.iter().all(|other| *from <= other.as_str()))
                .map(|way| format!("{from} → {}", way.join(" → "))),
        );
    }
    wrong.into_iter().collect()
}

#[test]
fn no_arrow_goes_up_and_no_circle_has_more_than_two_files() {
    assert_eq!(wrong(&files("src", ".rs")), NONE);
}

#[test]
fn an_arrow_up_and_a_circle_of_three_files_are_found() {
    let file = |path: &str, rust: &str| (path.to_owned(), rust.to_owned());
    for (path, rust, found) in [
        ("src/error/kind.rs", "use crate::types::ids::GuildId;", "error::kind uses types::ids::GuildId"),
        ("src/types.rs", "fn f(c: crate::config::Config)", "types uses config::Config"),
        ("src/pool/db.rs", "use crate::{\n    error::Error, migrate::plan,\n};", "pool::db uses migrate::plan"),
        ("src/pool/db.rs", "use super::super::repositories::call;", "pool::db uses repositories::call"),
        ("src/pool/db.rs", "use crate::codegen::{IterSql, JsonSql as J};", "pool::db uses codegen::IterSql"),
        ("src/migrate/plan.rs", "use crate::GenericClient as _;", "migrate::plan uses GenericClient"),
        ("src/migrate.rs", "use crate::repositories::*;", "migrate uses repositories"),
        ("src/repositories/mod.rs", "crate::migrate::plan()", "repositories uses migrate::plan"),
        (
            "src/repositories/clips.rs",
            "crate::scans::lease::ScanLease",
            "repositories::clips uses scans::lease::ScanLease",
        ),
        ("src/pool/db.rs", "use crate::scans::wakeups;", "pool::db uses scans::wakeups"),
    ] {
        let wrong = wrong(&[file(path, rust)]);
        assert!(wrong.iter().any(|wrong| wrong.trim_end_matches("::") == found), "{path}: {wrong:?}");
    }
    let circle = [
        file("src/pool/a.rs", "use super::b::B;\nuse crate::config::C; // crate::migrate"),
        file("src/pool/b.rs", "use crate::pool::{c::{C, D}};"),
        file("src/pool/c.rs", "super::a::f(); super::b::g();\n/// super::d"),
    ];
    assert_eq!(wrong(&circle), ["pool::a → pool::b → pool::c → pool::a"]);
    assert_eq!(wrong(&circle[1..]), NONE, "two files may know each other");
    // A file that the folder re-exports uses no other such file.
    let aggregates = [
        file("src/repositories/mod.rs", "mod a;\nmod b;\npub use a::*;\npub use self::b::*;"),
        file("src/repositories/a.rs", "use super::call;"),
        file("src/repositories/b.rs", "use super::{a::f, call};"),
    ];
    assert_eq!(wrong(&aggregates[..2]), NONE);
    assert_eq!(wrong(&aggregates), ["repositories → repositories::b → repositories::a → repositories"]);
}
