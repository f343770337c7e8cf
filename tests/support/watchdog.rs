//! A hang must fail the tests and say where: one thread looks after every test that is running.

use std::collections::BTreeMap;
use std::sync::{Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

static RUNNING: Mutex<BTreeMap<u64, (String, Instant)>> = Mutex::new(BTreeMap::new());

/// Far more than any test needs, on a loaded machine too.
const LIMIT: Duration = Duration::from_secs(300);

/// Ends the process if the test that holds it takes too long.
pub(crate) struct Watch(u64);

/// Looks after the calling test until the value is dropped.
pub(crate) fn watch() -> Watch {
    watch_for(LIMIT)
}

pub(crate) fn watch_for(limit: Duration) -> Watch {
    static START: Once = Once::new();
    START.call_once(|| drop(std::thread::spawn(look_after)));
    let name = std::thread::current().name().unwrap_or("?").to_owned();
    let mut running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
    let id = running.last_key_value().map_or(0, |(id, _)| id + 1);
    running.insert(id, (name, Instant::now() + limit * super::patience()));
    Watch(id)
}

impl Drop for Watch {
    fn drop(&mut self) {
        RUNNING.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

fn look_after() {
    loop {
        std::thread::sleep(Duration::from_millis(500));
        let running = RUNNING.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if let Some((name, _)) = running.values().find(|(_, deadline)| *deadline < now) {
            eprintln!("HANG: {name} did not end in time; threads of the process: {}", threads());
            std::process::abort();
        }
    }
}

/// The threads of this process and where the system says they wait.
fn threads() -> String {
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return "unknown".into() };
    let read = |path: std::path::PathBuf| std::fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let tasks = tasks
        .flatten()
        .map(|task| format!("{} ({})", read(task.path().join("comm")), read(task.path().join("wchan"))));
    tasks.collect::<Vec<_>>().join(", ")
}
