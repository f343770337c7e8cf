//! The table of features in docs/features.md is what the sources have: every function of the header, and no
//! name that does not exist, in no language.

use crate::header::Header;
use crate::repo;
use anyhow::{ensure, Result};
use std::collections::HashSet;

pub(super) const PAGE: &str = "docs/features.md";

/// The columns of the table, and the sources that their names are in. Those of C are all names of the header.
const COLUMNS: [(usize, &[&str], &str); 3] = [
    (3, &["include/fastpar"], "hpp"),
    (4, &["bindings/csharp"], "cs"),
    (5, &["bindings/python/fastpar", "bindings/python/fastpar/zstd"], "py"),
];

/// Environment variables and macros, which are no declarations.
const OTHERS: [&str; 8] = [
    "FASTPAR_THREADS",
    "FASTPAR_TRACE",
    "FASTPAR_STATIC",
    "FASTPAR_LIBRARY",
    "FASTPAR_DOTNET",
    "FASTPAR_PYTHON",
    "FASTPAR_VERSION_NUMBER",
    "FASTPAR_ERR_",
];

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// Functions of the header that the page does not name.
pub(super) fn missing(page: &str, header: &Header) -> Vec<String> {
    let words: HashSet<_> = words(page).collect();
    let missing = header.functions().filter(|(item, _)| !words.contains(item.name.as_str()));
    missing.map(|(item, _)| format!("{} is not mentioned", item.name)).collect()
}

/// Names in a page that look like those of the header, and are not.
pub(super) fn made_up(page: &str, header: &Header) -> Vec<String> {
    let named = words(page).filter(|word| word.to_lowercase().starts_with("fastpar_"));
    let unknown = named.filter(|word| header.get(word).is_none() && !OTHERS.contains(word));
    unknown.map(|word| format!("{word} does not exist")).collect()
}

/// The names in the columns for other languages that their sources do not know.
pub(super) fn table(page: &str) -> Result<Vec<String>> {
    let rows: Vec<Vec<_>> = page.lines().map(|line| line.split('|').collect()).collect();
    let header = |row: &Vec<&str>| row.len() == 7 && row[2].trim() == "C" && row[3].trim() == "C++";
    let rows: Vec<_> =
        rows.iter().skip_while(|row| !header(row)).skip(2).take_while(|row| row.len() == 7).collect();
    ensure!(!rows.is_empty(), "the table of features is gone");
    let mut complaints = Vec::new();
    for (column, folders, extension) in COLUMNS {
        let mut sources = String::new();
        for folder in folders {
            for file in repo::files(folder, extension)? {
                sources += &std::fs::read_to_string(file)?;
            }
        }
        let known: HashSet<_> = words(&sources).collect();
        let named = rows.iter().flat_map(|row| words(row[column])).filter(|&word| word != "br");
        complaints.extend(
            named.filter(|word| !known.contains(word)).map(|word| format!("{word} is not in {}", folders[0])),
        );
    }
    Ok(complaints)
}
