//! Where traces go: paths with the number of the process, FASTPAR_TRACE of the environment, and the
//! trace of a forked child.

use super::session::{self, Options};
use crate::error::{Error, ErrorKind, Result};
use crate::os::environment::variable;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Mutex;

const VARIABLE: &str = "FASTPAR_TRACE";

/// Stands for the number of the process in a path.
const NUMBER: &str = "%p";

/// A path with the number of this process; `None`: it has no place for one.
fn numbered(path: &Path) -> Result<Option<PathBuf>> {
    let text = path.to_str();
    let text = text.ok_or_else(|| Error::new(ErrorKind::InvalidArgument, "the trace's path is not UTF-8"))?;
    Ok(text.contains(NUMBER).then(|| text.replace(NUMBER, &std::process::id().to_string()).into()))
}

/// The file of this process.
pub(super) fn of_this_process(path: &Path) -> Result<PathBuf> {
    Ok(numbered(path)?.unwrap_or_else(|| path.to_owned()))
}

/// The trace that a forked child goes on with, into a file of its own. Locked for a moment as a trace starts
/// and ends, one at a time; in a child it may be found locked for ever, so nobody waits for it.
static PARENTS: Mutex<Option<(Options, PathBuf)>> = Mutex::new(None);

/// This is a forked child that has not started its pool.
static IS_NEW_CHILD: AtomicBool = AtomicBool::new(false);

/// Nobody has looked yet, in this process, whether a trace is to start by itself. Relaxed: a call that
/// another thread makes while the first one looks may begin before the trace.
static IS_UNSEEN: AtomicBool = AtomicBool::new(true);

/// What forked children trace from now on: something, if the path can tell them apart.
pub(super) fn remember(trace: Option<(Options, &Path)>) {
    if let Ok(mut parents) = PARENTS.try_lock() {
        let told_apart = trace.filter(|(_, path)| matches!(numbered(path), Ok(Some(_))));
        *parents = told_apart.map(|(options, path)| (options, path.to_owned()));
    }
}

/// In a forked child.
pub(super) fn note_fork() {
    IS_NEW_CHILD.store(true, Ordering::Relaxed);
    IS_UNSEEN.store(true, Ordering::Relaxed);
}

/// A child that ends its trace does not go on with that of its parent either.
pub(super) fn leave_parents() {
    IS_NEW_CHILD.store(false, Ordering::Relaxed);
}

/// Starts the trace that the environment asks for, or that of a child, before the first call of the process.
/// Those that only later find that they need a pool do so at their begin, to be in it themselves.
#[inline]
pub(crate) fn when_first_call() {
    if IS_UNSEEN.load(Ordering::Relaxed) {
        look();
    }
}

/// A trace that cannot be is none: there is nobody to tell.
#[cold]
fn look() {
    static ASKED: AtomicBool = AtomicBool::new(false);
    if !IS_UNSEEN.swap(false, Ordering::Relaxed) {
        return;
    }
    if IS_NEW_CHILD.swap(false, Ordering::Relaxed) {
        let parents = PARENTS.try_lock().ok().and_then(|parents| parents.clone());
        if let Some((options, path)) = parents {
            let _ = session::start(options, &path);
            return;
        }
    }
    if ASKED.swap(true, Ordering::Relaxed) {
        return; // by the parent, in a child
    }
    let Some(mut path) = variable(VARIABLE).filter(|path| !path.is_empty()) else { return };
    if !path.to_string_lossy().contains(NUMBER) {
        path.push(".");
        path.push(NUMBER);
    }
    let _ = session::start(Options::default(), Path::new(&path));
}
