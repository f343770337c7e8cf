//! One frame, compressed and decompressed by several lanes, beside one context of the same libzstd; and what
//! more CPUs would make of the measured times of its sections.

use super::data::{self, Data};
use super::runner::Runner;
use super::{build, frame_phases, machine, Effort};
use crate::stage::Staged;
use crate::{process, repo};
use anyhow::Result;
use serde_json::{json, Map, Value};
use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const ROUNDS: usize = 5;
const LIMIT: Duration = Duration::from_secs(600);

/// Levels, the megabytes of their sections (as the header says), and how many megabytes they get to compress.
const COMPRESS: [(i32, u64, u64); 5] = [(1, 4, 256), (3, 4, 256), (9, 8, 256), (15, 16, 512), (19, 32, 64)];
/// Levels and windows (0: the level's own) of the frames that are decompressed, written by the `zstd`
/// program, and their megabytes.
const DECOMPRESS: [(i32, u32, u64); 5] = [(1, 0, 256), (3, 0, 256), (9, 0, 128), (19, 0, 64), (3, 27, 256)];
/// From this level on rounds take a minute and more.
const SLOW: i32 = 15;
/// Megabytes of a quick run.
const QUICK_MEGABYTES: u64 = 64;

/// CPUs that are not here.
pub(super) const LANES: [usize; 3] = [4, 8, 24];

/// Measures the three data sets.
pub(super) fn measure(staged: &Staged, effort: Effort) -> Result<Value> {
    let program = build::frame(staged)?;
    let mut runner = Runner::new(effort.patience);
    let mut sets = Vec::new();
    for data in data::with_text()? {
        let wanted = |level: i32| !effort.is_quick() || level == 3;
        let (mut compress, mut decompress) = (Vec::new(), Vec::new());
        for &(level, section, megabytes) in COMPRESS.iter().filter(|row| wanted(row.0)) {
            println!("  {}, compressing at level {level}", data.title);
            let file = part(&data, megabytes, effort)?;
            let rounds = if level >= SLOW || effort.is_quick() { 1 } else { ROUNDS };
            let mut command = Command::new(&program);
            command.arg("compress").arg(&file).args([
                level.to_string(),
                (section << 20).to_string(),
                rounds.to_string(),
            ]);
            compress.push(row(runner.must(&mut command)?, level, 0));
        }
        for &(level, window, megabytes) in DECOMPRESS.iter().filter(|row| wanted(row.0)) {
            println!("  {}, decompressing what level {level} wrote", data.title);
            let file = part(&data, megabytes, effort)?;
            let packed = repo::scratch("bench")?.join("frame.zst");
            pack(&file, &packed, level, window)?;
            let rounds = if effort.is_quick() { 1 } else { 2 * ROUNDS + 1 };
            let mut command = Command::new(&program);
            command.arg("decompress").arg(&packed);
            command.args([file.metadata()?.len().to_string(), rounds.to_string()]);
            let mut figures = runner.must(&mut command)?;
            let one_context = figures["libzstd"]["seconds"].as_f64().unwrap_or(f64::NAN);
            let phases = frame_phases::measure(&program, &packed, file.metadata()?.len(), one_context)?;
            figures.insert("phases".into(), phases);
            decompress.push(row(figures, level, window));
            std::fs::remove_file(packed)?;
        }
        sets.push(json!({ "title": data.title, "compress": compress, "decompress": decompress }));
    }
    Ok(json!({ "machine": machine::describe()?, "versions": machine::versions()?, "sets": sets }))
}

fn part(data: &Data, megabytes: u64, effort: Effort) -> Result<std::path::PathBuf> {
    let megabytes = if effort.is_quick() { QUICK_MEGABYTES } else { megabytes };
    data.sized(megabytes << 20)
}

/// One frame, as the `zstd` program writes it with one thread.
fn pack(file: &Path, packed: &Path, level: i32, window: u32) -> Result<()> {
    let mut command = Command::new("zstd");
    command.args(["-q", "-f", "--single-thread", &format!("-{level}")]);
    if window != 0 {
        command.arg(format!("--long={window}"));
    }
    process::must(command.arg(file).arg("-o").arg(packed), LIMIT).map(drop)
}

