//! `cargo xtask bindings`: the files that are generated from the Rust sources of the C ABI.

mod c_header;
mod csharp;
mod csharp_calls;
mod groups;
mod layout;
mod python;
mod unsafe_code;

use crate::{header, repo};
use anyhow::{bail, Context, Result};

/// A generated file: its path in the repository, and what it shall hold.
pub(crate) struct Output {
    pub(crate) path: &'static str,
    pub(crate) text: String,
}

/// Every generated file.
pub(crate) fn generate() -> Result<Vec<Output>> {
    let text = c_header::generate()?;
    let header = header::parse(&text).context("reading the new header back")?;
    Ok(vec![
        Output { path: "include/fastpar.h", text },
        Output { path: "tests/abi/layout.rs", text: layout::rust(&header)? },
        Output { path: "tests/abi/layout.c", text: layout::c(&header)? },
        Output { path: "bindings/csharp/NativeMethods.g.cs", text: csharp::generate(&header)? },
        Output { path: "tests/csharp/Layout.g.cs", text: csharp::layout(&layout::layouts(&header)?)? },
        Output { path: "bindings/python/fastpar/_native.py", text: python::generate(&header)? },
        Output { path: "tests/python/package/layout.py", text: python::layout(&layout::layouts(&header)?)? },
        Output { path: "src/UNSAFE.md", text: unsafe_code::generate()? },
    ])
}

/// Whether the committed file differs from what would be generated.
pub(crate) fn differs(output: &Output) -> bool {
    std::fs::read_to_string(repo::root().join(output.path)).map_or(true, |text| text != output.text)
}

/// Writes the files, or with `check` only tells which differ.
pub(crate) fn run(check: bool) -> Result<()> {
    let outputs = generate()?;
    let stale: Vec<_> = outputs.iter().filter(|output| differs(output)).collect();
    for output in &stale {
        println!("{} {}", if check { "differs:" } else { "writing" }, output.path);
        if !check {
            std::fs::write(repo::root().join(output.path), &output.text)
                .with_context(|| format!("writing {}", output.path))?;
        }
    }
    match (stale.len(), check) {
        (0, _) => println!("{} files are up to date", outputs.len()),
        (_, true) => bail!("run `cargo xtask bindings` and commit the result"),
        _ => {}
    }
    Ok(())
}
