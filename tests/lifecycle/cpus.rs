//! The CPUs that the process may use: "auto", and pinning.

use crate::support::{isolated::isolated, skipped};
use crate::{count_chunks, on_threads_at_once};
use fastpar::job::{Chunk, Control, JobHandle};
use fastpar::plan::Schedule;
use fastpar::pool::{self, PoolOptions, Threads};
use std::collections::BTreeSet;
use std::fs;
use std::ops::ControlFlow::{self, Continue};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{mpsc, Arc, Mutex};
use std::time::Duration;

/// The CPUs that the calling thread may use.
fn allowed() -> BTreeSet<usize> {
    // SAFETY: plain bits, for which zero is valid.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: valid for writing its own size.
    assert_eq!(unsafe { libc::sched_getaffinity(0, size_of_val(&set), &mut set) }, 0);
    // SAFETY: every index is below CPU_SETSIZE.
    (0..libc::CPU_SETSIZE as usize).filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, &set) }).collect()
}

/// Restricts the calling thread, and those that it starts, to one CPU.
fn restrict_to(cpu: usize) {
    restrict(0, &[cpu]);
}

/// Gives a thread these CPUs; 0: the calling one.
fn restrict(thread: libc::pid_t, cpus: &[usize]) {
    // SAFETY: plain bits, for which zero is valid.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: each CPU is below CPU_SETSIZE; `set` is valid for reading its own size.
    unsafe {
        cpus.iter().for_each(|&cpu| libc::CPU_SET(cpu, &mut set));
        assert_eq!(libc::sched_setaffinity(thread, size_of_val(&set), &set), 0);
    }
}

/// The main thread, which stands for the process.
fn main_thread() -> libc::pid_t {
    // SAFETY: has no preconditions.
    unsafe { libc::getpid() }
}

#[test]
fn auto_honours_affinity() {
    isolated(|| {
        let cpus = allowed();
        if cpus.len() < 2 {
            return skipped("auto_honours_affinity", "there is only one CPU");
        }
        std::env::set_var("FASTPAR_THREADS", "auto");
        let last = *cpus.last().expect("there are two");
        restrict_to(last);
        assert_eq!(pool::threads(), Ok(cpus.len() as u32), "a pinned caller is not the process");
        restrict(main_thread(), &[last]);
        assert_eq!(pool::threads(), Ok(1));
        assert_eq!(count_chunks(100), 100);
        assert_eq!(pool::stats().threads, 1);
        std::env::remove_var("FASTPAR_THREADS");
        pool::shutdown().expect("the pool ends");
        pool::start(&PoolOptions { threads: Threads::Auto, ..PoolOptions::default() }).expect("it starts");
        assert_eq!(pool::stats().threads, 1);
    });
}

#[test]
fn cpus_that_come_and_go_are_seen() {
    isolated(|| {
        let all: Vec<_> = allowed().into_iter().collect();
        if all.len() < 2 {
            return skipped("cpus_that_come_and_go_are_seen", "there is only one CPU");
        }
        restrict(main_thread(), &all[..1]);
        assert_eq!(pool::cpus(), 1);
        assert_eq!(count_chunks(100), 100);
        restrict(main_thread(), &all);
        assert_eq!(pool::cpus(), all.len() as u32);
        // A helper of a loop that computes all the time comes at once where a CPU is free for it, and the
        // pool must notice that.
        let helped = || {
            let before = pool::stats().helpers;
            count_chunks(10_000);
            pool::stats().helpers > before
        };
        while !helped() {}
        restrict(main_thread(), &all[..1]);
        assert_eq!(pool::cpus(), 1);
    });
}

#[test]
fn pinned_workers_stay_on_one_cpu_each() {
    isolated(|| {
        let cpus = allowed();
        let threads = 2 * cpus.len() as u32 + 1;
        pool::start(&PoolOptions { threads: Threads::Exactly(threads), pin: true, ..PoolOptions::default() })
            .expect("it starts");
        let pinned = Mutex::new(Vec::new());
        on_threads_at_once(threads as usize, || {
            if pool::worker().is_some() {
                pinned.lock().unwrap().push(allowed());
            } else {
                assert_eq!(allowed(), cpus, "the caller is left alone");
            }
        });
        let pinned = pinned.into_inner().unwrap();
        assert!(pinned.iter().all(|cpus| cpus.len() == 1));
        assert_eq!(pinned.into_iter().flatten().collect::<BTreeSet<_>>(), cpus, "no CPU is forgotten");
    });
}

/// A group of processes whose CPU time is limited; undone when it is dropped.
struct Limited {
    group: PathBuf,
    before: PathBuf,
}

