//! Running programs: their output is kept, and shown when something goes wrong; nothing runs for ever.

use anyhow::{bail, Context, Result};
use std::cell::RefCell;
use std::ops::Range;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A step that takes longer says so, this often.
const PROGRESS: Duration = Duration::from_secs(20);

/// What programs are run for: a suite, or a build beside them.
struct Inner {
    name: &'static str,
    /// Its programs may take so many times their limits, as they have less of the CPUs.
    patience: u32,
    /// Seconds of CPU time of its programs that have ended.
    seconds: Mutex<f64>,
}

/// The same, for the threads that do a part of it.
#[derive(Clone)]
pub(crate) struct Work(Option<Arc<Inner>>);

thread_local! {
    /// That of this thread at the moment.
    static WORK: RefCell<Work> = const { RefCell::new(Work(None)) };
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
    let work = work();
    let (limit, what) = match &work.0 {
        Some(work) => (limit * work.patience, format!(", {}", work.name)),
        None => (limit, String::new()),
    };
    let start = Instant::now();
    let mut told = start;
    let mut pause = Duration::from_millis(1);
    let status = loop {
        if let Some(status) = ended(&mut child, &work)? {
            break Some(status);
        }
        if start.elapsed() > limit {
            child.kill()?;
            child.wait()?;
            break None;
        }
        if told.elapsed() > PROGRESS {
            told = Instant::now();
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

/// Does something for this name; its result, and the seconds of CPU time of the programs that were run for
/// it. They may take `patience` times their limits.
pub(crate) fn doing<R>(name: &'static str, patience: u32, work: impl FnOnce() -> R) -> (R, f64) {
    let inner = Arc::new(Inner { name, patience, seconds: Mutex::new(0.0) });
    take_part(Work(Some(Arc::clone(&inner))));
    let result = work();
    take_part(Work(None));
    let seconds = *lock(&inner);
    (result, seconds)
}

/// What this thread does at the moment, for threads that it starts.
pub(crate) fn work() -> Work {
    WORK.with_borrow(Clone::clone)
}

/// From now on this thread does a part of it.
pub(crate) fn take_part(work: Work) {
    WORK.set(work);
}

/// How a child has ended, if it has.
fn ended(child: &mut Child, work: &Work) -> Result<Option<ExitStatus>> {
    let Work(Some(work)) = work else { return Ok(child.try_wait()?) };
    // Afterwards the system has forgotten it. It has no such file where time is not told by suites.
    let cpu = cpu(&child.id().to_string(), 0..4).unwrap_or_default();
    let status = child.try_wait()?;
    if status.is_some() {
        *lock(work) += cpu;
    }
    Ok(status)
}

fn lock(work: &Inner) -> MutexGuard<'_, f64> {
    work.seconds.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Seconds of CPU time of the children that were waited for.
pub(crate) fn children_cpu() -> Result<f64> {
    cpu("self", 2..4)
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
    fn cpu_time_is_told_by_what_it_was_for() {
        const SPIN: &str = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
        let spin = |script: &str| run(&mut shell(script), Duration::from_secs(600)).unwrap();
        let before = children_cpu().unwrap();
        let (finished, alone) = doing("a loop", 1, || spin(&format!("({SPIN}); {SPIN}")));
        assert!(finished.success() && alone > 0.0);
        // Other tests run programs too, so there may be more of everything.
        assert!(children_cpu().unwrap() > before + alone - 0.001, "the system has counted less");
        let (_, shared) = doing("two loops", 1, || {
            let work = work();
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    take_part(work);
                    spin(SPIN)
                });
                scope.spawn(|| spin(SPIN)); // for nothing that is counted
            });
        });
        assert!(shared > 0.0, "what a thread does for it is not counted");
        spin(SPIN);
        assert_eq!(doing("nothing", 1, || ()).1, 0.0);
    }

    #[test]
    fn what_hangs_is_killed() {
        let finished = run(&mut shell("exec sleep 100"), Duration::from_millis(50)).unwrap();
        assert!(finished.status.is_none());
    }
}
