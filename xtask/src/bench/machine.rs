//! What the figures were measured on, and with.

use super::build::FLAGS;
use anyhow::Result;
use serde_json::{json, Value};
use std::process::Command;

/// The machine.
pub(super) fn describe() -> Result<Value> {
    let file = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = file("/proc/cpuinfo");
    let field = |name: &str| {
        let line = cpuinfo.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map_or("unknown", |(_, value)| value.trim()).to_owned()
    };
    let memory = file("/proc/meminfo");
    let kib = memory.split_whitespace().nth(1).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    let system = file("/etc/os-release");
    let system = system.lines().find_map(|line| line.strip_prefix("PRETTY_NAME=")).unwrap_or("unknown");
    Ok(json!({
        "cpu": field("model name"),
        "cpus": std::thread::available_parallelism()?.get(),
        "cache": field("cache size"),
        "memory_mib": kib >> 10,
        "hypervisor": field("flags").split(' ').any(|flag| flag == "hypervisor"),
        "system": system.trim_matches('"'),
        "kernel": file("/proc/sys/kernel/osrelease").trim(),
    }))
}

/// Compilers, libraries and flags.
pub(super) fn versions() -> Result<Value> {
    Ok(json!({
        "fastpar": fastpar()?,
        "commit": first_line(Command::new("git").args(["rev-parse", "--short", "HEAD"]).current_dir(crate::repo::root())),
        "rustc": first_line(Command::new("rustc").arg("--version")),
        "gcc": first_line(Command::new("gcc").arg("--version")),
        "clang": first_line(Command::new("clang").arg("--version")),
        "oneTBB": package("libtbb-dev"),
        "libomp": package("libomp-dev"),
        "libgomp": package("libgomp1"),
        "pthreadpool": package("libpthreadpool-dev"),
        "zstd_program": first_line(Command::new("zstd").arg("--version")),
        "flags": FLAGS.join(" "),
    }))
}

fn fastpar() -> Result<String> {
    let [major, minor, patch] = crate::repo::version()?;
    Ok(format!("{major}.{minor}.{patch}"))
}

fn package(name: &str) -> String {
    first_line(Command::new("dpkg-query").args(["-W", "-f", "${Version}", name]))
}

fn first_line(command: &mut Command) -> String {
    let output = command.output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).lines().next().unwrap_or("unknown").trim().to_owned()
}

/// The machine in one sentence.
pub(super) fn sentence(results: &Value) -> String {
    let (machine, versions) = (&results["machine"], &results["versions"]);
    let text = |value: &Value| value.as_str().unwrap_or("unknown").to_owned();
    format!(
        "{} with {} CPUs{}, {}, Linux {}; {}; {}; oneTBB {}; libomp {}; pthreadpool {}; C and C++ with {}.\n",
        text(&machine["cpu"]),
        machine["cpus"],
        if machine["hypervisor"] == true { " (virtual)" } else { "" },
        text(&machine["system"]),
        text(&machine["kernel"]),
        text(&versions["rustc"]),
        text(&versions["gcc"]),
        text(&versions["oneTBB"]),
        text(&versions["libomp"]),
        text(&versions["pthreadpool"]),
        text(&versions["flags"]),
    )
}
