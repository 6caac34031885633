//! The three roles of docs/PRIVILEGES.md, made by its SQL, and its table.

use std::collections::BTreeSet;

use clip_saver_db::{Config, Db};

use crate::support::{TestDatabase, connect, create_database, url_of};

const DOCUMENT: &str = include_str!("../../../docs/PRIVILEGES.md");

/// The programs that have a role.
const PROGRAMS: [&str; 3] = ["owner", "bot", "worker"];

/// The SQL of the document, block by block.
fn blocks() -> [&'static str; 3] {
    let blocks: Vec<_> = DOCUMENT.split("```sql\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    blocks.try_into().expect("the document makes the roles, hands tables over, and grants")
}

/// A right and the table or sequence that it is for.
pub type Right = (String, String);

/// A row of the document's table.
pub struct Row {
    pub function: String,
    /// The rights as the document writes them.
    pub needs: String,
    pub programs: Vec<String>,
}

/// The document's table.
pub fn rows() -> Vec<Row> {
    let cells = |line: &str| -> [String; 3] {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
        cells.try_into().unwrap_or_else(|_| panic!("the row must have three cells: {line}"))
    };
    let table = DOCUMENT.split_once("| function | needs | called by |\n|---|---|---|\n").expect("the table exists").1;
    table
        .lines()
        .map(cells)
        .map(|[function, needs, programs]| Row {
            function: function.trim_matches('`').to_owned(),
            needs,
            programs: programs.split(", ").map(ToOwned::to_owned).collect(),
        })
        .collect()
}

impl Row {
    /// The rights that `needs` lists.
    pub fn rights(&self) -> BTreeSet<Right> {
        let of_one = |text: &str| -> Vec<Right> {
            let (rights, relation) = text.split_once(" on ").expect("rights on a table");
            rights.split(", ").map(|right| (right.to_owned(), relation.trim_matches('`').to_owned())).collect()
        };
        self.needs.split("; ").flat_map(of_one).collect()
    }
}

/// The rights that a program needs: those of its functions, and those on the history of migrations for its start.
pub fn rights_of(program: &str) -> BTreeSet<Right> {
    let rows = rows();
    let functions = rows.iter().filter(|row| row.programs.iter().any(|name| name == program));
    let start = ("select".to_owned(), "refinery_schema_history".to_owned());
    functions.flat_map(Row::rights).chain([start]).collect()
}

/// A right as `grant` and `revoke` name it.
pub fn in_sql((right, relation): &Right) -> String {
    let kind = if relation.ends_with("_seq") { "sequence " } else { "" };
    format!("{right} on {kind}{relation}")
}

/// A database with its own roles. Their names are unique, because roles belong to the server.
pub struct Roles {
    pub database: TestDatabase,
    /// `DB_SCHEMA`.
    schema: &'static str,
}

impl Roles {
    /// Makes the roles on an empty database.
    pub async fn on_empty() -> Self {
        Self::on_empty_in("public").await
    }

    async fn on_empty_in(schema: &'static str) -> Self {
        let name = create_database("template template0").await;
        let database = TestDatabase { db: Db::connect(url_of(&name).parse().unwrap()).await.unwrap(), name };
        let roles = Self { database, schema };
        let sql = blocks()[0];
        let making = "grant usage, create on schema public";
        assert!(sql.contains(making), "{sql}");
        let sql = match schema {
            "public" => sql.to_owned(),
            _ => sql
                .replace(making, "create schema SCHEMA authorization clip_owner; grant usage, create on schema SCHEMA"),
        };
        roles.run(&sql.replace("SCHEMA", schema)).await;
        for program in PROGRAMS {
            let role = roles.name(program);
            roles.database.execute(&format!("alter role {role} password '{role}'")).await;
        }
        roles
    }

    /// Makes the roles on a database that the owner has migrated, and grants the rights.
    pub async fn on_migrated() -> Self {
        Self::on_migrated_in("public").await
    }

    /// The same in another schema.
    pub async fn on_migrated_in(schema: &'static str) -> Self {
        let roles = Self::on_empty_in(schema).await;
        roles.connect("owner").await.migrate().await.expect("the owner may migrate");
        roles.grant().await;
        roles
    }

    /// Makes the owner own the tables that another role has made.
    pub async fn hand_over(&self) {
        self.run(blocks()[1]).await;
    }

    /// Grants bot and worker their rights, as the owner.
    pub async fn grant(&self) {
        let owner = connect(&self.url("owner")).await;
        let grants = self.renamed(blocks()[2]).replace("schema public", &format!("schema {}", self.schema));
        let grants = format!("set search_path = {}; {grants}", self.schema);
        owner.batch_execute(&grants).await.expect("the owner may grant");
    }

    /// The name of a program's role.
    pub fn name(&self, program: &str) -> String {
        format!("{}_{program}", self.database.name)
    }

    /// The URL with which a program connects.
    pub fn url(&self, program: &str) -> String {
        let (role, url) = (self.name(program), self.database.url());
        let (scheme, rest) = url.split_once("://").expect("a URL");
        let server = rest.split_once('@').map_or(rest, |(_, server)| server);
        format!("{scheme}://{role}:{role}@{server}")
    }

    /// Connects as a program's role.
    pub async fn connect(&self, program: &str) -> Db {
        let mut config: Config = self.url(program).parse().expect("the URL is valid");
        config.schema = self.schema.to_owned();
        Db::connect(config).await.expect("the role may connect")
    }

    /// Drops the roles with everything that they own.
    pub async fn drop(self) {
        let roles = PROGRAMS.map(|program| self.name(program)).join(", ");
        let sql = format!("reassign owned by {roles} to current_user; drop owned by {roles}; drop role {roles}");
        self.database.execute(&sql).await;
    }

    async fn run(&self, sql: &str) {
        self.database.execute(&self.renamed(sql)).await;
    }

    fn renamed(&self, sql: &str) -> String {
        let in_database = sql.replace("database clips ", &format!("database {} ", self.database.name));
        PROGRAMS.iter().fold(in_database, |sql, program| sql.replace(&format!("clip_{program}"), &self.name(program)))
    }
}
