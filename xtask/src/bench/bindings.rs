//! Bindings: what a callback, a loop and a whole call cost from each language, beside the language's own
//! ways.

use super::runner::Runner;
use super::{build, contention, data, machine, Effort};
use crate::dotnet::{Sdk, FRAMEWORK};
use crate::stage::Staged;
use crate::{python, repo};
use anyhow::Result;
use serde_json::{json, Value};
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

const PROJECT: &str = "benches/bindings/csharp/Bench.csproj";

/// Runs the program of every language.
pub(super) fn measure(staged: &Staged, effort: Effort) -> Result<Value> {
    let [_, records] = data::prepare(effort)?;
    let mut runner = Runner::new(effort.patience);
    let (mut rows, mut calls, mut skipped) = (Vec::new(), Vec::new(), Vec::new());
    let mut runtimes = serde_json::Map::new();
    let mut loop_ratio = Value::Null;
    let rounds = if effort.is_quick() { 15 } else { 101 };
    let programs: [(&str, Program); 3] =
        [("C and C++", native), ("C#", csharp), ("Python", free_threaded_python)];
    for (language, program) in programs {
        println!("  {language}");
        let mut command = match program(staged, effort)? {
            Ok(command) => command,
            Err(reason) => {
                skipped.push(json!({ "language": language, "reason": reason }));
                continue;
            }
        };
        command.env("FASTPAR_LIBRARY", staged.shared()).env_remove("FASTPAR_THREADS").arg(&records.path);
        let mut found = runner.must(command.arg(rounds.to_string()))?;
        for (name, list) in [("rows", &mut rows), ("calls", &mut calls)] {
            if let Some(Value::Array(entries)) = found.remove(name) {
                list.extend(entries);
            }
        }
        if let Some(runtime) = found.remove("runtime") {
            runtimes.insert(language.into(), runtime);
        }
        if let Some(ratio) = found.remove("loop_ratio") {
            loop_ratio = ratio;
        }
    }
    Ok(json!({
        "machine": machine::describe()?,
        "versions": machine::versions()?,
        "runtimes": runtimes,
        "rows": rows,
        "calls": calls,
        "cpp_loop_over_c": loop_ratio,
        "python": contention::measure(&mut runner, staged, rounds / 5)?,
        "skipped": skipped,
    }))
}

/// The command that measures a language, but for its arguments; the reason, where it cannot be had.
type Program = fn(&Staged, Effort) -> Result<Result<Command, String>>;

fn native(staged: &Staged, _effort: Effort) -> Result<Result<Command, String>> {
    Ok(Ok(Command::new(build::native(staged)?)))
}

fn csharp(_staged: &Staged, _effort: Effort) -> Result<Result<Command, String>> {
    let sdk = match Sdk::get()? {
        Ok(sdk) => sdk,
        Err(reason) => return Ok(Err(reason)),
    };
    let artifacts = repo::scratch("bench")?.join("csharp");
    sdk.build("build", PROJECT, &artifacts, &[])?;
    let mut command = sdk.command();
    command.arg(artifacts.join("bin/Bench/Release").join(FRAMEWORK).join("Bench.dll"));
    Ok(Ok(command))
}

fn free_threaded_python(_staged: &Staged, _effort: Effort) -> Result<Result<Command, String>> {
    Ok(python::free_threaded().map_err(str::to_owned).map(|python| script(&python)))
}

fn script(python: &Path) -> Command {
    let mut command = Command::new(python);
    command.arg("-B").arg(repo::root().join("benches/bindings/python_overhead.py"));
    command
}

/// The tables.
pub(super) fn tables(results: &Value) -> String {
    let list = |name: &str| results[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut text = machine::sentence(results);
    for (language, runtime) in results["runtimes"].as_object().into_iter().flatten() {
        let _ = writeln!(text, "{language}: {}.", runtime.as_str().unwrap_or_default());
    }
    text += "\n| | | a callback on one thread, ns | an empty loop of 24 chunks, us | 24 chunks of work on all CPUs, times serial |\n\
             | --- | --- | ---: | ---: | ---: |\n";
    for row in list("rows") {
        let number = |name: &str, unit: f64| row[name].as_f64().map(|value| value / unit);
        let shown = |value: Option<f64>| {
            value.map_or(
                "-".into(),
                |value| if value < 10.0 { format!("{value:.2}") } else { format!("{value:.0}") },
            )
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            row["language"].as_str().unwrap_or_default(),
            row["way"].as_str().unwrap_or_default(),
            shown(number("callback_ns", 1.0)),
            shown(number("loop_ns", 1e3)),
            shown(number("speed_up", 1.0)),
        );
    }
    for entry in list("skipped") {
        let (language, reason) = (entry["language"].as_str(), entry["reason"].as_str());
        let _ = writeln!(text, "| {} | skipped: {} | | | |", language.unwrap_or(""), reason.unwrap_or(""));
    }
    if let Some(ratio) = results["cpp_loop_over_c"].as_f64() {
        let _ = writeln!(
            text,
            "\nThe empty loop of C++ takes {ratio:.3} times the time of C's in the same round."
        );
    }
    let languages = ["C++", "C#", "Python"];
    text += "\nWhole calls, from memory to memory: the wrapper's time over that of the C function called in the same process; in \
             brackets that of the C function a second time, which is the noise.\n\n| | C, us | C++ | C# | Python |\n\
             | --- | ---: | ---: | ---: | ---: |\n";
    for first in list("calls").iter().filter(|call| call["language"] == languages[0]) {
        let (call, bytes) = (first["call"].as_str().unwrap_or_default(), &first["bytes"]);
        let _ = write!(
            text,
            "| {call} {bytes} bytes | {:.1} |",
            first["c_ns"].as_f64().unwrap_or(f64::NAN) / 1e3
        );
        for language in languages {
            let same = |other: &&Value| {
                other["language"] == language && other["call"] == first["call"] && other["bytes"] == *bytes
            };
            let _ = match list("calls").iter().find(same) {
                Some(found) => write!(
                    text,
                    " {:.3} ({:.3}) |",
                    found["ratio"].as_f64().unwrap_or(f64::NAN),
                    found["again"].as_f64().unwrap_or(f64::NAN)
                ),
                None => write!(text, " - |"),
            };
        }
        text += "\n";
    }
    own_way(&mut text, list("calls"));
    text + &contention::tables(&results["python"])
}

/// Python's functions that return new bytes, beside those of Python's own module.
fn own_way(text: &mut String, calls: &[Value]) {
    let mut rows = calls.iter().filter(|call| call["own_ns"].is_number()).peekable();
    if rows.peek().is_none() {
        return;
    }
    *text += "\nPython's functions that return new `bytes`, beside those of the standard library's `compression.zstd` with the same \
              level and checksums.\n\n| | fastpar.zstd, us | compression.zstd, us | ratio |\n| --- | ---: | ---: | ---: |\n";
    for row in rows {
        let number = |name: &str| row[name].as_f64().unwrap_or(f64::NAN);
        let (call, bytes) = (row["call"].as_str().unwrap_or_default(), &row["bytes"]);
        let (new, own, ratio) = (number("new_ns") / 1e3, number("own_ns") / 1e3, number("new_over_own"));
        let _ = writeln!(text, "| {call} {bytes} bytes | {new:.1} | {own:.1} | {ratio:.2} |");
    }
}
