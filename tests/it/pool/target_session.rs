//! `target_session_attrs`, on a primary and its standby.

use clip_saver_db::{Config, Db, Error};

use crate::support::Server;

/// Whether the first connection leads to a standby.
async fn leads_to_standby(hosts: [&str; 2], wanted: &str, timeout: u64) -> Result<bool, Error> {
    let [one, other] = hosts;
    let url =
        format!("postgresql://postgres@{one},{other}/postgres?target_session_attrs={wanted}&connect_timeout={timeout}");
    let db = Db::connect(url.parse::<Config>()?).await?;
    let connection = db.connection().await?;
    Ok(connection.raw().query_one("select pg_is_in_recovery()", &[]).await?.get(0))
}

fn host(server: &Server) -> &str {
    server.url.split(['@', '/']).nth(3).unwrap()
}

#[tokio::test]
async fn each_value_of_libpq_leads_to_the_server_that_it_means_in_any_order_of_hosts() {
    let primary = Server::start(&[]);
    let standby = Server::start(&["--standby", &primary.url]);
    for hosts in [[host(&primary), host(&standby)], [host(&standby), host(&primary)]] {
        for (wanted, is_standby) in [
            ("read-write", false),
            ("primary", false),
            ("read-only", true),
            ("standby", true),
            ("prefer-standby", true),
        ] {
            let led = leads_to_standby(hosts, wanted, 20).await;
            assert_eq!(led.ok(), Some(is_standby), "{wanted} {hosts:?}");
        }
    }
}

#[tokio::test]
async fn without_a_standby_prefer_standby_takes_the_primary_and_standby_says_why_not() {
    let primary = Server::start(&[]);
    let hosts = [host(&primary), "%2Fnowhere"];

    assert_eq!(leads_to_standby(hosts, "prefer-standby", 20).await.ok(), Some(false));
    let error = leads_to_standby(hosts, "standby", 1).await.unwrap_err();

    assert!(error.is_retryable() && error.to_string().contains("server is not in hot standby mode"), "{error}");
}

#[tokio::test]
async fn a_read_only_primary_is_a_primary_but_not_read_write() {
    let primary = Server::start(&["default_transaction_read_only=on"]);
    let hosts = [host(&primary), "%2Fnowhere"];

    assert_eq!(leads_to_standby(hosts, "primary", 20).await.ok(), Some(false));
    assert_eq!(leads_to_standby(hosts, "read-only", 20).await.ok(), Some(false));
    let error = leads_to_standby(hosts, "read-write", 1).await.unwrap_err();

    assert!(error.to_string().contains("database does not allow writes"), "{error}");
}
