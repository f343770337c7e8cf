//! Pictures of timelines, from traces that were really made, and what an event costs.

mod cost;
pub(crate) mod reduce;

use super::build::FLAGS;
use super::{machine, Effort};
use crate::stage::Staged;
use crate::{process, repo};
use anyhow::{Context, Result};
use serde_json::{json, Map, Value};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

/// A picture, and what is traced for it.
pub(crate) struct Picture {
    /// Its file.
    pub(crate) name: &'static str,
    traced: Traced,
    /// Of trades.
    rows: u64,
}

enum Traced {
    /// What `benches/timeline/program.c` shows under this name: its spans.
    Spans(&'static str),
    /// The first scan of the example of trades, which is told that there are 24 CPUs.
    Trades,
}

pub(crate) const PICTURES: [Picture; 6] = [
    Picture { name: "timeline", traced: Traced::Spans("loops"), rows: 1_000_000 },
    Picture { name: "timeline-file", traced: Traced::Spans("file"), rows: 500_000 },
    Picture { name: "timeline-frame", traced: Traced::Spans("frame"), rows: 250_000 },
    Picture { name: "timeline-scan", traced: Traced::Spans("scan"), rows: 250_000 },
    Picture { name: "timeline-group", traced: Traced::Spans("group"), rows: 500_000 },
    Picture { name: "timeline-trades", traced: Traced::Trades, rows: 520_000 },
];

impl Picture {
    /// Whether the program `zstd` is needed for it.
    pub(crate) fn needs_zstd(&self) -> bool {
        matches!(self.traced, Traced::Trades)
    }

    /// Runs the program with a trace: the trace's events.
    pub(crate) fn trace(&self, staged: &Staged) -> Result<Vec<Value>> {
        let folder = repo::scratch("timeline")?.join(self.name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        let rows = self.rows.to_string();
        let mut run = match self.traced {
            Traced::Spans(what) => {
                let mut run = Command::new(program(staged, &folder, &["benches/timeline/program.c"])?);
                run.arg(what).arg(&folder).arg(rows);
                run
            }
            Traced::Trades => {
                let sources = ["examples/c/trades.c", "benches/timeline/many_cpus.c"];
                let mut run = Command::new(program(staged, &folder, &sources)?);
                run.arg(&folder).args(["1", &rows]);
                run
            }
        };
        run.env("FASTPAR_TRACE", folder.join("%p.json")).env_remove("FASTPAR_THREADS");
        process::must(&mut run, LIMIT)?;
        let mut files = std::fs::read_dir(&folder)?.flatten().map(|entry| entry.path());
        let trace = files.find(|path| path.extension().is_some_and(|extension| extension == "json"));
        let text = std::fs::read_to_string(trace.context("there is no trace")?)?;
        std::fs::remove_dir_all(folder)?;
        serde_json::from_str(&text).context("the trace")
    }

    /// What the picture shows of a trace.
    pub(crate) fn panels(&self, events: &[Value]) -> Result<Vec<Value>> {
        let trace = reduce::Trace::read(events)?;
        match self.traced {
            Traced::Spans(_) => Ok(trace.spans()),
            Traced::Trades => Ok(vec![trace.first("reduce archive", "a file of trades is scanned")?]),
        }
    }
}

/// Builds a program in a folder.
fn program(staged: &Staged, folder: &Path, sources: &[&str]) -> Result<PathBuf> {
    let program = folder.join("program");
    let mut gcc = Command::new("gcc");
    gcc.args(FLAGS).args(sources.iter().map(|source| repo::root().join(source)));
    process::must(gcc.args(staged.link_arguments()).arg("-o").arg(&program), LIMIT)?;
    Ok(program)
}

/// Makes all traces, and measures what events cost.
pub(super) fn measure(staged: &Staged, effort: Effort) -> Result<Value> {
    let mut pictures = Map::new();
    for picture in &PICTURES {
        println!("  {}", picture.name);
        pictures.insert(picture.name.into(), picture.panels(&picture.trace(staged)?)?.into());
    }
    let cost = cost::measure(staged, effort)?;
    Ok(json!({
        "machine": machine::describe()?,
        "versions": machine::versions()?,
        "cost": cost,
        "pictures": pictures,
    }))
}

/// What events cost.
pub(super) fn tables(results: &Value) -> String {
    machine::sentence(results) + &cost::table(&results["cost"])
}
