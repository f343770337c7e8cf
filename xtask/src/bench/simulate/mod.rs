//! Machines that are not here: the engine of `src/job` simulated on 12 to 192 cores, with constants measured
//! on this machine.

mod engine;
mod lines;

use super::runner::Runner;
use super::{build, machine, Effort};
use crate::stage::Staged;
use anyhow::{Context, Result};
use engine::{Call, Machine, BATCH_TIME, BATCH_TIME_PER_LANE};
use lines::{Costs, Time};
use serde_json::{json, Value};
use std::fmt::Write;
use std::process::Command;

const CORES: [usize; 4] = [12, 24, 64, 192];

/// How the calls of helpers are handed on: a title, and how many each sends for. The engine's is the second.
const WAYS: [(&str, usize); 3] = [("one by one", 1), ("two each", FAN), ("four each", 4)];
const FAN: usize = 2;

/// What the work would take if all cores had it from the start to the end, in microseconds.
const IDEAL: [u64; 5] = [20, 100, 500, 2_000, 10_000];

/// Nanoseconds of work in a chunk of which there are many.
const SHORT: [u64; 3] = [0, 100, 1_000];

/// How long a batch of them shall take: a title, and the time for each lane, if that is longer. The engine's
/// is the second.
const BATCHES: [(&str, Time); 3] = [
    ("16 us", 0),
    ("at least 4 us a lane", BATCH_TIME_PER_LANE),
    ("at least 8 us a lane", 2 * BATCH_TIME_PER_LANE),
];

/// Chunks for each core: enough for balance.
const CHUNKS: usize = 32;

/// Cores of a machine with several caches of the last level that share one (a 7900X has two with 12 threads
/// each), and how much longer a line takes from another cache. An assumption: this machine has one such
/// cache.
const DOMAIN: usize = 12;
const FAR: f64 = 3.0;

/// What it takes to wake a thread on a real machine, where it is cheaper than on a virtual one: an assumption
/// too.
const REAL_WAKE_CALL_NS: f64 = 1_000.0;
const REAL_WAKE_NS: f64 = 5_000.0;

/// Five times the 5 ms of work that every core has: where that is not enough, most of the time is waiting.
const LONG_ENOUGH: Time = 25_000_000_000;

const PS: f64 = 1e3;

/// Measures the constants, and simulates with them.
pub(super) fn measure(staged: &Staged, effort: Effort) -> Result<Value> {
    let mut command = Command::new(build::constants(staged)?);
    let constants = Value::Object(Runner::new(effort.patience).must(&mut command)?);
    let machines = [("as measured, virtual", false), ("without a hypervisor", true)];
    let machines = machines
        .iter()
        .map(|&(title, real)| {
            Ok(json!({ "title": title, "cores": cores(machine_of(&constants, real)?, &constants)? }))
        })
        .collect::<Result<Vec<_>>>()?;
    let check = check(machine_of(&constants, false)?, &constants)?;
    Ok(json!({
        "machine": machine::describe()?,
        "versions": machine::versions()?,
        "constants": constants,
        "check_us": check,
        "machines": machines,
    }))
}

fn nanoseconds(constants: &Value, name: &str) -> Result<f64> {
    constants[name].as_f64().with_context(|| format!("no {name}"))
}

fn machine_of(constants: &Value, real: bool) -> Result<Machine> {
    let of = |name| nanoseconds(constants, name);
    let time = |ns: f64| (ns * PS) as Time;
    let near = of("line_ns")?;
    let (wake_call, wake) =
        if real { (REAL_WAKE_CALL_NS, REAL_WAKE_NS) } else { (of("wake_call_ns")?, of("wake_ns")?) };
    Ok(Machine {
        lines: Costs {
            own: time(of("atomic_own_ns")?),
            near: time(near),
            far: time(near * FAR),
            domain: DOMAIN,
        },
        wake_call: time(wake_call),
        wake: time(wake),
        clock: time(of("clock_ns")?),
        call: time(of("call_ns")?),
    })
}

/// All measurements on one machine.
fn cores(machine: Machine, constants: &Value) -> Result<Vec<Value>> {
    let chunk_overhead = (nanoseconds(constants, "chunk_ns")? * PS) as Time;
    let rows = CORES.map(|lanes| {
        let calls = IDEAL.map(|ideal| {
            let efficiency = WAYS.map(|(_, fan)| {
                let (call, ideal) = even(lanes, ideal * 1_000_000, fan, chunk_overhead);
                ideal / engine::run(machine, call).time as f64
            });
            json!({ "ideal_us": ideal, "efficiency": efficiency })
        });
        let all_in = WAYS.map(|(_, fan)| {
            // Work for long enough that every helper comes.
            let (call, _) = even(lanes, 100_000_000_000, fan, chunk_overhead);
            microseconds(engine::run(machine, call).last_in)
        });
        let enough = WAYS.map(|(_, fan)| least_ideal(machine, lanes, fan, chunk_overhead));
        let counter = SHORT.map(|chunk_ns| {
            let chunk = chunk_ns * 1000 + chunk_overhead;
            // 5 ms of work for every core.
            let chunks = 5_000_000_000 * lanes / chunk as usize;
            BATCHES.map(|(_, batch)| {
                let batch = BATCH_TIME.max(batch * lanes as Time);
                let call = Call { lanes, chunks, chunk, fan: FAN, batch, until: LONG_ENOUGH };
                let outcome = engine::run(machine, call);
                outcome.claiming as f64 / (outcome.time as f64 * lanes as f64)
            })
        });
        // Chunks of a second, one for each: all leave at the same moment.
        let (chunk, batch) = (1_000_000_000_000, batch_time(lanes));
        let long = Call { lanes, chunks: lanes, chunk, fan: FAN, batch, until: Time::MAX };
        json!({
            "cores": lanes,
            "calls": calls,
            "all_in_us": all_in,
            "least_ideal_us": enough,
            "claiming": counter,
            "leaving_us": microseconds(engine::run(machine, long).leaving),
        })
    });
    Ok(rows.into())
}

