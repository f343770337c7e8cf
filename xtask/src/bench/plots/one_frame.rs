//! Ordinary `.zst`, which is one frame: reading and writing it.

use super::bars::{Bar, Bars};
use super::{list, machine};
use anyhow::{Context, Result};
use serde_json::Value;

/// The level that the picture shows.
const LEVEL: i64 = 3;

pub(super) fn one_frame(results: &Value) -> Result<String> {
    let mut groups = Vec::new();
    for (direction, title) in [("decompress", "reading"), ("compress", "writing")] {
        for set in list(&results["sets"]) {
            let row =
                list(&set[direction]).iter().find(|row| row["level"] == LEVEL && row["window_log"] == 0);
            let row = row.with_context(|| format!("no level {LEVEL}"))?;
            groups.push((
                format!("{title}: {}", set["title"].as_str().unwrap_or_default()),
                bars(row, &results["machine"]["cpus"])?,
            ));
        }
    }
    let speeds = groups.iter().flat_map(|(_, bars): &(String, Vec<Bar>)| bars).map(|bar| bar.value);
    let fastest = speeds.fold(0.0, f64::max) / 1e3;
    Bars {
        title: format!("Ordinary .zst, one frame of level {LEVEL}: longer is better"),
        note: machine(results),
        logarithmic: false,
        groups,
        ticks: (0..=fastest.ceil() as u64).map(|rate| (rate as f64 * 1e3, format!("{rate} GB/s"))).collect(),
    }
    .draw()
}

/// Megabytes of content a second.
fn bars(row: &Value, cpus: &Value) -> Result<Vec<Bar>> {
    let bytes = row["bytes"].as_f64().context("no bytes")?;
    let bar = |colour, who: &str, speed: f64| Bar {
        colour,
        value: speed,
        label: format!("{who}  {}", rate(speed)),
    };
    let speed = |way: &str| Some(bytes / 1e6 / row[way]["seconds"].as_f64()?);
    Ok(vec![
        bar(0, &format!("fastpar, {cpus} CPUs"), speed("fastpar").context("no fastpar")?),
        bar(1, "libzstd", speed("libzstd").context("no libzstd")?),
    ])
}

fn rate(megabytes: f64) -> String {
    if megabytes < 1e3 {
        format!("{megabytes:.0} MB/s")
    } else {
        format!("{:.2} GB/s", megabytes / 1e3)
    }
}
