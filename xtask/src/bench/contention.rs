//! What operations on shared objects cost threads of a free-threaded Python, and what a chunk of its loops
//! does: a part of the bindings' group.

use super::runner::Runner;
use crate::stage::Staged;
use crate::{python, repo};
use anyhow::Result;
use serde_json::Value;
use std::fmt::Write;
use std::process::Command;

/// Threads, and lanes, as the program has them.
const THREADS: [&str; 5] = ["1", "2", "4", "8", "24"];

/// What the program prints; nothing, where there is no free-threaded Python.
pub(super) fn measure(runner: &mut Runner, staged: &Staged, rounds: usize) -> Result<Value> {
    let Ok(python) = python::free_threaded() else { return Ok(Value::Null) };
    let mut command = Command::new(python);
    command.arg("-B").arg(repo::root().join("benches/bindings/python_contention.py"));
    command.env("FASTPAR_LIBRARY", staged.shared()).env_remove("FASTPAR_THREADS").arg(rounds.to_string());
    Ok(Value::Object(runner.must(&mut command)?))
}

/// The tables; nothing, where nothing was measured.
pub(super) fn tables(found: &Value) -> String {
    let rows = |name: &str| found[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut text = String::new();
    if rows("contention").is_empty() {
        return text;
    }
    text += "\nShared objects of free-threaded Python: wall time of an operation, ns, when so many threads do it. \
             What scales falls until all CPUs are busy.\n";
    head(&mut text, "| | the object is |");
    for row in rows("contention") {
        let whose = if row["own"] == true { "each thread's own" } else { "shared" };
        let _ = write!(text, "| {} | {whose} |", row["operation"].as_str().unwrap_or_default());
        figures(&mut text, row);
    }
    text += "\nA chunk of `for_range` whose body does nothing, ns, by lanes.\n";
    head(&mut text, "| context variables of the caller | |");
    for row in rows("chunks") {
        let _ = write!(text, "| {} | |", row["variables"]);
        figures(&mut text, row);
    }
    text
}

fn head(text: &mut String, first: &str) {
    let _ = writeln!(
        text,
        "\n{first} {} |\n| --- | --- |{}",
        THREADS.join(" | "),
        " ---: |".repeat(THREADS.len())
    );
}

fn figures(text: &mut String, row: &Value) {
    for threads in THREADS {
        let _ = match row["ns"][threads].as_f64() {
            Some(value) => write!(text, " {value:.0} |"),
            None => write!(text, " - |"),
        };
    }
    *text += "\n";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_column_for_each_number_of_threads() {
        let found = serde_json::json!({
            "contention": [{ "operation": "a", "own": true, "ns": { "1": 10.4, "24": 5 } }],
            "chunks": [{ "variables": 16, "ns": { "2": 400 } }],
        });
        let text = tables(&found);
        assert!(text.contains("| | the object is | 1 | 2 | 4 | 8 | 24 |\n| --- | --- | ---: |"));
        assert!(text.contains("| a | each thread's own | 10 | - | - | - | 5 |\n"));
        assert!(text.contains("| 16 | | - | 400 | - | - | - |\n"));
        assert_eq!(tables(&Value::Null), "");
    }
}