fn microseconds(time: Time) -> f64 {
    time as f64 / 1e6
}

/// The engine's call.
fn batch_time(lanes: usize) -> Time {
    BATCH_TIME.max(BATCH_TIME_PER_LANE * lanes as Time)
}

/// A call of equal chunks, and what it would take if all cores had it from start to end.
fn even(lanes: usize, ideal: Time, fan: usize, overhead: Time) -> (Call, f64) {
    let chunk = (ideal / CHUNKS as Time).max(1);
    let (chunks, chunk) = (lanes * CHUNKS, chunk + overhead);
    (Call { lanes, chunks, chunk, fan, batch: batch_time(lanes), until: Time::MAX }, ideal as f64)
}

/// The least ideal time, in microseconds, from which on 95 % of it is reached; in steps of a quarter more
/// each.
fn least_ideal(machine: Machine, lanes: usize, fan: usize, overhead: Time) -> f64 {
    let mut ideal = 10_000_000_000_000;
    loop {
        let shorter = ideal * 4 / 5;
        let (call, time) = even(lanes, shorter, fan, overhead);
        if shorter < 1_000_000 || time / (engine::run(machine, call).time as f64) < 0.95 {
            return microseconds(ideal);
        }
        ideal = shorter;
    }
}

/// The call whose helpers sleep, simulated: the constants have what it takes here.
fn check(machine: Machine, constants: &Value) -> Result<f64> {
    const CHUNKS: usize = 24;
    let work = (nanoseconds(constants, "cold_serial_ns")? * PS) as Time;
    let chunk = work / CHUNKS as Time + (nanoseconds(constants, "chunk_ns")? * PS) as Time;
    let call = Call { lanes: 2, chunks: CHUNKS, chunk, fan: FAN, batch: BATCH_TIME, until: Time::MAX };
    Ok(microseconds(engine::run(machine, call).time))
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

/// The tables.
pub(super) fn tables(results: &Value) -> String {
    let mut text = machine::sentence(results);
    let constants: Vec<_> = results["constants"].as_object().into_iter().flatten().collect();
    let constants: Vec<_> = constants.iter().map(|(name, value)| format!("{name} {value}")).collect();
    let _ = writeln!(text, "Constants, in ns: {}.", constants.join(", "));
    let _ = writeln!(
        text,
        "A check: 24 chunks of {:.0} us in all, helpers asleep: {:.0} us here where the helper began on another CPU than the \
         caller's, simulated {:.0} us. (In {:.0} % of the calls the kernel woke it on the caller's; the median of all is {:.0} us.)",
        number(&results["constants"]["cold_serial_ns"]) / 1e3,
        number(&results["constants"]["cold_apart_ns"]) / 1e3,
        number(&results["check_us"]),
        number(&results["constants"]["cold_on_one_cpu"]) * 100.0,
        number(&results["constants"]["cold_ns"]) / 1e3,
    );
    let ways: Vec<_> = WAYS.iter().map(|way| way.0).collect();
    let joined = |values: &Value, digits: usize| {
        list(values).iter().map(|value| format!("{:.digits$}", number(value))).collect::<Vec<_>>().join(" / ")
    };
    for machine in list(&results["machines"]) {
        let _ = write!(
            text,
            "\n### Waking {}\n\nShare of the ideal, by the time that the work would take on all cores from start to end; helpers \
             asleep, sent for {}:\n\n| cores |",
            machine["title"].as_str().unwrap_or_default(),
            ways.join(" / ")
        );
        for ideal in IDEAL {
            let _ = write!(text, " {ideal} us |");
        }
        let _ = writeln!(text, "\n| ---: |{}", " ---: |".repeat(IDEAL.len()));
        for row in list(&machine["cores"]) {
            let _ = write!(text, "| {} |", row["cores"]);
            for call in list(&row["calls"]) {
                let _ = write!(text, " {} |", joined(&call["efficiency"], 2));
            }
            text += "\n";
        }
        let titles = BATCHES.map(|batch| batch.0).join(" / ");
        text += "\n| cores | all helpers are in, us | 95 % of the ideal from, us | the last one leaves the gate in, us |\n\
                 | ---: | ---: | ---: | ---: |\n";
        for row in list(&machine["cores"]) {
            let _ = writeln!(
                text,
                "| {} | {} | {} | {:.1} |",
                row["cores"],
                joined(&row["all_in_us"], 0),
                joined(&row["least_ideal_us"], 0),
                number(&row["leaving_us"]),
            );
        }
        let _ = write!(
            text,
            "\nShare of all lanes' time that they wait for the counter of chunks, by the work in a chunk; batches of {titles}:\n\n\
             | cores |"
        );
        for ns in SHORT {
            let _ = write!(text, " {ns} ns |");
        }
        let _ = writeln!(text, "\n| ---: |{}", " ---: |".repeat(SHORT.len()));
        for row in list(&machine["cores"]) {
            let _ = write!(text, "| {} |", row["cores"]);
            for shares in list(&row["claiming"]) {
                let shares = list(shares).iter().map(|share| format!("{:.1} %", number(share) * 100.0));
                let _ = write!(text, " {} |", shares.collect::<Vec<_>>().join(" / "));
            }
            text += "\n";
        }
    }
    text
}
