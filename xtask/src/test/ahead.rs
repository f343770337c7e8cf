//! Long builds, made beside the suites that come before those that need them: most of a build's minutes one
//! CPU is enough for, and many tests wait. The builds have a low priority, so tests hardly notice. So have
//! the fuzzer's targets, which run when everything is built.
//!
//! What is built lies in folders of cargo's, where a suite that asks cargo for the same finds it. So a suite
//! waits for its build, or makes it where nobody has begun to.

use super::{foreign, fuzz, mpi};
use crate::setup::Setup;
use crate::{dist, docs, process, repo, stage, targets, windows};
use anyhow::{anyhow, Result};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Builds at a time.
const AT_A_TIME: usize = 2;

/// Their programs have little of the CPUs, so they may take so many times their limits.
const PATIENCE: u32 = 4;

#[derive(Clone, Copy)]
pub(super) struct Build {
    name: &'static str,
    /// The first suite that needs it.
    suite: &'static str,
    make: Make,
}

/// It is told the name, too.
type Make = fn(&Setup, &str) -> Result<()>;

pub(super) const fn build(name: &'static str, suite: &'static str, make: Make) -> Build {
    Build { name, suite, make }
}

impl Build {
    pub(super) fn name(&self) -> &'static str {
        self.name
    }
}

pub(super) const LIBRARY: Build = build("the release library", "header", |_, _| stage::build());

/// Where it cannot be built, the suites that need it find out why.
pub(super) const WINDOWS: Build = build("the release library for Windows", "dotnet-forms", |setup, _| {
    windows::build(setup, &windows::place()?).map(drop)
});

/// The same as the packages have it.
pub(super) const PACKAGED: Build = build("the packaged library", "header", |setup, _| {
    dist::build_linux(setup, &repo::scratch("dist")?).map(drop)
});

pub(super) const PACKAGED_AGAIN: Build = build("the packaged library once more", "dist", |setup, _| {
    dist::build_linux(setup, &anew("linux")?).map(drop)
});

pub(super) const WINDOWS_AGAIN: Build = build("that for Windows once more", "dist", |setup, _| {
    windows::build(setup, &anew("windows")?.join("windows")).map(drop)
});

/// Two packages that are long to unpack.
pub(super) const MPI: Build = build("MPICH and Open MPI, installed", "mpi", |setup, _| {
    mpi::install(setup);
    Ok(())
});

pub(super) const CRATE: Build = build("the crate from its package", "dist", |_, _| dist::build_crate());

/// Where something for it cannot be had the suite finds out what.
pub(super) const SITE: Build = build("the pages", "docs", |setup, _| {
    docs::build(setup, docs::address::of_project()?.as_deref()).map(drop)
});

pub(super) const AARCH64: Build = build("the library for aarch64 Linux", "aarch64", |setup, _| {
    foreign::build(setup, &targets::AARCH64).map(drop)
});

pub(super) const MUSL: Build =
    build("the library for musl", "musl", |setup, _| foreign::build(setup, &targets::MUSL).map(drop));

pub(super) const MACOS: Build = build("the library for macOS", "apple", |setup, _| {
    foreign::build(setup, &targets::MACOS_ARM64).map(drop)
});

/// All but the library itself and the fuzzer's targets, in the order in which suites need them.
const OTHERS: [Build; 9] = [WINDOWS, SITE, MPI, AARCH64, MUSL, MACOS, PACKAGED_AGAIN, WINDOWS_AGAIN, CRATE];

/// Where packages are made every suite has the library that is in them: it is built once, and people install
/// what was tested.
pub(super) fn packaged(suites: &[&str]) -> bool {
    suites.contains(&PACKAGED_AGAIN.suite) && dist::possible()
}

/// Where the packages are built once more.
pub(super) fn again() -> Result<PathBuf> {
    repo::scratch("dist/again")
}

/// The same, with nothing in its folder of this name.
fn anew(name: &str) -> Result<PathBuf> {
    let builds = again()?;
    let old = builds.join(name);
    if old.exists() {
        std::fs::remove_dir_all(old)?;
    }
    Ok(builds)
}

