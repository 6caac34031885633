//! A client that receives the plan of each statement that it runs. The server's `auto_explain` sends the plans as notices.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio_postgres::{AsyncMessage, Client, NoTls};

/// Statements and their plans.
type Plans = Vec<(String, Value)>;

pub struct ExplainClient {
    pub client: Client,
    plans: Arc<Mutex<Plans>>,
}

const AUTO_EXPLAIN: &str = "load 'auto_explain'; set auto_explain.log_min_duration = 0;
    set auto_explain.log_format = json; set client_min_messages = log";

impl ExplainClient {
    pub async fn at(url: &str) -> Self {
        let (client, mut connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        let plans = Arc::new(Mutex::new(Plans::new()));
        let received = plans.clone();
        tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
                if let AsyncMessage::Notice(notice) = message {
                    received.lock().unwrap().extend(plan(notice.message()));
                }
            }
        });
        client.batch_execute(AUTO_EXPLAIN).await.unwrap();
        Self { client, plans }
    }

    /// The plans since the last call.
    pub fn take(&self) -> Plans {
        std::mem::take(&mut self.plans.lock().unwrap())
    }

    /// Runs SQL with any number of statements.
    pub async fn execute(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }
}

fn plan(notice: &str) -> Option<(String, Value)> {
    let (_, json) = notice.split_once("plan:\n")?;
    let explained: Value = serde_json::from_str(json).expect("auto_explain gives JSON");
    Some((explained["Query Text"].as_str()?.to_owned(), explained["Plan"].clone()))
}
