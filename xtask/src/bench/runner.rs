//! One measurement: a process that prints a line of JSON, run again if other programs took too much of the
//! machine.

use crate::process;
use anyhow::{bail, Context, Result};
use serde_json::{Map, Value};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// CPUs that others may take meanwhile; the accounting itself is good to about a tenth.
const OTHERS: f64 = 0.15;
/// Tries before a disturbed measurement is taken as it is.
const TRIES: u32 = 6;
const PAUSE: Duration = Duration::from_millis(300);

/// The result of a measurement.
pub(super) enum Measured {
    /// The process's figures, and `disturbed` where others kept the machine busy.
    Figures(Map<String, Value>),
    /// The process was ended by its alarm.
    TimedOut,
    /// The process was ended by a signal; its output.
    Crashed(String),
}

/// Runs measurements, and repeats those that other programs disturbed, for a limited time.
pub(super) struct Runner {
    patience: Duration,
}

impl Runner {
    /// `patience`: the time for repeated measurements.
    pub(super) fn new(patience: Duration) -> Self {
        Self { patience }
    }

    /// Runs `command`, whose last line is an object of figures.
    pub(super) fn figures(&mut self, command: &mut Command) -> Result<Measured> {
        let (output, disturbed) = self.quietly(|| {
            let output = command.stdin(Stdio::null()).stderr(Stdio::piped()).output();
            output.with_context(|| format!("starting {command:?}"))
        })?;
        if is_alarm(output.status) {
            return Ok(Measured::TimedOut);
        }
        if !output.status.success() {
            let text = format!("{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
            if output.status.code().is_none() {
                return Ok(Measured::Crashed(text));
            }
            bail!(text);
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().last().unwrap_or_default();
        let mut figures: Map<String, Value> =
            serde_json::from_str(line).with_context(|| format!("{command:?} wrote {line:?}"))?;
        if disturbed {
            figures.insert("disturbed".into(), true.into());
        }
        Ok(Measured::Figures(figures))
    }

    /// The same for a command that must succeed.
    pub(super) fn must(&mut self, command: &mut Command) -> Result<Map<String, Value>> {
        match self.figures(command)? {
            Measured::Figures(figures) => Ok(figures),
            Measured::TimedOut => bail!("{command:?} did not end"),
            Measured::Crashed(text) => bail!(text),
        }
    }

    /// Runs processes, again if others kept the machine busy meanwhile; whether they did the last time too.
    pub(super) fn quietly<T>(&mut self, mut run: impl FnMut() -> Result<T>) -> Result<(T, bool)> {
        let mut tries = 0;
        loop {
            tries += 1;
            let (start, all, mine) = (Instant::now(), busy()?, process::children_cpu()?);
            let value = run()?;
            let others = (busy()? - all) - (process::children_cpu()? - mine);
            let disturbed = others / start.elapsed().as_secs_f64() > OTHERS;
            if !disturbed || tries == TRIES || self.patience.is_zero() {
                return Ok((value, disturbed));
            }
            std::thread::sleep(PAUSE);
            self.patience = self.patience.saturating_sub(start.elapsed());
        }
    }
}

#[cfg(unix)]
fn is_alarm(status: std::process::ExitStatus) -> bool {
    const SIGALRM: i32 = 14;
    std::os::unix::process::ExitStatusExt::signal(&status) == Some(SIGALRM)
}

#[cfg(not(unix))]
fn is_alarm(_status: std::process::ExitStatus) -> bool {
    false
}

/// Seconds that all CPUs together were busy since the machine started.
fn busy() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/stat")?;
    let numbers: Vec<f64> = fields(text.lines().next().unwrap_or_default());
    // user nice system idle iowait irq softirq steal
    Ok(numbers.iter().take(8).enumerate().filter(|(i, _)| ![3, 4].contains(i)).map(|(_, n)| n).sum::<f64>()
        / 100.0)
}

fn fields(line: &str) -> Vec<f64> {
    line.split_whitespace().filter_map(|field| field.parse().ok()).collect()
}

/// The median.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
