//! The rules for a plan of `explain (format json)`, and its text for a reviewer.

use serde_json::Value;

/// All nodes of a plan, including those of subqueries and writes.
fn nodes(plan: &Value) -> Vec<&Value> {
    let below = plan["Plans"].as_array().into_iter().flatten();
    [plan].into_iter().chain(below.flat_map(nodes)).collect()
}

fn text<'a>(node: &'a Value, key: &str) -> &'a str {
    node[key].as_str().unwrap_or_default()
}

/// A list of keys, or one condition.
fn texts(node: &Value, key: &str) -> String {
    match &node[key] {
        Value::Array(parts) => parts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
        other => other.as_str().unwrap_or_default().to_owned(),
    }
}

fn is_scan_of_table(node: &Value) -> bool {
    text(node, "Node Type") != "ModifyTable" && node.get("Relation Name").is_some()
}

/// Scans that read a whole table: sequentially, or through an index without a condition.
pub fn whole_reads(plan: &Value) -> Vec<String> {
    let is_whole = |node: &&Value| {
        let by_index = text(node, "Node Type").contains("Index") && node.get("Index Cond").is_none();
        text(node, "Node Type") == "Seq Scan" || by_index
    };
    nodes(plan).into_iter().filter(is_whole).map(heading).collect()
}

/// Sorts of rows that come from a table: an index could have that order. Rows in a statement's parameters have no index.
pub fn sorts(plan: &Value) -> Vec<String> {
    let describe = |node: &Value| format!("{} by {}", heading(node), texts(node, "Sort Key"));
    nodes(plan).into_iter().filter(|node| is_sort_of_table(node)).map(describe).collect()
}

fn is_sort_of_table(node: &Value) -> bool {
    text(node, "Node Type").ends_with("Sort") && nodes(node).into_iter().any(is_scan_of_table)
}

/// Properties that follow a node's operation in its heading, each with the word before it.
const OBJECTS: [(&str, &str); 8] = [
    ("Join Type", ""),
    ("Strategy", ""),
    ("Scan Direction", ""),
    ("Relation Name", "on "),
    ("CTE Name", "on "),
    ("Function Name", "on "),
    ("Alias", "as "),
    ("Index Name", "using "),
];

/// How many rows the nodes of a plan looked at. Unlike the time, it is the same at each run.
pub fn rows_seen(plan: &Value) -> f64 {
    let number = |node: &Value, key: &str| node[key].as_f64().unwrap_or_default();
    let of_a_loop = ["Actual Rows", "Rows Removed by Filter", "Rows Removed by Join Filter"];
    let of_node =
        |node: &Value| of_a_loop.map(|key| number(node, key)).iter().sum::<f64>() * number(node, "Actual Loops");
    nodes(plan).into_iter().map(of_node).sum()
}

/// The most pages that a node of a plan has read with what is below it. A write whose rows nobody asks for does not count for the
/// whole statement.
pub fn pages_read(plan: &Value) -> u64 {
    let of_node =
        |node: &Value| ["Shared Hit Blocks", "Shared Read Blocks"].iter().filter_map(|key| node[*key].as_u64()).sum();
    nodes(plan).into_iter().map(of_node).max().unwrap_or_default()
}

/// The operation of a node and its object.
fn heading(node: &Value) -> String {
    // Older servers write `InitPlan 1 (returns $0)`.
    let subplan = text(node, "Subplan Name").split(" (").next().filter(|name| !name.is_empty());
    let subplan = subplan.map(|name| format!("{name}: ")).unwrap_or_default();
    let operation = node["Operation"].as_str().unwrap_or_else(|| text(node, "Node Type"));
    let names = ["Relation Name", "CTE Name", "Function Name"].map(|key| text(node, key));
    let object = |(key, word): (&str, &str)| {
        let value = text(node, key);
        let is_usual = ["", "Inner", "Plain", "Forward"].contains(&value) || (key == "Alias" && names.contains(&value));
        if is_usual { String::new() } else { format!(" {word}{value}") }
    };
    format!("{subplan}{operation}{}", OBJECTS.map(object).concat())
}

/// Properties that PostgreSQL 15 to 18 write in the same way.
const DETAILS: [&str; 11] = [
    "Index Cond",
    "Filter",
    "Hash Cond",
    "Merge Cond",
    "Join Filter",
    "Sort Key",
    "Presorted Key",
    "Group Key",
    "Conflict Resolution",
    "Conflict Arbiter Indexes",
    "Conflict Filter",
];

/// The plan as a tree. Costs are left out: they depend on random samples of the tables.
pub fn tree(plan: &Value) -> String {
    let mut lines = Vec::new();
    grow(plan, "", &mut lines);
    lines.join("\n")
}

fn grow(node: &Value, indent: &str, lines: &mut Vec<String>) {
    lines.push(format!("{indent}{}", heading(node)));
    // PostgreSQL 16 and later sort a statement's input by more keys than PostgreSQL 15.
    let is_worth_it = |key: &&&str| node.get(**key).is_some() && (**key != "Sort Key" || is_sort_of_table(node));
    lines.extend(DETAILS.iter().filter(is_worth_it).map(|key| format!("{indent}    {key}: {}", texts(node, key))));
    for below in node["Plans"].as_array().into_iter().flatten() {
        grow(below, &format!("{indent}  "), lines);
    }
}
