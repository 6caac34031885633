//! `clip-db doctor` for roles that have exactly the rights in docs/PRIVILEGES.md.

use super::clip_db;
use crate::project::roles::{Roles, in_sql, rights_of};
use crate::support::connect;

#[tokio::test]
async fn doctor_finds_nothing_wrong_with_the_roles_of_bot_and_worker() {
    let roles = Roles::on_migrated().await;

    for (program, other) in [("bot", "worker"), ("worker", "bot")] {
        let output = clip_db(&roles.url(program), "doctor").await;
        output.assert_output(
            0,
            &[&format!("ok     rights       enough for the {program}\n"), "ok     migrations   up to date"],
        );
        assert!(!output.stdout.contains(&format!("the {other}")), "{}", output.stdout);
    }
    clip_db(&roles.url("owner"), "doctor")
        .await
        .assert_output(0, &["ok     rights       enough for the bot and the worker"]);
    roles.drop().await;
}

#[tokio::test]
async fn doctor_names_each_right_that_bot_or_worker_lacks() {
    let roles = Roles::on_migrated().await;
    let owner = connect(&roles.url("owner")).await;

    for program in ["bot", "worker"] {
        for right in rights_of(program) {
            let (sql, role) = (in_sql(&right), roles.name(program));
            owner.batch_execute(&format!("revoke {sql} from {role}")).await.unwrap();
            let told = format!("WRONG  rights       for the {program}: no right to {} on {}: let", right.0, right.1);
            clip_db(&roles.url(program), "doctor").await.assert_output(2, &[&told]);
            owner.batch_execute(&format!("grant {sql} to {role}")).await.unwrap();
        }
    }
    roles.drop().await;
}
