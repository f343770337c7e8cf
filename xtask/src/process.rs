//! Running programs: their output is kept, and shown when something goes wrong; nothing runs for ever.

use anyhow::{bail, Context, Result};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A step that takes longer says so, this often.
const PROGRESS: Duration = Duration::from_secs(20);

/// How a program ended.
pub(crate) struct Finished {
    /// None: it did not end in time, and was killed.
    pub(crate) status: Option<ExitStatus>,
    /// What it wrote, to both outputs.
    pub(crate) output: String,
}

impl Finished {
    pub(crate) fn success(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }

    /// How it ended, and what it wrote.
    pub(crate) fn describe(&self) -> String {
        let end = self.status.map_or("did not end in time".to_owned(), |status| status.to_string());
        format!("{}\n{end}", self.output.trim_end())
    }
}

/// Runs a program to its end, or for at most `limit`.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Result<Finished> {
    // Appending: reading the file here does not move the place where the program writes.
    let log = tempfile::Builder::new().append(true).tempfile()?;
    let mut child = command
        .stdin(Stdio::null())
        .stdout(log.as_file().try_clone()?)
        .stderr(log.as_file().try_clone()?)
        .spawn()
        .with_context(|| format!("starting {}", command.get_program().to_string_lossy()))?;
    let start = Instant::now();
    let mut told = start;
    let mut pause = Duration::from_millis(1);
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if start.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            break None;
        }
        if told.elapsed() > PROGRESS {
            told = Instant::now();
            println!("  ... {} s: {}", start.elapsed().as_secs(), last_line(log.path())?);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(50));
    };
    Ok(Finished { status, output: contents(log.path())? })
}

/// The same for a program that must succeed: its output.
pub(crate) fn must(command: &mut Command, limit: Duration) -> Result<String> {
    let finished = run(command, limit)?;
    if !finished.success() {
        bail!("{command:?}\n{}", finished.describe());
    }
    Ok(finished.output)
}

/// Whether a program is installed.
pub(crate) fn installed(program: &str) -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let file = format!("{program}{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&folders).any(|folder| folder.join(&file).is_file())
}

/// Seconds of CPU time of the children that were waited for.
pub(crate) fn children_cpu() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    // After the name, which may hold anything: state is field 3, cutime and cstime are fields 16 and 17.
    let rest = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let numbers = rest.split_whitespace().skip(13).take(2).filter_map(|field| field.parse::<f64>().ok());
    Ok(numbers.sum::<f64>() / 100.0)
}

fn contents(log: &Path) -> Result<String> {
    Ok(String::from_utf8_lossy(&std::fs::read(log)?).into_owned())
}

/// The last line that the program has written.
fn last_line(log: &Path) -> Result<String> {
    let text = contents(log)?;
    Ok(text.lines().next_back().unwrap_or("").trim().chars().take(90).collect())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.arg("-c").arg(script);
        command
    }

    #[test]
    fn output_and_status() {
        let finished = run(&mut shell("echo one; echo two >&2; exit 3"), Duration::from_secs(60)).unwrap();
        assert_eq!(finished.output, "one\ntwo\n");
        assert!(!finished.success() && finished.describe().contains("exit status: 3"));
    }

    #[test]
    fn what_hangs_is_killed() {
        let finished = run(&mut shell("exec sleep 100"), Duration::from_millis(50)).unwrap();
        assert!(finished.status.is_none());
    }
}
