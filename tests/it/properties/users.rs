//! Users, one by one and in batches.

use clip_saver_db::{UserSnapshot, repositories as db};
use proptest::collection::vec;

use super::strategies::{id, is_bad, is_bad_time, is_stored_as, user};
use super::{Subject, check_property, distinct, first, first_of};

fn bad(user: &UserSnapshot) -> Option<String> {
    first([
        ("username", is_bad(user.username.as_ref())),
        ("global_name", is_bad(user.global_name.as_ref())),
        ("avatar", is_bad(user.avatar.as_ref())),
        ("last_login_at", is_bad_time(user.last_login_at)),
    ])
}

/// Checks that of duplicates the last one is stored.
async fn assert_stored(subject: &Subject, snapshots: &[UserSnapshot]) {
    for user in snapshots {
        let last = snapshots.iter().rfind(|other| other.id == user.id).expect("the user itself");
        let stored = "select username, global_name, avatar, last_login_at from users where discord_user_id = $1";
        let row = subject.row(stored, &[&user.id.to_string()]).await;
        assert_eq!(row.get::<_, Option<String>>(0), last.username);
        assert_eq!(row.get::<_, Option<String>>(1), last.global_name);
        assert_eq!(row.get::<_, Option<String>>(2), last.avatar);
        assert!(is_stored_as(last.last_login_at, row.get(3)));
    }
}

#[test]
fn any_user_is_stored_or_refused() {
    check_property(48, &user(), async |subject, user| {
        let result = subject.call(db::upsert_user(&**subject, &user)).await;

        assert_eq!(result.err(), bad(&user));
        if bad(&user).is_none() {
            assert_stored(subject, &[user]).await;
        }
    });
}

#[test]
fn any_batch_of_users_is_stored_or_refused_as_a_whole() {
    check_property(48, &vec(user(), 0..8), async |subject, users| {
        let result = subject.call(db::upsert_users(&**subject, &users)).await;

        if let Some(field) = first_of(&users, "users", bad) {
            assert_eq!(result, Err(field));
            return;
        }
        assert_eq!(result, Ok(distinct(users.iter().map(|user| user.id))));
        assert_stored(subject, &users).await;
    });
}

#[test]
fn any_user_is_read_back_as_it_was_stored() {
    check_property(48, &(user(), id()), async |subject, (user, other)| {
        let assert_stored = db::upsert_user(&**subject, &user).await.is_ok();

        let read = subject.call(db::get_user(&**subject, user.id)).await.unwrap();
        let another = subject.call(db::get_user(&**subject, other.into())).await.unwrap();

        assert_eq!(read.is_some(), assert_stored);
        assert_eq!(another.is_some(), assert_stored && user.id == other.into());
    });
}
