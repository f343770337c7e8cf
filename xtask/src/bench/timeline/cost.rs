//! What an event costs the thread that has it.

use super::program;
use crate::bench::runner::Runner;
use crate::bench::Effort;
use crate::repo;
use crate::stage::Staged;
use anyhow::{ensure, Result};
use serde_json::Value;
use std::fmt::Write;
use std::process::Command;

const ROUNDS: u32 = 50;
const FEW_ROUNDS: u32 = 5;

/// What is measured, as the program calls it, and as the table does.
const KINDS: [(&str, &str); 5] = [
    ("clock", "reading the system's clock, for comparison"),
    ("span", "the begin or the end of a span"),
    ("chunk", "a chunk that is claimed by itself, its callback included"),
    ("call", "a loop of one chunk on one lane"),
    ("named", "the same with a name"),
];

/// Measures it, in nanoseconds of CPU time.
pub(super) fn measure(staged: &Staged, effort: Effort) -> Result<Value> {
    println!("  what events cost");
    let folder = repo::scratch("timeline")?;
    let trace = folder.join("cost.json");
    let rounds = if effort.is_quick() { FEW_ROUNDS } else { ROUNDS };
    let program = program(staged, &folder, &["benches/timeline/cost.c"])?;
    let mut runner = Runner::new(effort.patience);
    let (cost, disturbed) = runner.quietly(|| {
        if trace.exists() {
            std::fs::remove_file(&trace)?;
        }
        let mut run = Command::new(&program);
        run.arg(&trace).arg(rounds.to_string()).env_remove("FASTPAR_THREADS").env_remove("FASTPAR_TRACE");
        let text = crate::process::must(&mut run, super::LIMIT)?;
        Ok(serde_json::from_str::<Value>(&text)?)
    })?;
    let text = std::fs::read_to_string(&trace)?;
    std::fs::remove_file(trace)?;
    ensure!(!text.contains("\"name\":\"lost events\""), "events were lost, which cost less");
    ensure!(!text.contains("\"name\":\"chunks\""), "chunks were claimed together, which cost less");
    let mut cost = cost;
    if disturbed {
        cost["disturbed"] = true.into();
    }
    Ok(cost)
}

/// The table.
pub(super) fn table(cost: &Value) -> String {
    let mut text =
        "\nNanoseconds of the thread's CPU time, at the least and in the middle of all rounds.\n\n\
                    | | no trace, least | middle | a trace, least | middle |\n\
                    | --- | ---: | ---: | ---: | ---: |\n"
            .to_owned();
    for (kind, title) in KINDS {
        let value = |when: &str| {
            let value = cost[when][kind].as_f64().unwrap_or(f64::NAN);
            if value < 10.0 {
                format!("{value:.1}")
            } else {
                format!("{value:.0}")
            }
        };
        let [a, b, c, d] = ["off_least", "off_middle", "on_least", "on_middle"].map(value);
        let _ = writeln!(text, "| {title} | {a} | {b} | {c} | {d} |");
    }
    text
}
