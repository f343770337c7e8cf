//! The table of README.md that tells how many lines of code a task takes is what the examples have.
//!
//! A row names a file in `examples`, and after it the lines of the file's sections in their order. A section
//! begins with a comment such as `---- by the library ----`. Blank lines and comments are not counted.

use crate::repo;
use anyhow::{ensure, Result};

/// What the table has wrong.
pub(super) fn check(readme: &str) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    let rows: Vec<_> = readme.lines().filter_map(row).collect();
    ensure!(rows.len() == 4, "the table of lines of code is gone");
    for (file, told) in rows {
        let found = count(&repo::read(file)?);
        if found.get(..told.len()) != Some(&told[..]) {
            complaints.push(format!("{file}: {found:?} lines in its sections, not {told:?}"));
        }
    }
    Ok(complaints)
}

/// The file of a row of the table, and the numbers in the cells after it.
fn row(line: &str) -> Option<(&str, Vec<usize>)> {
    let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
    let file = cells.find(|cell| cell.contains("](examples/"))?;
    let file = file.split_once('(')?.1.split_once(')')?.0;
    let numbers: Vec<_> = cells.map_while(|cell| cell.split(' ').next()?.parse().ok()).collect();
    (numbers.len() == 3).then_some((file, numbers))
}

/// Lines of code in the sections of a source.
fn count(source: &str) -> Vec<usize> {
    let mut sections = Vec::new();
    // What ends the comment or the docstring that a line is in.
    let mut inside: Option<&str> = None;
    for line in source.lines().map(str::trim) {
        if line.contains("---- ") && line.ends_with(&['-', '/'][..]) {
            sections.push(0);
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
            None => sections.last_mut().map_or((), |lines| *lines += 1),
        }
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_sections() {
        let c = "int a;\n/* ---- one ---- */\n\n/* Two\n * lines. */\nint b; /* and a word */\n*p = 1;\n/* ---- two ---- */\n// no\n";
        assert_eq!(count(c), [2, 0]);
        let python = "import a\n# ---- one ----\ndef f():\n    \"\"\"Text.\n\n    More.\n    \"\"\"\n    # why\n    return 1\n";
        assert_eq!(count(python), [2]);
    }

    #[test]
    fn rows() {
        assert_eq!(
            row("| bars | [C](examples/c/trades.c) | 80 | 40 | 18 |"),
            Some(("examples/c/trades.c", vec![80, 40, 18]))
        );
        assert_eq!(row("| [C](examples/c/trades.c) | what it is |"), None);
    }
}
