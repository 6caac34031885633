//! Guilds.

use clip_saver_db::{Error, GuildId, GuildSnapshot, repositories as db};

use crate::support::{TestDatabase, guild};

#[tokio::test]
async fn touch_guild_says_whether_the_guild_exists() {
    let database = TestDatabase::new().await;
    let guild = guild(&database, 1).await;

    assert!(db::touch_guild(&*database, guild).await.unwrap());
    assert!(!db::touch_guild(&*database, GuildId::from(2)).await.unwrap());
}

#[tokio::test]
async fn an_unknown_owner_is_a_foreign_key_error_that_names_function_and_constraint() {
    let database = TestDatabase::new().await;
    let guild = GuildSnapshot { owner_user_id: Some(7.into()), ..GuildSnapshot::new(1.into(), "x") };

    let error = db::upsert_guild(&*database, &guild).await.unwrap_err();

    assert!(matches!(error, Error::ForeignKeyViolation { .. }));
    assert_eq!(error.function(), Some("upsert_guild"));
    assert_eq!(error.constraint(), Some("bot_guilds_owner_user_id_fkey"));
    assert_eq!(error.sqlstate(), Some("23503"));
    assert!(!error.is_retryable());
    assert_eq!(database.text("select count(*) from bot_guilds").await, "0");
}
