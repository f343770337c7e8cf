//! Where the time of decoding a single frame goes, by a trace of it, and what more CPUs would make of that.

use super::frames::LANES;
use crate::process;
use anyhow::{Context, Result};
use serde_json::{json, Value};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(300);

/// Seconds for each byte of content.
struct Phases {
    /// Literals and sequences of blocks are decoded, in any order.
    decode: f64,
    /// Blocks are executed, in their order.
    execute: f64,
    /// The content is hashed, in its order.
    checksum: f64,
}

/// The phases of a call that decodes `packed` to so many bytes, and how many times one context's `seconds`
/// more CPUs would be faster.
pub(super) fn measure(program: &Path, packed: &Path, bytes: u64, seconds: f64) -> Result<Value> {
    let mut command = Command::new(program);
    command.arg("decompress").arg(packed).args([bytes.to_string(), "1".into()]);
    let folder = packed.parent().context("no folder")?.join("phases");
    let _ = std::fs::remove_dir_all(&folder); // of an earlier run
    std::fs::create_dir_all(&folder)?;
    process::must(command.env("FASTPAR_TRACE", folder.join("%p.json")), LIMIT)?;
    let file = std::fs::read_dir(&folder)?.flatten().next().context("there is no trace")?.path();
    let events: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(file)?).context("the trace")?;
    std::fs::remove_dir_all(&folder)?;
    Ok(Phases::of(&events)?.row(bytes as f64, seconds))
}

impl Phases {
    fn of(events: &[Value]) -> Result<Self> {
        let named = |name: &'static str| {
            events.iter().filter(move |event| event["ph"] == "X" && event["name"] == name)
        };
        let seconds = |name| named(name).filter_map(|slice| slice["dur"].as_f64()).sum::<f64>() / 1e6;
        let bytes: f64 =
            named("execute blocks").filter_map(|slice| slice["args"]["bytes out"].as_f64()).sum();
        anyhow::ensure!(bytes > 0.0, "no block was executed by fastpar's decoder");
        Ok(Self {
            decode: seconds("decode blocks") / bytes,
            execute: seconds("execute blocks") / bytes,
            checksum: seconds("checksum") / bytes,
        })
    }

    fn row(&self, bytes: f64, one_context: f64) -> Value {
        let nanoseconds = |phase: f64| (phase * 1e12).round() / 1e3;
        let speed_ups =
            LANES.map(|lanes| (one_context / self.longest(lanes) / bytes * 100.0).round() / 100.0);
        json!({
            "decode": nanoseconds(self.decode),
            "execute": nanoseconds(self.execute),
            "checksum": nanoseconds(self.checksum),
            "simulated": speed_ups,
        })
    }

    /// What bounds that many CPUs: all of the work, or one of the two phases that go in order.
    fn longest(&self, lanes: usize) -> f64 {
        let all = (self.decode + self.execute + self.checksum) / lanes as f64;
        all.max(self.execute).max(self.checksum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_are_summed_and_bound_the_speed_up() {
        let slice = |name: &str, us: f64, bytes: u64| json!({"ph": "X", "name": name, "dur": us, "args": {"bytes out": bytes}});
        let events = [
            slice("decode blocks", 600.0, 0),
            slice("decode blocks", 200.0, 0),
            slice("execute blocks", 150.0, 1000),
            slice("execute blocks", 50.0, 1000),
            slice("checksum", 100.0, 0),
            json!({"ph": "C", "name": "bytes"}),
        ];
        let phases = Phases::of(&events).unwrap();
        let row = phases.row(2000.0, 1.0e-3);
        assert_eq!(row["decode"], 400.0);
        assert_eq!(row["execute"], 100.0);
        assert_eq!(row["checksum"], 50.0);
        // 1.1 ms of work in all: 4 CPUs take 0.275 ms, and 8 or 24 the 0.2 ms of the execution.
        assert_eq!(row["simulated"], json!([3.64, 5.0, 5.0]));
        assert!(Phases::of(&events[..2]).is_err());
    }
}
