//! Pictures of the figures, as SVG beside the JSON that they are made from.

mod bars;
mod canvas;
mod lines;
mod one_frame;
pub(crate) mod timeline;

use super::timeline::PICTURES as TIMELINES;
use super::{loops, series};
use crate::repo;
use anyhow::{Context, Result};
use bars::{Bar, Bars};
use lines::{Axis, Line, Lines};
use serde_json::Value;

/// Draws a picture of some results.
type Draw = fn(&Value) -> Result<String>;

/// Pictures, and the results that they show.
const PICTURES: [(&str, &str, Draw); 6] = [
    ("one-frame", "frames", one_frame::one_frame),
    ("latency", "loops", latency),
    ("speed-up", "loops", speed_up),
    ("scaling", "series", scaling),
    ("cost-per-chunk", "series", cost_per_chunk),
    ("throughput", "grid", throughput),
];

/// Draws what can be drawn from the results that there are.
pub(super) fn draw() -> Result<()> {
    for (name, group, picture) in PICTURES {
        write(name, group, picture)?;
    }
    for picture in &TIMELINES {
        write(picture.name, "timeline", |results| timeline::of_results(results, picture.name))?;
    }
    Ok(())
}

/// Writes a picture, if there are results of the group.
fn write(name: &str, group: &str, picture: impl FnOnce(&Value) -> Result<String>) -> Result<()> {
    let folder = repo::root().join("benches/results");
    let path = folder.join(group).with_extension("json");
    let Ok(text) = std::fs::read_to_string(&path) else { return Ok(()) };
    let results = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    let svg = picture(&results).with_context(|| format!("the picture {name}"))?;
    Ok(std::fs::write(folder.join(name).with_extension("svg"), svg)?)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Libraries, each with its index in the palette.
fn peers() -> impl Iterator<Item = (usize, &'static str)> {
    loops::PEERS.iter().enumerate().map(|(at, row)| (at, row.0))
}

fn machine(results: &Value) -> String {
    let text = results["machine"]["cpu"].as_str().unwrap_or("unknown");
    format!("{text}, {} CPUs", results["machine"]["cpus"])
}

/// The cells of the pool that is the default, one caller.
fn cells<'r>(results: &'r Value, names: &'r [&str]) -> impl Iterator<Item = &'r Value> {
    names.iter().filter_map(|name| {
        let same = |cell: &&Value| cell["cell"] == *name && cell["threads"] == 24 && cell["callers"] == 1;
        list(&results["cells"]).iter().find(same)
    })
}

/// A group of bars for a cell.
fn group(
    cell: &Value,
    value: impl Fn(&str) -> Option<f64>,
    label: impl Fn(f64) -> String,
) -> (String, Vec<Bar>) {
    let bars = peers().filter(|(_, peer)| *peer != "serial").filter_map(|(colour, peer)| {
        let value = value(peer)?;
        Some(Bar { colour, value, label: format!("{peer}  {}", label(value)) })
    });
    (loops::title(cell["cell"].as_str().unwrap_or_default()).into(), bars.collect())
}

/// Ticks with their names.
fn named(ticks: &[(f64, &str)]) -> Vec<(f64, String)> {
    ticks.iter().map(|&(value, name)| (value, name.to_owned())).collect()
}

/// Ticks of 1, 2, 5, 10 and so on around some values.
fn around(values: impl Iterator<Item = f64> + Clone, unit: &str) -> Vec<(f64, String)> {
    let (low, high) = (values.clone().fold(f64::INFINITY, f64::min), values.fold(0.0, f64::max));
    let steps: Vec<f64> =
        (-3..6).flat_map(|power| [1.0, 2.0, 5.0].map(|step| step * 10f64.powi(power))).collect();
    let first = steps.iter().rposition(|&step| step <= low).unwrap_or(0);
    let last = steps.iter().position(|&step| step >= high).unwrap_or(steps.len() - 1);
    steps[first..=last].iter().map(|step| (*step, format!("{step} {unit}"))).collect()
}

fn microseconds(us: f64) -> String {
    match us {
        us if us >= 10_000.0 => format!("{:.0} ms", us / 1e3),
        us if us >= 10.0 => format!("{us:.0} us"),
        us => format!("{us:.2} us"),
    }
}

fn latency(results: &Value) -> Result<String> {
    let groups = cells(results, &["empty-24", "work-130us-24", "nested-24x24"]);
    Bars {
        title: "Time of small loops, 24 threads: shorter is better".into(),
        note: machine(results),
        logarithmic: true,
        groups: groups
            .map(|cell| group(cell, |peer| loops::best(cell, peer).map(|found| found.0), microseconds))
            .collect(),
        ticks: named(&[
            (0.1, "0.1 us"),
            (1.0, "1 us"),
            (10.0, "10 us"),
            (100.0, "100 us"),
            (1e3, "1 ms"),
            (1e4, "10 ms"),
            (1e5, "100 ms"),
        ]),
    }
    .draw()
}

fn speed_up(results: &Value) -> Result<String> {
    let cpus = results["machine"]["cpus"].as_f64().context("no cpus")?;
    let names = ["work-130us-24", "work-13ms-24", "work-13ms-10000", "skewed-13ms-24", "sum-64MiB"];
    let groups = cells(results, &names).map(|cell| {
        let serial = loops::best(cell, "serial").map(|found| found.0);
        group(cell, |peer| Some(serial? / loops::best(cell, peer)?.0), |times| format!("{times:.2}"))
    });
    Bars {
        title: format!("Speed-up over one thread, 24 threads on {cpus} CPUs: longer is better"),
        note: machine(results),
        logarithmic: false,
        groups: groups.collect(),
        ticks: (0..=4)
            .map(|quarter| quarter as f64 * cpus / 4.0)
            .map(|value| (value, format!("{value}")))
            .collect(),
    }
    .draw()
}

/// A line for every library that has points.
fn lines_of<'r>(cells: &'r [Value], point: impl Fn(&'r Value, &str) -> Option<(f64, f64)>) -> Vec<Line> {
    let lines = peers().map(|(colour, peer)| Line {
        title: peer.into(),
        colour,
        points: cells.iter().filter_map(|cell| point(cell, peer)).collect(),
    });
    lines.filter(|line| !line.points.is_empty()).collect()
}

fn scaling(results: &Value) -> Result<String> {
    let lines = lines_of(list(&results["scaling"]), |cell, peer| {
        Some((cell["threads"].as_f64()?, loops::best(cell, peer)?.0 / 1e3))
    });
    let times = lines.iter().flat_map(|line| line.points.iter().map(|point| point.1));
    Lines {
        title: format!("The same 13 ms of work by 1 to 24 threads on {} CPUs", results["machine"]["cpus"]),
        note: machine(results),
        x: Axis {
            title: "threads",
            ticks: named(&[(1.0, "1"), (2.0, "2"), (4.0, "4"), (8.0, "8"), (16.0, "16"), (24.0, "24")]),
        },
        y: Axis { title: "time of the loop", ticks: around(times, "ms") },
        lines,
    }
    .draw()
}

fn cost_per_chunk(results: &Value) -> Result<String> {
    let cells = list(&results["chunks"]);
    Lines {
        title: format!("What a library adds to a chunk, 24 threads on {} CPUs", results["machine"]["cpus"]),
        note: machine(results),
        x: Axis {
            title: "work in a chunk",
            ticks: named(&[
                (30.0, "30 ns"),
                (100.0, "100 ns"),
                (1e3, "1 us"),
                (1e4, "10 us"),
                (1e5, "100 us"),
            ]),
        },
        y: Axis {
            title: "CPU time of a chunk over its work",
            ticks: named(&[
                (0.9, "0.9"),
                (1.0, "1"),
                (1.1, "1.1"),
                (1.2, "1.2"),
                (1.5, "1.5"),
                (2.0, "2"),
                (3.0, "3"),
            ]),
        },
        lines: lines_of(cells, |cell, peer| {
            let work = series::cost_of_chunk(results, cell, "serial")?;
            let cost = series::cost_of_chunk(results, cell, peer)?;
            (peer != "serial").then_some((cell["chunk_ns"].as_f64()?, cost / work))
        }),
    }
    .draw()
}

fn throughput(results: &Value) -> Result<String> {
    let set = list(&results["sets"]).last().context("no set of data")?;
    let levels = list(&set["levels"]);
    let titles =
        list(&levels.first().context("no levels")?["rows"]).iter().filter_map(|row| row["title"].as_str());
    // fastpar has the first colour in every picture.
    let ours = |title: &str| usize::from(!title.starts_with("fastpar"));
    let mut titles: Vec<_> = titles.collect();
    titles.sort_by_key(|title| ours(title));
    let line = |(colour, title): (usize, &&str)| Line {
        title: (*title).into(),
        colour,
        points: levels
            .iter()
            .filter_map(|level| {
                let row = list(&level["rows"]).iter().find(|row| row["title"] == **title)?;
                let speed = level["bytes"].as_f64()? / 1e6 / row["seconds"].as_f64()?;
                Some((level["level"].as_f64()?, speed))
            })
            .collect(),
    };
    Lines {
        title: format!(
            "Compressing {} by level: higher is better",
            set["title"].as_str().unwrap_or_default()
        ),
        note: machine(results),
        x: Axis { title: "level", ticks: named(&[(1.0, "1"), (3.0, "3"), (9.0, "9"), (19.0, "19")]) },
        y: Axis {
            title: "original data a second",
            ticks: named(&[
                (1.0, "1 MB/s"),
                (3.0, "3 MB/s"),
                (10.0, "10 MB/s"),
                (30.0, "30 MB/s"),
                (100.0, "100 MB/s"),
                (300.0, "300 MB/s"),
                (1e3, "1 GB/s"),
                (3e3, "3 GB/s"),
            ]),
        },
        lines: titles.iter().enumerate().map(line).collect(),
    }
    .draw()
}