enum State {
    Waiting,
    Running,
    /// With the error, if it failed.
    Done(Option<String>),
}

struct Known {
    build: Build,
    state: State,
    /// CPU time that no suite was told of.
    cpu_seconds: f64,
}

/// Ends with the suites, also if they panic: builds that have not begun are not made.
struct NoMore<'a>(&'a Ahead);

impl Drop for NoMore<'_> {
    fn drop(&mut self) {
        self.0.lock().retain(|known| !matches!(known.state, State::Waiting));
    }
}

/// Builds that are made beside the suites.
pub(super) struct Ahead {
    builds: Mutex<Vec<Known>>,
    /// A build is done.
    done: Condvar,
}

impl Ahead {
    /// For these suites. On one CPU it would gain nothing.
    pub(super) fn for_suites(names: &[&str]) -> Self {
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        let library = if packaged(names) { PACKAGED } else { LIBRARY };
        let all = std::iter::once(library).chain(OTHERS).chain(fuzz::targets());
        Self::of(&all.filter(|build| cpus > 1 && names.contains(&build.suite)).collect::<Vec<_>>())
    }

    fn of(builds: &[Build]) -> Self {
        let known = |&build| Known { build, state: State::Waiting, cpu_seconds: 0.0 };
        Self { builds: Mutex::new(builds.iter().map(known).collect()), done: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Known>> {
        self.builds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does some work while the builds are made. Those that have not begun at its end are not made.
    pub(super) fn beside<R>(&self, setup: &Setup, work: impl FnOnce() -> R) -> R {
        let threads = AT_A_TIME.min(self.lock().len());
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    at_low_priority();
                    while let Some(build) = self.begin() {
                        self.make(build, setup);
                    }
                });
            }
            let _end = NoMore(self);
            work()
        })
    }

    /// The next build for a thread.
    fn begin(&self) -> Option<Build> {
        let mut builds = self.lock();
        let known = builds.iter_mut().find(|known| matches!(known.state, State::Waiting))?;
        known.state = State::Running;
        Some(known.build)
    }

    fn make(&self, build: Build, setup: &Setup) {
        println!("  beside: {} begins, for the suite {}", build.name, build.suite);
        let start = Instant::now();
        // A suite may be waiting for it.
        let make = || catch_unwind(AssertUnwindSafe(|| (build.make)(setup, build.name)));
        let (made, cpu_seconds) = process::doing(build.name, PATIENCE, make);
        let made = made.unwrap_or_else(|_| Err(anyhow!("{} panicked", build.name)));
        let how = if made.is_ok() { "done" } else { "failed" };
        println!("  beside: {} {how} in {:.1} s", build.name, start.elapsed().as_secs_f64());
        if let Some(known) = self.lock().iter_mut().find(|known| known.build.name == build.name) {
            known.state = State::Done(made.err().map(|error| format!("{error:#}")));
            known.cpu_seconds = cpu_seconds;
        }
        self.done.notify_all();
    }

    /// Waits for a build, or makes it if nobody has begun to; and the seconds of CPU time that it took beside
    /// other suites, told once.
    pub(super) fn finish(&self, build: Build, setup: &Setup) -> (Result<()>, f64) {
        let mut builds = self.lock();
        let mut told = false;
        loop {
            let place = builds.iter().position(|known| known.build.name == build.name);
            let Some(place) = place else { break };
            match &builds[place].state {
                State::Waiting => {
                    builds.remove(place);
                    break;
                }
                State::Running => {
                    if !told {
                        println!("  waiting for {}", build.name);
                        told = true;
                    }
                    builds = self.done.wait(builds).unwrap_or_else(PoisonError::into_inner);
                }
                State::Done(error) => {
                    let made = error.as_ref().map_or(Ok(()), |error| Err(anyhow!("{error}")));
                    return (made, std::mem::take(&mut builds[place].cpu_seconds));
                }
            }
        }
        drop(builds);
        println!("  {} was not made ahead", build.name);
        ((build.make)(setup, build.name), 0.0)
    }
}

