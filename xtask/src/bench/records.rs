//! Records in tables: sums, extremes, filters and bars of a minute, beside NumPy, Polars and the standard
//! library of Python. With one thread, and with all.

use super::runner::{median, Runner};
use super::{machine, Effort};
use crate::pypi::Packages;
use crate::repo;
use crate::stage::Staged;
use anyhow::Result;
use serde_json::{json, Value};
use std::fmt::Write;

const PACKAGES: [&str; 2] = ["numpy==2.3.5", "polars==1.35.2"];
const ROWS: usize = 10_000_000;
const ROUNDS: usize = 9;
/// The standard library takes so many times fewer rows.
const FEWER: usize = 10;

const TASKS: [(&str, &str); 5] = [
    ("sum", "sum of a field"),
    ("least", "least value of a field"),
    ("filter", "rows that pass, copied"),
    ("bars", "bars of a minute, in memory"),
    ("bars_of_file", "bars of a minute, from a file of frames"),
];
const CONTESTANTS: [&str; 4] = ["fastpar", "NumPy", "Polars", "standard library"];

pub(super) fn measure(staged: &Staged, effort: Effort) -> Result<Value> {
    let packages = Packages::get(&PACKAGES)?;
    let folder = repo::scratch("bench/records")?;
    let (rows, rounds) = if effort.is_quick() { (ROWS / 20, 2) } else { (ROWS, ROUNDS) };
    let file = folder.join(format!("{rows}.zst"));
    let mut runner = Runner::new(effort.patience);
    let mut found = Vec::new();
    for (title, threads) in [("one thread", Some("1")), ("all threads", None)] {
        println!("  {title}");
        let mut command = packages.python();
        command.arg(repo::root().join("benches/records/records.py")).arg(staged.shared()).arg(&file);
        command.args([rows, rounds, FEWER].map(|number| number.to_string()));
        command.env_remove("FASTPAR_LANES").env_remove("POLARS_MAX_THREADS").env_remove("FASTPAR_THREADS");
        if let Some(threads) = threads {
            command.env("FASTPAR_LANES", threads).env("POLARS_MAX_THREADS", threads);
        }
        let mut figures = runner.must(&mut command)?;
        figures.insert("title".into(), title.into());
        found.push(Value::from(figures));
    }
    Ok(json!({ "machine": machine::describe()?, "versions": machine::versions()?, "runs": found }))
}

/// The tables.
pub(super) fn tables(results: &Value) -> String {
    let mut text = machine::sentence(results);
    for run in results["runs"].as_array().into_iter().flatten() {
        let rows = run["rows"].as_f64().unwrap_or(f64::NAN);
        let _ = writeln!(
            text,
            "\nWith {}: nanoseconds a row, of {rows} rows of 48 bytes ({:.0} MB in frames); {}.\n",
            run["title"].as_str().unwrap_or_default(),
            run["packed"].as_f64().unwrap_or(f64::NAN) / 1e6,
            run["with"].as_str().unwrap_or_default(),
        );
        text += "| | fastpar | NumPy | Polars | standard library | fastpar / NumPy | standard library / fastpar |\n\
                 | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n";
        for (task, title) in TASKS {
            let times = CONTESTANTS.map(|name| {
                let rounds: Vec<f64> = run["tasks"][task][name]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_f64)
                    .collect();
                median(&rounds) / rows * 1e9
            });
            let [fastpar, numpy, polars, standard] = times;
            let _ = writeln!(
                text,
                "| {title} | {fastpar:.2} | {numpy:.2} | {polars:.2} | {standard:.0} | {:.2} | {:.0} |",
                fastpar / numpy,
                standard / fastpar,
            );
        }
    }
    text
}
