//! Writing the figures down: everything as JSON, the tables into `benches/README.md` between their markers.

use crate::repo;
use anyhow::{Context, Result};
use serde_json::Value;

/// Writes the results of one group.
pub(super) fn write(group: &str, command: &str, results: &Value, tables: &str) -> Result<()> {
    let folder = repo::root().join("benches/results");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join(group).with_extension("json"), serde_json::to_string_pretty(results)? + "\n")?;
    put(group, &format!("Written by `{command}`.\n\n{tables}"))?;
    println!("{tables}");
    Ok(())
}

/// Puts a text between its markers in `benches/README.md`.
pub(super) fn put(name: &str, text: &str) -> Result<()> {
    let path = "benches/README.md";
    let page = repo::read(path)?;
    let (begin, end) = (format!("<!-- {name}: begin -->"), format!("<!-- {name}: end -->"));
    let (head, rest) = page.split_once(&begin).with_context(|| format!("{path} lacks {begin}"))?;
    let (_, tail) = rest.split_once(&end).with_context(|| format!("{path} lacks {end}"))?;
    Ok(std::fs::write(repo::root().join(path), format!("{head}{begin}\n{text}{end}{tail}"))?)
}