/// For this thread, and the programs that it starts: a tenth of what others get, but more than nothing on a
/// machine that is busy.
fn at_low_priority() {
    // Without it tests are slower, and that is all.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(10);
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    const SETUP: Setup = Setup { ci: false };
    const GOOD: Build = build("good", "", |_, _| Ok(()));

    #[test]
    fn what_goes_wrong_is_told_each_time() {
        const BAD: Build = build("bad", "", |_, _| bail!("no compiler"));
        const WORSE: Build = build("worse", "", |_, _| panic!("an error that this test expects"));
        let ahead = Ahead::of(&[GOOD, BAD, WORSE]);
        ahead.beside(&SETUP, || {
            let over = |known: &Known| matches!(known.state, State::Done(_));
            while !ahead.lock().iter().all(over) {
                std::thread::yield_now();
            }
            for _ in 0..2 {
                let tell = |build| ahead.finish(build, &SETUP).0.map_err(|error| error.to_string());
                assert_eq!(tell(GOOD), Ok(()));
                assert_eq!(tell(BAD), Err("no compiler".into()));
                assert!(tell(WORSE).is_err());
            }
        });
    }

    #[test]
    fn suites_of_builds_exist() {
        for build in [LIBRARY, PACKAGED].into_iter().chain(OTHERS).chain(fuzz::targets()) {
            let known = super::super::SUITES.iter().any(|suite| suite.name == build.suite);
            assert!(known, "{} is for {}, which is no suite", build.name, build.suite);
        }
        assert!(Ahead::for_suites(&["rust"]).lock().is_empty());
        assert!(!packaged(&["header", "c"]));
    }

    #[test]
    fn what_has_not_begun_is_not_made() {
        static OPEN: Mutex<()> = Mutex::new(());
        const LONG: Build = build("long", "", |_, _| {
            drop(OPEN.lock());
            Ok(())
        });
        const OTHER: Build = build("other", "", LONG.make);
        const NEVER: Build = build("never", "", |_, _| panic!("it is made after the suites"));
        let ahead = Ahead::of(&[LONG, OTHER, NEVER]);
        let mut closed = OPEN.lock().ok();
        ahead.beside(&SETUP, || {
            let waiting = |known: &&Known| matches!(known.state, State::Waiting);
            while ahead.lock().iter().filter(waiting).count() > 1 {
                std::thread::yield_now();
            }
            drop(NoMore(&ahead));
            closed.take();
        });
        assert!(ahead.lock().iter().all(|known| matches!(known.state, State::Done(None))));
        assert_eq!(ahead.lock().len(), 2);
    }

    #[test]
    fn a_build_is_made_once() {
        static MADE: AtomicU32 = AtomicU32::new(0);
        const COUNTED: Build = build("counted", "", |_, _| {
            MADE.fetch_add(1, Relaxed);
            Ok(())
        });
        let ahead = Ahead::of(&[COUNTED]);
        ahead.beside(&SETUP, || assert!(ahead.finish(COUNTED, &SETUP).0.is_ok()));
        assert_eq!(MADE.load(Relaxed), 1);
        // Nobody makes it ahead.
        assert!(Ahead::of(&[]).finish(COUNTED, &SETUP).0.is_ok());
        assert_eq!(MADE.load(Relaxed), 2);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn cpu_time_is_told_once() {
        const SPINNING: Build = build("spinning", "", |_, _| {
            let mut shell = std::process::Command::new("sh");
            shell.args(["-c", "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done"]);
            process::must(&mut shell, std::time::Duration::from_secs(600)).map(drop)
        });
        let ahead = Ahead::of(&[SPINNING]);
        let told = ahead.beside(&SETUP, || {
            // Else it might not have begun.
            while matches!(ahead.lock()[0].state, State::Waiting) {
                std::thread::yield_now();
            }
            [0, 1].map(|_| ahead.finish(SPINNING, &SETUP).1)
        });
        assert!(told[0] > 0.0 && told[1] == 0.0, "{told:?}");
    }
}
