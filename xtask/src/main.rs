//! The commands of this repository: `cargo xtask --help` lists them.
#![forbid(unsafe_code)]

mod abi;
mod bench;
mod bindings;
mod demo;
mod dist;
mod docs;
mod dotnet;
mod fuzz;
mod header;
mod instructions;
mod process;
mod pypi;
mod python;
mod repo;
mod rust_std;
mod setup;
mod stage;
mod targets;
mod test;
mod windows;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The commands of the fastpar repository")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Generate the C header, and what else follows from the sources of the C ABI
    Bindings {
        /// Write nothing; fail if a file differs
        #[arg(long)]
        check: bool,
    },
    /// Record what was added to the ABI in tests/abi/baseline; refuses changes that break programs
    Abi,
    /// Build the release library and lay it out in target/fastpar, with header and links
    Build,
    /// Build the library and run the C example on a real file
    Demo {
        /// What to count and compress; the largest library of the Rust compiler if not given
        file: Option<PathBuf>,
    },
    /// Measure fastpar beside its peers, and write the tables of benches/README.md
    Bench {
        /// Fewer rounds, one caller: under two minutes
        #[arg(long)]
        quick: bool,
        /// `loops`, `codec` and so on, as benches/README.md lists them; all if none is given
        groups: Vec<String>,
    },
    /// Make the packages that people install, in dist
    Dist,
    /// Make the site in target/docs: guide, references of all languages, search
    Docs {
        /// Where it is published, in place of `documentation` in Cargo.toml
        #[arg(long)]
        address: Option<String>,
    },
    /// Run the fuzzer
    Fuzz {
        /// One of the targets in fuzz/targets; all if none is given
        target: Option<String>,
        /// How long, for each
        #[arg(long, default_value_t = 3600)]
        seconds: u64,
    },
    /// Mixed work for a long time, verified, with nothing left behind
    Soak {
        #[arg(long, default_value_t = 30)]
        minutes: u64,
    },
    /// Run every test, installing what is missing where that is possible
    Test {
        /// Suites to run; all if none is given
        suites: Vec<String>,
    },
}

fn main() -> Result<ExitCode> {
    let mut success = true;
    match Arguments::parse().command {
        Command::Bindings { check } => bindings::run(check)?,
        Command::Abi => abi::run()?,
        Command::Build => stage::run()?,
        Command::Demo { file } => demo::run(file.as_deref())?,
        Command::Bench { quick, groups } => bench::run(quick, &groups)?,
        Command::Dist => dist::run()?,
        Command::Docs { address } => docs::run(address.as_deref())?,
        Command::Fuzz { target, seconds } => fuzz::run(target.as_deref(), seconds)?,
        Command::Soak { minutes } => test::soak::long(minutes)?,
        Command::Test { suites } => success = test::run(&suites)?,
    }
    Ok(if success { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