/// The figures of a row; the times of its sections become what more lanes would take.
fn row(mut figures: Map<String, Value>, level: i32, window: u32) -> Value {
    let sections: Vec<f64> = figures
        .remove("sections")
        .as_ref()
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_f64)
        .collect();
    if !sections.is_empty() {
        let one_context = figures["libzstd"]["seconds"].as_f64().unwrap_or(f64::NAN);
        let speed_ups = LANES.map(|lanes| (one_context / makespan(&sections, lanes) * 100.0).round() / 100.0);
        figures.insert("simulated".into(), json!(speed_ups));
        figures.insert("sections".into(), sections.len().into());
    }
    figures.insert("level".into(), level.into());
    figures.insert("window_log".into(), window.into());
    figures.into()
}

/// When the last section ends, if each free lane takes the next: sections do not wait for each other.
fn makespan(sections: &[f64], lanes: usize) -> f64 {
    let mut ends = vec![0.0_f64; lanes];
    for section in sections {
        let first = ends.iter_mut().min_by(|a, b| a.total_cmp(b)).expect("there are lanes");
        *first += section;
    }
    ends.into_iter().fold(0.0, f64::max)
}

/// The tables.
pub(super) fn tables(results: &Value) -> String {
    let text = machine::sentence(results);
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let mut compress = String::from(
        "\nCompressing. The limit: a context a CPU, on parts of the data. Size: against libzstd's frame. The last columns: what 4, 8 and 24 CPUs would reach by the times of the sections, \
         if memory were no limit.\n\n\
         | data, level | MB | libzstd MB/s | speed-up | of the limit | one lane | size | sections | 4 | 8 | 24 |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    let mut decompress = String::from(
        "\nDecompressing one frame that `zstd` wrote. The phases are nanoseconds of a lane for a byte of content: blocks are decoded in any order, executed in order, \
         and the content is hashed in order. The last columns: what 4, 8 and 24 CPUs would reach by them, if memory were no limit: bound by all work, or by a phase that goes in order.\n\n\
         | data, level | MB | libzstd MB/s | speed-up | CPU time | one lane | decode | execute | checksum | 4 | 8 | 24 |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for set in results["sets"].as_array().into_iter().flatten() {
        let title = set["title"].as_str().unwrap_or_default();
        let head = |row: &Value| {
            let long = if row["window_log"] == 0 {
                String::new()
            } else {
                format!(", --long={}", row["window_log"])
            };
            let bytes = number(&row["bytes"]);
            format!(
                "| {title}, {}{long} | {:.0} | {:.0} | {:.2} |",
                row["level"],
                bytes / 1e6,
                bytes / 1e6 / number(&row["libzstd"]["seconds"]),
                number(&row["fastpar"]["speed_up"])
            )
        };
        for row in set["compress"].as_array().into_iter().flatten() {
            let growth = number(&row["fastpar"]["bytes"]) / number(&row["libzstd"]["bytes"]) - 1.0;
            let _ = write!(
                compress,
                "{} {:.0} % | {:.2} | {:+.2} % | {} |",
                head(row),
                number(&row["fastpar"]["speed_up"]) / number(&row["limit"]["speed_up"]) * 100.0,
                number(&row["one_lane"]["speed_up"]),
                growth * 100.0,
                row["sections"]
            );
            for speed_up in row["simulated"].as_array().into_iter().flatten() {
                let _ = write!(compress, " {:.1} |", number(speed_up));
            }
            compress += "\n";
        }
        for row in set["decompress"].as_array().into_iter().flatten() {
            let share = number(&row["fastpar"]["cpu_seconds"]) / number(&row["libzstd"]["cpu_seconds"]);
            let phases = &row["phases"];
            let _ = write!(
                decompress,
                "{} {share:.2} | {:.2} | {:.2} | {:.2} | {:.2} |",
                head(row),
                number(&row["one_lane"]["speed_up"]),
                number(&phases["decode"]),
                number(&phases["execute"]),
                number(&phases["checksum"])
            );
            for speed_up in phases["simulated"].as_array().into_iter().flatten() {
                let _ = write!(decompress, " {:.1} |", number(speed_up));
            }
            decompress += "\n";
        }
    }
    text + &compress + &decompress
}

#[cfg(test)]
mod tests {
    use super::makespan;

    #[test]
    fn sections_go_to_the_first_free_lane() {
        let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(close(makespan(&[1.0; 10], 4), 3.0));
        assert!(close(makespan(&[4.0, 1.0, 1.0, 1.0], 2), 4.0));
        assert!(close(makespan(&[1.0, 1.0], 24), 1.0));
    }
}
