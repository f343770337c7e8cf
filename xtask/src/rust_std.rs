//! A cargo that can build for another target: with the std that rustup has for it, else with Debian's own
//! Rust, which brings the sources of std.

use crate::{process, repo, setup};
use anyhow::Result;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(5 * 60);

const DEBIAN: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_STD: &str = "/usr/lib/rustlib/src/rust/library/Cargo.lock";

/// The cargo, with a command of its own ("build") and what that has to be told; the reason, where there is
/// none.
pub(crate) fn cargo(target: &str, command: &str) -> Result<std::result::Result<Command, String>> {
    if has_std(target)? || (process::installed("rustup") && add_target(target)? && has_std(target)?) {
        let mut cargo = repo::cargo();
        cargo.arg(command);
        return Ok(Ok(cargo));
    }
    let Some(mut cargo) = debian_cargo() else {
        return Ok(Err(format!(
            "rustup has no std for {target}, and {} are not installed",
            DEBIAN.join(", ")
        )));
    };
    cargo.args([command, "-Zbuild-std=std,panic_unwind"]);
    Ok(Ok(cargo))
}

/// Debian's cargo and rustc, which can build std from its sources; installed if it is not there.
pub(crate) fn debian_cargo() -> Option<Command> {
    if !Path::new(DEBIAN_STD).is_file() {
        setup::install(&DEBIAN);
    }
    if ![DEBIAN_RUSTC, DEBIAN_CARGO, DEBIAN_STD].iter().all(|path| Path::new(path).is_file()) {
        return None;
    }
    let mut command = Command::new(DEBIAN_CARGO);
    command.current_dir(repo::root());
    command.env("RUSTC", DEBIAN_RUSTC).env("RUSTC_BOOTSTRAP", "1").env_remove("RUSTUP_TOOLCHAIN");
    Some(command)
}

/// Whether the compiler in use comes with a std for the target.
fn has_std(target: &str) -> Result<bool> {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "target-libdir", "--target", target]).current_dir(repo::root());
    let folder = process::must(&mut rustc, LIMIT)?;
    Ok(Path::new(folder.trim()).is_dir())
}

fn add_target(target: &str) -> Result<bool> {
    let _alone = setup::installing();
    println!("  installing the target {target}");
    let mut rustup = Command::new("rustup");
    let finished = process::run(rustup.args(["target", "add", target]).current_dir(repo::root()), LIMIT)?;
    if !finished.success() {
        println!("{}", finished.describe());
    }
    Ok(finished.success())
}
