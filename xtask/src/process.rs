//! Running programs: their output is kept, and shown when something goes wrong; nothing runs for ever.

use anyhow::{bail, Context, Result};
use std::cell::Cell;
use std::ops::Range;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A step that takes longer says so, this often.
const PROGRESS: Duration = Duration::from_secs(20);

/// Programs that run beside others, with less of the CPUs, may take so many times the limit.
const PATIENCE: u32 = 4;

/// Seconds of CPU time of programs that ran `beside` others, all together. Locked while a program's end is
/// taken from the system, which then counts its time as that of a child.
static BESIDE: Mutex<f64> = Mutex::new(0.0);

thread_local! {
    /// The name of the work that this thread does beside others at the moment, and its seconds.
    static WORK: Cell<Option<(&'static str, f64)>> = const { Cell::new(None) };
}

/// How a program ended.
pub(crate) struct Finished {
    /// None: it did not end in time, and was killed.
    pub(crate) status: Option<ExitStatus>,
    /// The text that it wrote, to both outputs.
    pub(crate) output: String,
}

impl Finished {
    pub(crate) fn success(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }

    /// How it ended, and the text that it wrote.
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
    let limit = if WORK.get().is_some() { limit * PATIENCE } else { limit };
    let start = Instant::now();
    let mut told = start;
    let mut pause = Duration::from_millis(1);
    let status = loop {
        if let Some(status) = ended(&mut child)? {
            break Some(status);
        }
        if start.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            break None;
        }
        if told.elapsed() > PROGRESS {
            told = Instant::now();
            let what = WORK.get().map(|(name, _)| format!(", {name}")).unwrap_or_default();
            println!("  ... {} s{what}: {}", start.elapsed().as_secs(), last_line(log.path())?);
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

/// Does something whose programs' CPU time is not that of what runs meanwhile; its result, and the seconds of
/// CPU time of the programs that this thread ran for it.
pub(crate) fn beside<R>(name: &'static str, work: impl FnOnce() -> R) -> (R, f64) {
    WORK.set(Some((name, 0.0)));
    let result = work();
    (result, WORK.take().map_or(0.0, |(_, seconds)| seconds))
}

/// How a child has ended, if it has.
fn ended(child: &mut Child) -> Result<Option<ExitStatus>> {
    let Some((name, seconds)) = WORK.get() else { return Ok(child.try_wait()?) };
    let mut beside = lock_beside();
    // Afterwards the system has forgotten it. It has no such file where time is not told by suites.
    let cpu = cpu(&child.id().to_string(), 0..4).unwrap_or_default();
    let status = child.try_wait()?;
    if status.is_some() {
        *beside += cpu;
        WORK.set(Some((name, seconds + cpu)));
    }
    Ok(status)
}

fn lock_beside() -> MutexGuard<'static, f64> {
    BESIDE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Seconds of CPU time of the children that were waited for.
pub(crate) fn children_cpu() -> Result<f64> {
    cpu("self", 2..4)
}

/// The same without the programs that ran `beside` others.
pub(crate) fn foreground_cpu() -> Result<f64> {
    let beside = lock_beside();
    Ok(children_cpu()? - *beside)
}

/// Seconds of a process's utime, stime, cutime and cstime: fields 14 to 17.
fn cpu(process: &str, which: Range<usize>) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // After the name, which may hold anything: state is field 3.
    let rest = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields: Vec<f64> =
        rest.split_whitespace().skip(11).take(4).filter_map(|field| field.parse().ok()).collect();
    Ok(fields.get(which).context("the system tells no CPU time")?.iter().sum::<f64>() / 100.0)
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
    #[cfg(target_os = "linux")]
    fn cpu_time_of_what_runs_beside() {
        const SPIN: &str = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
        let spin = |script: &str| run(&mut shell(script), Duration::from_secs(600)).unwrap();
        // Other tests run programs too, so there may be more of everything.
        let (children, others) = (children_cpu().unwrap(), *lock_beside());
        let (finished, seconds) = beside("a loop", || spin(&format!("({SPIN}); {SPIN}")));
        assert!(finished.success() && seconds > 0.0);
        assert!(*lock_beside() > others + seconds - 0.001);
        assert!(children_cpu().unwrap() > children + seconds - 0.001, "the system has counted less");
        let before = foreground_cpu().unwrap();
        spin(SPIN);
        assert!(foreground_cpu().unwrap() > before, "what runs alone is not counted");
    }

    #[test]
    fn what_hangs_is_killed() {
        let finished = run(&mut shell("exec sleep 100"), Duration::from_millis(50)).unwrap();
        assert!(finished.status.is_none());
    }
}