impl Limited {
    /// Puts this process under a quota of one CPU, by either version of the interface.
    fn one_cpu() -> Result<Self, String> {
        let text = |what: &str, error: std::io::Error| format!("{what}: {error}");
        let own =
            fs::read_to_string("/proc/self/cgroup").map_err(|error| text("/proc/self/cgroup", error))?;
        let find = |controller: &str| {
            own.lines().find_map(|line| {
                let mut parts = line.splitn(3, ':').skip(1);
                let names = parts.next()?;
                names
                    .split(',')
                    .any(|name| name == controller)
                    .then(|| parts.next().unwrap_or("/").to_owned())
            })
        };
        let (root, path, limits) = match (find("cpu"), find("")) {
            (Some(path), _) => (
                "/sys/fs/cgroup/cpu",
                path,
                [("cpu.cfs_period_us", "100000"), ("cpu.cfs_quota_us", "100000")],
            ),
            (None, Some(path)) => {
                ("/sys/fs/cgroup", path, [("cpu.max", "100000 100000"), ("cpu.max", "100000 100000")])
            }
            (None, None) => return Err("there are no control groups".into()),
        };
        let before = Path::new(root).join(path.trim_start_matches('/'));
        let group = before.join(format!("fastpar-test-{}", std::process::id()));
        fs::create_dir(&group).map_err(|error| text("a control group cannot be made", error))?;
        let limited = Self { group, before };
        for (file, value) in limits {
            fs::write(limited.group.join(file), value).map_err(|error| text(file, error))?;
        }
        limited.enter(&limited.group).map_err(|error| text("it cannot be entered", error))?;
        Ok(limited)
    }

    fn enter(&self, group: &Path) -> std::io::Result<()> {
        fs::write(group.join("cgroup.procs"), std::process::id().to_string())
    }
}

impl Drop for Limited {
    fn drop(&mut self) {
        let _ = self.enter(&self.before);
        let _ = fs::remove_dir(&self.group);
    }
}

#[test]
fn auto_honours_a_quota() {
    isolated(|| {
        if allowed().len() < 2 {
            return skipped("auto_honours_a_quota", "there is only one CPU");
        }
        let _limited = match Limited::one_cpu() {
            Ok(limited) => limited,
            Err(reason) => return skipped("auto_honours_a_quota", &reason),
        };
        std::env::set_var("FASTPAR_THREADS", "auto");
        assert_eq!(pool::threads(), Ok(1));
        assert_eq!(count_chunks(100), 100);
        assert_eq!(pool::stats().threads, 1);
    });
}

/// Whatever keeps the processors busy, and however long: a job gets one worker at once, if the pool has one.
#[test]
fn a_job_does_not_wait_for_an_idle_processor() {
    isolated(|| {
        restrict_to(*allowed().first().expect("there is one"));
        std::env::set_var("FASTPAR_THREADS", "4");
        let done = Arc::new(AtomicBool::new(false));
        let (seen, (running, is_running)) = (Arc::clone(&done), mpsc::channel());
        let spinning = start(move |_| {
            running.send(()).expect("the test waits");
            // It computes, as far as the system can tell, until the other job is finished.
            while !seen.load(Relaxed) {
                std::hint::spin_loop();
            }
            Continue(())
        });
        is_running.recv().expect("a worker runs it");
        let flag = Arc::clone(&done);
        let other = start(move |_| {
            flag.store(true, Relaxed);
            Continue(())
        });
        while !done.load(Relaxed) {
            std::thread::sleep(Duration::from_millis(1)); // does not help with it
        }
        other.wait(None).expect("it succeeds");
        spinning.wait(None).expect("it succeeds");
    });
}

/// Callbacks that spin until all of them run look as if they computed: more helpers come all the same, one
/// after the other.
#[test]
fn callbacks_that_spin_for_each_other_meet() {
    isolated(|| {
        restrict_to(*allowed().first().expect("there is one"));
        std::env::set_var("FASTPAR_THREADS", "4");
        let begun = AtomicU32::new(0);
        fastpar::job::for_each_chunk(Schedule::default(), 4, &Control::default(), |_| {
            begun.fetch_add(1, Relaxed);
            while begun.load(Relaxed) < 4 {
                std::hint::spin_loop();
            }
            Continue(())
        })
        .expect("it succeeds");
    });
}

fn start(body: impl Fn(&Chunk) -> ControlFlow<i32> + Send + Sync + 'static) -> JobHandle {
    JobHandle::start(Schedule::default(), 1, 0, None, None, Box::new(body)).expect("it starts")
}
