//! Scans of rows in zstd frames, beside decompressing them all first; and a file copied by a transform,
//! beside decompressing and compressing it.

use super::runner::Runner;
use super::{build, data, machine, Effort};
use crate::stage::Staged;
use crate::{process, repo};
use anyhow::{Context as _, Result};
use serde_json::{json, Value};
use std::fmt::Write;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const ROW: u64 = 48;
/// How many times the file of rows is taken.
const COPIES: usize = 4;
const ROUNDS: usize = 9;
const TRANSFORM_ROUNDS: usize = 3;
/// A limit for the `zstd` program, which has to write one frame of a gigabyte.
const LIMIT: Duration = Duration::from_secs(600);

/// Measures files of many frames, as fastpar writes them, and of one.
pub(super) fn measure(staged: &Staged, effort: Effort) -> Result<Value> {
    let (program, fpz) = (build::scan(staged)?, build::files(staged)?.fpz);
    let folder = repo::scratch("bench/scans")?;
    let (rows, bytes) = rows(&folder, effort)?;
    let (frames, frame) = (folder.join("frames.zst"), folder.join("frame.zst"));
    process::must(Command::new(fpz).args(["-q", "-f"]).arg(&rows).arg("-o").arg(&frames), LIMIT)?;
    let mut zstd = Command::new("zstd");
    process::must(zstd.args(["-q", "-f", "--single-thread"]).arg(&rows).arg("-o").arg(&frame), LIMIT)?;
    std::fs::remove_file(rows)?;
    let mut runner = Runner::new(effort.patience);
    let (rounds, transforms) = if effort.is_quick() { (1, 1) } else { (ROUNDS, TRANSFORM_ROUNDS) };
    let mut files = Vec::new();
    for (title, file) in [("many frames", &frames), ("one frame", &frame)] {
        println!("  {title}");
        let mut command = |what: &str, rest: &[&str]| {
            runner.must(Command::new(&program).arg(what).arg(file).args(rest)).map(Value::from)
        };
        let fold = command("fold", &[&(bytes / ROW).to_string(), &rounds.to_string()])?;
        let memory = command("memory", &[])?;
        let target = folder.join("target.zst");
        let target = target.to_str().context("the scratch folder's name is not UTF-8")?;
        let transform = command("transform", &[target, &transforms.to_string()])?;
        files.push(json!({ "title": title, "fold": fold, "memory": memory, "transform": transform }));
    }
    std::fs::remove_dir_all(folder)?;
    Ok(json!({ "machine": machine::describe()?, "versions": machine::versions()?, "files": files }))
}

/// The data set of rows, several times.
fn rows(folder: &Path, effort: Effort) -> Result<(PathBuf, u64)> {
    let sets = data::prepare(effort)?;
    let set = sets.iter().find(|set| set.name == "records").context("no data set has rows")?;
    let source = set.sized(set.bytes)?;
    let path = folder.join("rows");
    let mut file = File::create(&path)?;
    for _ in 0..COPIES {
        std::io::copy(&mut File::open(&source)?, &mut file)?;
    }
    Ok((path, set.bytes * COPIES as u64))
}

/// The table.
pub(super) fn tables(results: &Value) -> String {
    let mut text = machine::sentence(results);
    text += "\n| the file | MB | scan, s | decompress and reduce, s | ratio | MB of memory, the process's most | transform, s | decompress and compress, s | ratio |\n\
             | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n";
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    for file in results["files"].as_array().into_iter().flatten() {
        let (fold, transform) = (&file["fold"], &file["transform"]);
        let _ = writeln!(
            text,
            "| {} | {:.0} | {:.2} | {:.2} | {:.2} | {:.0} | {:.2} | {:.2} | {:.2} |",
            file["title"].as_str().unwrap_or_default(),
            number(&fold["bytes"]) / 1e6,
            number(&fold["scan"]),
            number(&fold["apart"]),
            number(&fold["ratio"]),
            number(&file["memory"]["peak_bytes"]) / 1e6,
            number(&transform["transform"]),
            number(&transform["apart"]),
            number(&transform["ratio"]),
        );
    }
    text
}
