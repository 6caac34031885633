//! `clip-db doctor` for roles that have no more rights than docs/PRIVILEGES.md gives them.

use super::clip_db;
use crate::project::roles::{Roles, in_sql, rights_of};
use crate::support::connect;

#[tokio::test]
async fn bot_and_worker_with_a_role_each_are_healthy() {
    let roles = Roles::on_migrated().await;

    for (program, other) in [("bot", "worker"), ("worker", "bot")] {
        let ended = clip_db(&roles.url(program), "doctor").await;
        ended.says(0, &[&format!("ok     rights       enough for the {program}\n"), "ok     migrations   up to date"]);
        assert!(!ended.stdout.contains(other), "{}", ended.stdout);
    }
    clip_db(&roles.url("owner"), "doctor").await.says(0, &["ok     rights       enough for the bot and the worker"]);
    roles.drop().await;
}

#[tokio::test]
async fn each_right_that_bot_or_worker_lacks_is_told() {
    let roles = Roles::on_migrated().await;
    let owner = connect(&roles.url("owner")).await;

    for program in ["bot", "worker"] {
        for right in rights_of(program) {
            let (sql, role) = (in_sql(&right), roles.name(program));
            owner.batch_execute(&format!("revoke {sql} from {role}")).await.unwrap();
            let told = format!("WRONG  rights       for the {program}: no right to {} on {}: let", right.0, right.1);
            clip_db(&roles.url(program), "doctor").await.says(2, &[&told]);
            owner.batch_execute(&format!("grant {sql} to {role}")).await.unwrap();
        }
    }
    roles.drop().await;
}
