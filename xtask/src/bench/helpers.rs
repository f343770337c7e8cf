//! How many workers come to help a loop: on Linux, and on Windows as far as Wine is like it. One program,
//! built for both.

use super::runner::{median, Runner};
use super::{build, machine, Effort};
use crate::setup::Setup;
use crate::stage::Staged;
use crate::test::wine::Wine;
use crate::{process, repo, windows};
use anyhow::{bail, Context, Result};
use serde_json::{json, Map, Value};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(300);
pub(super) const SOURCE: &str = "benches/loops/helpers.c";

/// Measures it.
pub(super) fn measure(staged: &Staged, effort: Effort) -> Result<Value> {
    let setup = Setup::prepare()?;
    let ready = |made: Result<_, String>| made.map_err(anyhow::Error::msg);
    let wine = ready(Wine::get(&setup)?)?;
    let library = match windows::stage(&setup)? {
        Ok(library) => library,
        Err(reason) => bail!(reason),
    };
    let (here, there) = (build::helpers(staged)?, for_windows(&library)?);
    let mut runner = Runner::new(effort.patience);
    let (rounds, time) = if effort.is_quick() { (1, "40") } else { (effort.rounds, "400") };
    let mut systems = [("Linux", Vec::new()), ("Wine", Vec::new())];
    for round in 1..=rounds {
        println!("  round {round} of {rounds}");
        for (system, figures) in &mut systems {
            let mut command = if *system == "Wine" { wine.command(&there) } else { Command::new(&here) };
            figures.push(runner.must(command.arg(time).env_remove("FASTPAR_THREADS"))?);
        }
    }
    let mut loops = Vec::new();
    for number in 0..systems[0].1[0]["loops"].as_array().map_or(0, Vec::len) {
        let mut row = Map::from_iter([("name".to_owned(), systems[0].1[0]["loops"][number]["name"].clone())]);
        for (system, figures) in &systems {
            let of = |field: &str| {
                let values = figures.iter().filter_map(|round| round["loops"][number][field].as_f64());
                median(&values.collect::<Vec<_>>())
            };
            let figures =
                json!({ "one_thread_us": of("one_thread_us"), "us": of("us"), "helpers": of("helpers") });
            row.insert((*system).into(), figures);
        }
        loops.push(row);
    }
    let threads = &systems[0].1[0]["threads"];
    Ok(json!({
        "machine": machine::describe()?,
        "versions": machine::versions()?,
        "rounds": rounds,
        "threads": threads,
        "disturbed": systems.iter().flat_map(|(_, figures)| figures).any(|round| round.contains_key("disturbed")),
        "loops": loops,
    }))
}

/// Builds the program for Windows, beside the DLL: there Windows looks first.
fn for_windows(library: &windows::Staged) -> Result<PathBuf> {
    let folder = repo::scratch("bench")?.join("windows");
    std::fs::create_dir_all(&folder)?;
    std::fs::copy(library.dll(), folder.join("fastpar.dll")).context("fastpar.dll")?;
    let program = folder.join("helpers.exe");
    let mut gcc = Command::new(windows::GCC);
    gcc.args(build::FLAGS).arg("-D__USE_MINGW_ANSI_STDIO").arg("-I").arg(&library.include);
    gcc.arg(repo::root().join(Path::new(SOURCE))).arg("-o").arg(&program).arg("-static");
    process::must(gcc.arg(library.import_library()).arg("-lpthread"), LIMIT)?;
    Ok(program)
}

/// The table.
pub(super) fn tables(results: &Value) -> String {
    let mut text = machine::sentence(results);
    let _ = writeln!(text, "A pool of {} workers.\n", results["threads"]);
    if results["disturbed"] == true {
        text.push_str("Other programs took CPUs meanwhile.\n\n");
    }
    text.push_str(
        "| loop | Linux, helpers | Wine, helpers | Linux, us | one thread | Wine, us | one thread |\n",
    );
    text.push_str("| --- | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    for row in results["loops"].as_array().into_iter().flatten() {
        let of = |system: &str, field: &str| row[system][field].as_f64().unwrap_or(f64::NAN);
        let _ = write!(text, "| {} |", row["name"].as_str().unwrap_or_default());
        for system in ["Linux", "Wine"] {
            let _ = write!(text, " {:.1} |", of(system, "helpers"));
        }
        for system in ["Linux", "Wine"] {
            let _ = write!(text, " {:.0} | {:.0} |", of(system, "us"), of(system, "one_thread_us"));
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_has_a_row_of_both_systems() {
        let of = |helpers: f64, us: f64| json!({ "helpers": helpers, "us": us, "one_thread_us": 2.0 * us });
        let row = json!({ "name": "a loop", "Linux": of(0.84, 65.0), "Wine": of(1.0, 70.4) });
        let text = tables(&json!({ "threads": 24, "loops": [row] }));
        assert!(text.ends_with("| a loop | 0.8 | 1.0 | 65 | 130 | 70 | 141 |\n"), "{text}");
    }
}
