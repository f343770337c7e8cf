//! The table of README.md that tells how many lines of code a task takes is what the examples have.
//!
//! A row names a file in `examples`, and after it the lines of the file's sections in their order. A section
//! begins with a comment such as `---- by the library ----`. Blank lines and comments are not counted. A C
//! program's header of the same name counts, section by section.

use crate::repo;
use anyhow::{ensure, Result};

/// What the table has wrong.
pub(super) fn check(readme: &str) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    let rows: Vec<_> = readme.lines().filter_map(row).collect();
    ensure!(rows.len() == 4, "the table of lines of code is gone");
    for (file, told) in rows {
        let header = file.strip_suffix(".c").map(|stem| repo::root().join(format!("{stem}.h")));
        let header = header.filter(|header| header.exists()).map(std::fs::read_to_string).transpose()?;
        // Behind it: what the header begins with is of the last section, which the table does not tell.
        let found = count(&format!("{}{}", repo::read(file)?, header.unwrap_or_default()));
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
    (numbers.len() == 2).then_some((file, numbers))
}

/// Lines of code in the sections of a source; sections of the same name are one.
fn count(source: &str) -> Vec<usize> {
    let mut sections: Vec<(&str, usize)> = Vec::new();
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
    sections.into_iter().map(|(_, lines)| lines).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_sections() {
        let c = "int a;\n/* ---- one ---- */\n\n/* Two\n * lines. */\nint b; /* and a word */\n*p = 1;\n/* ---- two ---- */\n// no\n";
        assert_eq!(count(c), [2, 0]);
        assert_eq!(count(&format!("{c}{c}")), [4, 1]); // the second "int a;" is of section two
        let python = "import a\n# ---- one ----\ndef f():\n    \"\"\"Text.\n\n    More.\n    \"\"\"\n    # why\n    return 1\n";
        assert_eq!(count(python), [2]);
    }

    #[test]
    fn rows() {
        assert_eq!(
            row("| bars | [C](examples/c/trades.c) | 80 | 18 |"),
            Some(("examples/c/trades.c", vec![80, 18]))
        );
        assert_eq!(row("| [C](examples/c/trades.c) | what it is |"), None);
    }
}
