//! `cargo xtask bench`: fastpar beside its peers, measured in turn, medians of many runs, written down with the machine.

mod build;
mod codec;
mod data;
mod files;
mod loops;
mod machine;
mod report;
mod runner;

use anyhow::{bail, Result};
use std::time::Duration;

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
    rounds: 7,
    milliseconds: 40,
    callers: &[1, 4, 16],
    codec_rounds: 5,
    patience: Duration::from_secs(300),
};
const QUICK: Effort =
    Effort { rounds: 3, milliseconds: 20, callers: &[1], codec_rounds: 1, patience: Duration::from_secs(10) };

/// Measures the groups named, all if none is, and writes `benches/results` and the tables of `benches/README.md`.
pub(crate) fn run(quick: bool, groups: &[String]) -> Result<()> {
    if !cfg!(target_os = "linux") {
        bail!("the peers and the accounting of other programs' load are Linux's");
    }
    let effort = if quick { QUICK } else { FULL };
    let wanted = |name: &str| groups.is_empty() || groups.iter().any(|group| group == name);
    if let Some(unknown) =
        groups.iter().find(|group| !["loops", "codec", "files", "instructions"].contains(&group.as_str()))
    {
        bail!("there is no group {unknown:?}, only loops, codec, files and instructions");
    }
    let command = std::iter::once("cargo xtask bench")
        .chain(quick.then_some("--quick"))
        .chain(groups.iter().map(String::as_str))
        .collect::<Vec<_>>()
        .join(" ");
    let staged = crate::stage::stage()?;
    if wanted("loops") {
        let built = build::loops(&staged)?;
        let results = loops::measure(&built, effort)?;
        report::write("loops", &command, &results, &loops::tables(&results))?;
    }
    if wanted("codec") {
        let built = build::codec(&staged)?;
        let results = codec::measure(&built, effort)?;
        report::write("codec", &command, &results, &codec::tables(&results))?;
    }
    if wanted("files") {
        let built = build::files(&staged)?;
        let results = files::measure(&built, effort)?;
        report::write("files", &command, &results, &files::tables(&results))?;
    }
    if wanted("instructions") {
        crate::instructions::record(&staged)?;
    }
    Ok(())
}
