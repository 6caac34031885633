//! A client whose server tells the plan of each statement that it runs: `auto_explain`, by notices.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio_postgres::{AsyncMessage, Client, NoTls};

/// The texts of statements and their plans.
type Plans = Vec<(String, Value)>;

pub struct Explaining {
    pub client: Client,
    plans: Arc<Mutex<Plans>>,
}

const AUTO_EXPLAIN: &str = "load 'auto_explain'; set auto_explain.log_min_duration = 0;
    set auto_explain.log_format = json; set client_min_messages = log";

impl Explaining {
    pub async fn at(url: &str) -> Self {
        let (client, mut connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        let plans = Arc::new(Mutex::new(Plans::new()));
        let heard = plans.clone();
        tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
                if let AsyncMessage::Notice(notice) = message {
                    heard.lock().unwrap().extend(plan(notice.message()));
                }
            }
        });
        client.batch_execute(AUTO_EXPLAIN).await.unwrap();
        Self { client, plans }
    }

    /// The plans since the last time.
    pub fn take(&self) -> Plans {
        std::mem::take(&mut self.plans.lock().unwrap())
    }

    /// Runs SQL as it is.
    pub async fn execute(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }
}

fn plan(notice: &str) -> Option<(String, Value)> {
    let (_, json) = notice.split_once("plan:\n")?;
    let explained: Value = serde_json::from_str(json).expect("auto_explain gives JSON");
    Some((explained["Query Text"].as_str()?.to_owned(), explained["Plan"].clone()))
}
