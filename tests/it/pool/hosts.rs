//! Several hosts in one configuration, and how each is asked.

use std::net::TcpListener;

use clip_saver_db::{Config, Db, Error, ErrorKind};

use crate::support::Server;

/// A port at which nobody answers.
fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn server() -> (Server, u16) {
    let port = closed_port();
    (Server::start(&["listen_addresses=localhost", &format!("port={port}")]), port)
}

async fn connect(dsn: &str) -> Result<Db, Error> {
    Db::connect(dsn.parse::<Config>().unwrap()).await
}

#[tokio::test]
async fn the_first_host_that_answers_is_taken_whatever_way_they_are_written_down() {
    let (_server, open) = server();
    let closed = closed_port();
    for dsn in [
        format!("postgresql://postgres@localhost:{closed},localhost:{open}/postgres"),
        format!("host=localhost,127.0.0.1 port={closed},{open} user=postgres dbname=postgres"),
        format!(
            "host=a.invalid,b.invalid hostaddr=127.0.0.1,127.0.0.1 port={closed},{open} user=postgres dbname=postgres"
        ),
        format!("hostaddr=127.0.0.1,127.0.0.1 port={closed},{open} user=postgres dbname=postgres"),
        format!("host=/nowhere,localhost port={open} user=postgres dbname=postgres"),
        format!(
            "host=localhost,localhost port={open},{closed} user=postgres dbname=postgres load_balance_hosts=random"
        ),
    ] {
        let connected =
            connect(&format!("{dsn}{}connect_timeout=20", if dsn.contains("://") { "?" } else { " " })).await;

        assert!(connected.is_ok(), "{dsn}: {connected:?}");
    }
}

#[tokio::test]
async fn a_host_that_takes_connections_and_says_nothing_is_left_for_the_next() {
    let (_server, open) = server();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();

    let dsn = format!("postgresql://postgres@localhost:{port},localhost:{open}/postgres?connect_timeout=4");
    let connected = connect(&dsn).await;

    assert!(connected.is_ok(), "{connected:?}");
}

#[tokio::test]
async fn where_no_host_takes_writes_none_is_taken() {
    let (_server, open) = server();
    let dsn = format!(
        "postgresql://postgres@localhost:{open}/postgres?target_session_attrs=read-write&connect_timeout=1\
         &options=-c%20default_transaction_read_only%3Don"
    );

    let error = connect(&dsn).await.unwrap_err();

    assert!(
        matches!(error.kind(), ErrorKind::Connection | ErrorKind::ConnectTimeout) && error.is_retryable(),
        "{error:?}"
    );
}

#[tokio::test]
async fn lists_of_different_length_are_refused_in_the_drivers_words() {
    let dsn = "host=a,b,c port=1,2 user=postgres dbname=postgres";

    let error = connect(dsn).await.unwrap_err();

    assert!(error.to_string().contains("invalid number of ports"), "{error}");
}
