//! `cargo xtask bench`: fastpar beside its peers, measured in turn, medians of many runs, written down with
//! the machine.

mod bindings;
mod build;
mod codec;
mod contention;
mod data;
mod files;
mod frame_phases;
mod frames;
mod grid;
mod helpers;
mod kernels;
mod limits;
mod loops;
mod machine;
pub(crate) mod plots;
mod records;
mod report;
mod runner;
mod scale_out;
mod scans;
mod series;
mod simulate;
mod small;
mod targets;
mod tasks;
pub(crate) mod timeline;

use crate::stage::Staged;
use anyhow::{bail, Result};
use serde_json::Value;
use std::time::{Duration, Instant};

/// How much is measured.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    /// Times that every contestant has its turn.
    rounds: usize,
    /// How long it measures each time.
    milliseconds: u32,
    /// Callers at once.
    callers: &'static [u32],
    /// Times that every contestant of the codec has its turn.
    codec_rounds: usize,
    /// How long it may measure again because other programs disturbed it.
    patience: Duration,
}

impl Effort {
    fn is_quick(self) -> bool {
        self.rounds == QUICK.rounds
    }
}

const FULL: Effort = Effort {
    rounds: 9,
    milliseconds: 40,
    callers: &[1, 4, 16],
    codec_rounds: 5,
    patience: Duration::from_secs(300),
};
const QUICK: Effort =
    Effort { rounds: 2, milliseconds: 10, callers: &[1], codec_rounds: 1, patience: Duration::from_secs(2) };

/// What is measured together.
struct Group {
    name: &'static str,
    measure: fn(&Staged, Effort) -> Result<Value>,
    tables: fn(&Value) -> String,
}

const GROUPS: [Group; 16] = [
    Group {
        name: "loops",
        measure: |staged, effort| loops::measure(&build::loops(staged)?, effort),
        tables: loops::tables,
    },
    Group {
        name: "series",
        measure: |staged, effort| series::measure(&build::loops(staged)?, effort),
        tables: series::tables,
    },
    Group { name: "helpers", measure: helpers::measure, tables: helpers::tables },
    Group { name: "kernels", measure: kernels::measure, tables: kernels::tables },
    Group {
        name: "codec",
        measure: |staged, effort| codec::measure(&build::codec(staged)?, effort),
        tables: codec::tables,
    },
    Group {
        name: "files",
        measure: |staged, effort| files::measure(&build::files(staged)?, effort),
        tables: files::tables,
    },
    Group { name: "targets", measure: targets::measure, tables: targets::tables },
    Group { name: "frames", measure: frames::measure, tables: frames::tables },
    Group { name: "scans", measure: scans::measure, tables: scans::tables },
    Group { name: "records", measure: records::measure, tables: records::tables },
    Group { name: "grid", measure: grid::measure, tables: grid::tables },
    Group { name: "tasks", measure: tasks::measure, tables: tasks::tables },
    Group { name: "small", measure: small::measure, tables: small::tables },
    Group { name: "bindings", measure: bindings::measure, tables: bindings::tables },
    Group { name: "simulate", measure: simulate::measure, tables: simulate::tables },
    Group { name: "timeline", measure: timeline::measure, tables: timeline::tables },
];

/// Groups that write their results down themselves.
const OTHERS: [&str; 3] = ["instructions", "plots", "scale-out"];

/// Measures the groups named, all if none is, and writes `benches/results` and the tables of
/// `benches/README.md`.
pub(crate) fn run(quick: bool, groups: &[String]) -> Result<()> {
    if !cfg!(target_os = "linux") {
        bail!("the peers and the accounting of other programs' load are Linux's");
    }
    let effort = if quick { QUICK } else { FULL };
    let wanted = |name: &str| groups.is_empty() || groups.iter().any(|group| group == name);
    let known: Vec<_> = GROUPS.iter().map(|group| group.name).chain(OTHERS).collect();
    if let Some(unknown) = groups.iter().find(|group| !known.contains(&group.as_str())) {
        bail!("there is no group {unknown:?}, only {}", known.join(", "));
    }
    let command = std::iter::once("cargo xtask bench")
        .chain(quick.then_some("--quick"))
        .chain(groups.iter().map(String::as_str))
        .collect::<Vec<_>>()
        .join(" ");
    if groups != ["plots"] {
        measure(effort, &wanted, &command)?;
    }
    limits::write()?;
    plots::draw()
}

/// Builds the library, and measures what is wanted.
fn measure(effort: Effort, wanted: &dyn Fn(&str) -> bool, command: &str) -> Result<()> {
    let staged = crate::stage::stage()?;
    for group in GROUPS.iter().filter(|group| wanted(group.name)) {
        println!("== {}", group.name);
        let start = Instant::now();
        let results = (group.measure)(&staged, effort)?;
        report::write(group.name, command, &results, &(group.tables)(&results))?;
        println!("{} took {:.0} s", group.name, start.elapsed().as_secs_f64());
    }
    if wanted("scale-out") {
        scale_out::record(&staged, effort)?;
    }
    if wanted("instructions") {
        crate::instructions::record(&staged)?;
    }
    Ok(())
}
