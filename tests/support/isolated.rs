//! Tests that need a process of their own: the test runs itself again as a child, which does the work.

use std::io::Read;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

const VARIABLE: &str = "FASTPAR_TEST_ISOLATED";

/// How long a child may take; longer is a hang.
const LIMIT: Duration = Duration::from_secs(60);

/// How a child is started.
#[derive(Clone, Debug)]
pub(crate) struct Isolated {
    environment: Vec<(String, String)>,
    exit_code: i32,
    limit: Duration,
    foreign: bool,
}

impl Default for Isolated {
    fn default() -> Self {
        Self { environment: Vec::new(), exit_code: 0, limit: LIMIT * super::patience(), foreign: false }
    }
}

/// Runs `body` in a process of its own, without FASTPAR_THREADS; for the test that calls this as its only
/// statement.
pub(crate) fn isolated(body: impl FnOnce()) {
    Isolated::default().run(body);
}

impl Isolated {
    /// With this variable in the environment.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// The child is to end with this code.
    pub(crate) fn exits_with(mut self, code: i32) -> Self {
        self.exit_code = code;
        self
    }

    /// As in a program that is not written in Rust: without std's handler for stack overflows. A thread that
    /// starts or ends takes a lock of that handler, and a fork at that moment leaves it locked in the child,
    /// for every thread of the child.
    pub(crate) fn foreign(mut self) -> Self {
        self.foreign = true;
        self
    }

    /// Runs `body` in the child; the parent waits for it.
    pub(crate) fn run(self, body: impl FnOnce()) {
        if std::env::var_os(VARIABLE).is_some() {
            return body();
        }
        // The harness names a test's thread after the test.
        let name = std::thread::current().name().expect("a test has a name").to_owned();
        let (status, output) = self.spawn(&name);
        // What the child skipped, the parent has skipped.
        output.lines().filter(|line| line.starts_with("SKIPPED: ")).for_each(|line| eprintln!("{line}"));
        match status {
            None => panic!("HANG: {name} did not end within {:?}; its output:\n{output}", self.limit),
            Some(status) if status.code() != Some(self.exit_code) => {
                panic!("{name}: expected exit code {}, got {status}; its output:\n{output}", self.exit_code)
            }
            Some(_) => {}
        }
    }

    fn spawn(&self, name: &str) -> (Option<ExitStatus>, String) {
        let mut command = Command::new(std::env::current_exe().expect("the test program has a path"));
        // A group of its own, so that what it forked can be ended with it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        #[cfg(unix)]
        if self.foreign {
            // std installs its handler only where nobody has decided yet about these signals.
            // SAFETY: `signal` may be called between fork and exec.
            unsafe {
                std::os::unix::process::CommandExt::pre_exec(&mut command, || {
                    libc::signal(libc::SIGSEGV, libc::SIG_IGN);
                    libc::signal(libc::SIGBUS, libc::SIG_IGN);
                    Ok(())
                })
            };
        }
        let mut child = command
            .args([name, "--exact", "--nocapture"])
            .env_remove("FASTPAR_THREADS")
            .env(VARIABLE, "1")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the test program can be started");
        let mut pipes: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().expect("it is piped")),
            Box::new(child.stderr.take().expect("it is piped")),
        ];
        let readers = pipes.each_mut().map(|pipe| {
            let mut pipe = std::mem::replace(pipe, Box::new(std::io::empty()));
            std::thread::spawn(move || {
                let mut bytes = Vec::new();
                let _ = pipe.read_to_end(&mut bytes);
                String::from_utf8_lossy(&bytes).into_owned()
            })
        });
        let deadline = Instant::now() + self.limit;
        let mut pause = Duration::from_millis(1);
        let status = loop {
            match child.try_wait().expect("the child can be waited for") {
                Some(status) => break Some(status),
                None if Instant::now() > deadline => {
                    eprintln!("HANG: {name}:\n{}", stacks(child.id()));
                    #[cfg(unix)]
                    // SAFETY: no pointers; the group is the child's own, which is not waited for yet.
                    unsafe {
                        libc::kill(-(child.id() as i32), libc::SIGKILL)
                    };
                    let _ = child.kill();
                    let _ = child.wait();
                    break None;
                }
                None => std::thread::sleep(pause),
            }
            pause = (pause * 2).min(Duration::from_millis(20));
        };
        (status, readers.map(|reader| reader.join().unwrap_or_default()).join(""))
    }
}

/// Where the threads of a child are: by the debugger, if there is one, else by the system.
fn stacks(process: u32) -> String {
    let gdb = Command::new("gdb")
        .args(["-p", &process.to_string(), "-batch", "-ex", "thread apply all bt 12"])
        .output();
    match gdb {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).into_owned(),
        _ => {
            let tasks = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
            let names =
                tasks.map(|task| std::fs::read_to_string(task.path().join("comm")).unwrap_or_default());
            names.collect()
        }
    }
}
