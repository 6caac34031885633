//! Several hosts in one configuration, and how the pool chooses among them.

use std::net::TcpListener;

use clip_saver_db::{Config, Db, Error, ErrorKind};

use crate::support::{Server, free_port};

fn server() -> (Server, u16) {
    let port = free_port();
    (Server::start(&["listen_addresses=localhost", &format!("port={port}")]), port)
}

async fn connect(dsn: &str) -> Result<Db, Error> {
    Db::connect(dsn.parse::<Config>().unwrap()).await
}

#[tokio::test]
async fn the_first_host_that_answers_is_used_however_the_list_is_written() {
    let (_server, open) = server();
    let closed = free_port();
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
async fn a_host_that_accepts_connections_but_does_not_answer_is_skipped() {
    let (_server, open) = server();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();

    let dsn = format!("postgresql://postgres@localhost:{port},localhost:{open}/postgres?connect_timeout=4");
    let connected = connect(&dsn).await;

    assert!(connected.is_ok(), "{connected:?}");
}

#[tokio::test]
async fn no_host_is_used_if_none_accepts_writes() {
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
async fn lists_of_different_lengths_are_refused_with_the_drivers_message() {
    let dsn = "host=a,b,c port=1,2 user=postgres dbname=postgres";

    let error = connect(dsn).await.unwrap_err();

    assert!(error.to_string().contains("invalid number of ports"), "{error}");
}
