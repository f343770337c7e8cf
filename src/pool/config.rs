//! What a pool is made of: the caller's options, the environment, the defaults.
#![forbid(unsafe_code)]

use super::cpu_count;
use crate::error::{Error, ErrorKind, Result};
use crate::os::environment::variable;

/// Threads of the pool unless the caller or the environment asks otherwise.
pub const DEFAULT_THREADS: u32 = 24;

/// The most threads that a pool may have.
pub const MAX_THREADS: u32 = 1024;

/// Bytes of stack of a worker unless the caller asks otherwise.
pub const DEFAULT_STACK_SIZE: usize = 2 << 20;

/// The smallest stack that is accepted.
pub(crate) const MIN_STACK_SIZE: usize = 64 << 10;

/// The largest stack that is accepted: 1 GiB.
pub(crate) const MAX_STACK_SIZE: usize = 1 << 30;

const VARIABLE: &str = "FASTPAR_THREADS";

/// How many threads a pool shall have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Threads {
    /// The environment variable FASTPAR_THREADS ("auto" or a number), else 24.
    #[default]
    Default,
    /// What the operating system lets this process use: CPU affinity and cgroup quota counted.
    Auto,
    /// So many.
    Exactly(u32),
}

/// Options of a pool. The default asks for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PoolOptions {
    /// How many threads.
    pub threads: Threads,
    /// Whether each worker stays on one logical CPU.
    pub pin: bool,
    /// Whether to run with the threads that could be started, none included.
    pub partial: bool,
    /// Bytes of stack of a worker; 0: 2 MiB.
    pub stack_size: usize,
    /// Prefix of the workers' names; `None`: "fastpar".
    pub thread_name: Option<String>,
}

/// Options with every default filled in: what a running pool is compared by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Config {
    pub(crate) threads: u32,
    pub(crate) pin: bool,
    pub(crate) stack_size: usize,
    pub(crate) thread_name: String,
}

impl PoolOptions {
    /// Fills in the defaults and checks the ranges.
    pub(crate) fn resolve(&self) -> Result<Config> {
        let threads = match self.threads {
            Threads::Default => threads_of_environment()?,
            Threads::Auto => cpu_count::ask(),
            Threads::Exactly(threads) => check_threads(threads, "threads")?,
        };
        let stack_size = if self.stack_size == 0 { DEFAULT_STACK_SIZE } else { self.stack_size };
        if !(MIN_STACK_SIZE..=MAX_STACK_SIZE).contains(&stack_size) {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("stack_size is {stack_size}, expected {MIN_STACK_SIZE} to {MAX_STACK_SIZE} bytes"),
            ));
        }
        let thread_name = self.thread_name.clone().unwrap_or_else(|| "fastpar".into());
        if thread_name.contains('\0') {
            return Err(Error::new(ErrorKind::InvalidArgument, "thread_name contains a NUL"));
        }
        Ok(Config { threads, pin: self.pin, stack_size, thread_name })
    }
}

fn check_threads(threads: u32, name: &str) -> Result<u32> {
    if (1..=MAX_THREADS).contains(&threads) {
        return Ok(threads);
    }
    let auto = if name == VARIABLE { "auto" } else { "FASTPAR_THREADS_AUTO" };
    Err(Error::new(
        ErrorKind::InvalidArgument,
        format!("{name} is {threads}, expected a number from 1 to {MAX_THREADS}, or {auto}"),
    ))
}

/// What FASTPAR_THREADS asks for; 24 where it is not set, or empty.
pub(crate) fn threads_of_environment() -> Result<u32> {
    let Some(value) = variable(VARIABLE) else { return Ok(DEFAULT_THREADS) };
    let text = value.to_string_lossy();
    match text.trim() {
        "" => Ok(DEFAULT_THREADS),
        "auto" => Ok(cpu_count::ask()),
        number => match number.parse::<u32>() {
            Ok(threads) => check_threads(threads, VARIABLE),
            Err(_) => Err(Error::new(
                ErrorKind::InvalidArgument,
                format!("{VARIABLE} is {text:?}, expected \"auto\" or a number from 1 to {MAX_THREADS}"),
            )),
        },
    }
}
