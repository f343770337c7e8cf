//! The commands of this repository: `cargo xtask --help` lists them.
#![forbid(unsafe_code)]

mod bindings;
mod header;
mod repo;

use anyhow::Result;
use clap::{Parser, Subcommand};

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
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Bindings { check } => bindings::run(check),
    }
}
