//! The tables of docs/features.md and README.md that tell how many lines of code a task takes have what the
//! examples have.
//!
//! A row names a file in `examples`, and after it the lines of the file's sections in their order; or a
//! task of `examples/c/scans.c`, and after it the lines of its section there, and in
//! `examples/c/scans/without.h`. A section begins with a comment such as `---- by the library ----`.
//! Blank lines and comments are not counted. A C program's header of the same name counts, section by
//! section.
//!
//! And what the example of Dask has beyond the program for one machine, which two pages tell.

use crate::repo;
use anyhow::{ensure, Context as _, Result};

const DASK: &str = "examples/python/trades_dask.py";

/// What the table has wrong.
pub(super) fn check(page: &str) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    let rows: Vec<_> = page.lines().filter_map(row).collect();
    ensure!(rows.len() == 4, "the table of lines of code is gone");
    for (file, told) in rows {
        let header = file.strip_suffix(".c").map(|stem| repo::root().join(format!("{stem}.h")));
        let header = header.filter(|header| header.exists()).map(std::fs::read_to_string).transpose()?;
        let found = count(&[&header.unwrap_or_default(), &repo::read(file)?]);
        if found.get(..told.len()) != Some(&told[..]) {
            complaints.push(format!("{file}: {found:?} lines in its sections, not {told:?}"));
        }
    }
    let readme = repo::read("README.md")?;
    let scans = repo::read("examples/c/scans.c")?;
    let without = repo::read("examples/c/scans/without.h")?;
    for (task, lines) in TASKS.iter().zip(count(&[&scans]).into_iter().zip(count(&[&without]))) {
        let row = format!("| {task} | {} | {} |", lines.0, lines.1);
        if !readme.contains(&row) {
            complaints.push(format!("README.md has no row {row}"));
        }
    }
    let found = beyond_one_machine()?;
    for (page, told) in [
        (&readme, format!("needs {found} lines beyond the program for one machine")),
        (
            &repo::read("docs/scale-out.md")?,
            format!("beyond the program for one machine is this, {found} lines:"),
        ),
    ] {
        if !page.split_whitespace().collect::<Vec<_>>().join(" ").contains(&told) {
            complaints.push(format!("{DASK}: no page says that it {told}"));
        }
    }
    Ok(complaints)
}

/// Lines of the example of Dask that a program for one machine has not.
fn beyond_one_machine() -> Result<usize> {
    let source = repo::read(DASK)?;
    let (before, _) = source.split_once("# ---- on many machines ----").context("the section is gone")?;
    let sections = count(&[&source]);
    sections.get(before.matches("# ---- ").count()).copied().context("the section is gone")
}

/// The tasks of `examples/c/scans.c` as the table names them, in its order.
const TASKS: [&str; 4] = [
    "rows: sums over all of them",
    "lines: counting those with a word, and finding the longest",
    "filter: the rows above a price, to a file that appears when it is complete",
    "join: one archive of several",
];

/// The file of a row of the table, and the numbers in the cells after it.
fn row(line: &str) -> Option<(&str, Vec<usize>)> {
    let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
    let file = cells.find(|cell| cell.contains("](../examples/"))?;
    let file = file.split_once("(../")?.1.split_once(')')?.0;
    let numbers: Vec<_> = cells.map_while(|cell| cell.split(' ').next()?.parse().ok()).collect();
    (numbers.len() == 3).then_some((file, numbers))
}

/// Lines of code in the sections of sources; sections of the same name are one.
fn count(sources: &[&str]) -> Vec<usize> {
    let mut sections = Vec::new();
    for source in sources {
        add(source, &mut sections);
    }
    sections.into_iter().map(|(_, lines)| lines).collect()
}

/// Adds the sections of a source.
fn add<'s>(source: &'s str, sections: &mut Vec<(&'s str, usize)>) {
    let mut section = None;
    // What ends the comment or the docstring that a line is in.
    let mut inside: Option<&str> = None;
    for line in source.lines().map(str::trim) {
        if line.contains("---- ") && line.ends_with(&['-', '/'][..]) {
            let known = sections.iter().position(|(name, _)| *name == line);
            section = Some(known.unwrap_or(sections.len()));
            if known.is_none() {
                sections.push((line, 0));
            }
            continue;
        }
        if let Some(end) = inside {
            if line.ends_with(end) {
                inside = None;
            }
            continue;
        }
        let opened =
            [("/*", "*/"), ("\"\"\"", "\"\"\"")].into_iter().find(|(begin, _)| line.starts_with(begin));
        match opened {
            Some((begin, end)) => {
                if line.len() < begin.len() + end.len() || !line.ends_with(end) {
                    inside = Some(end);
                }
            }
            None if line.is_empty() || line.starts_with("//") || line.starts_with("# ") => {}
            None => section.map_or((), |section: usize| sections[section].1 += 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_sections() {
        let c = "int a;\n/* ---- one ---- */\n\n/* Two\n * lines. */\nint b; /* and a word */\n*p = 1;\n/* ---- two ---- */\n// no\n";
        assert_eq!(count(&[c]), [2, 0]);
        assert_eq!(count(&[c, "int c;\n", c]), [4, 0]);
        let python = "import a\n# ---- one ----\ndef f():\n    \"\"\"Text.\n\n    More.\n    \"\"\"\n    # why\n    return 1\n";
        assert_eq!(count(&[python]), [2]);
        assert_eq!(count(&["x\n// ---- one ----\ny", "x\n// ---- two ----\n// ---- one ----\ny"]), [2, 0]);
    }

    #[test]
    fn rows() {
        assert_eq!(
            row("| bars | [C](../examples/c/trades.c) | 80 | 40 | 18 |"),
            Some(("examples/c/trades.c", vec![80, 40, 18]))
        );
        assert_eq!(row("| [C](../examples/c/trades.c) | what it is |"), None);
    }
}
