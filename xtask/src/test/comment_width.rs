//! Part of suite "format": comment lines are no wider than code. rustfmt breaks code only.

use super::Case;
use crate::repo;
use anyhow::{Context as _, Result};
use std::path::Path;

const FOLDERS: [&str; 8] =
    ["src", "include", "bindings", "tests", "benches", "examples", "fuzz", "xtask/src"];
/// Folders that builds leave there.
const BUILT: [&str; 5] = ["target", "bin", "obj", "__pycache__", "node_modules"];

pub(super) fn run() -> Result<Case> {
    let settings = repo::read("rustfmt.toml")?;
    let width = settings.lines().find_map(|line| line.strip_prefix("max_width = "));
    let width = width.context("rustfmt.toml has no max_width")?.parse()?;
    let mut complaints = Vec::new();
    for folder in FOLDERS {
        look_into(&repo::root().join(folder), width, &mut complaints)?;
    }
    Ok(Case::checked("width of comments", complaints))
}

fn look_into(folder: &Path, width: usize, complaints: &mut Vec<String>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let entry = entry?;
        let (name, path) = (entry.file_name().to_string_lossy().into_owned(), entry.path());
        if entry.file_type()?.is_dir() {
            if !BUILT.contains(&&*name) {
                look_into(&path, width, complaints)?;
            }
        } else if let Some(marks) = marks(&name) {
            let text = std::fs::read_to_string(&path)?;
            let shown = path.strip_prefix(repo::root()).unwrap_or(&path).display();
            let wide = wide_comments(&text, marks, width).into_iter();
            complaints.extend(wide.map(|line| format!("{shown}:{line}: a comment wider than {width}")));
        }
    }
    Ok(())
}

/// What a line begins with that is a comment and nothing else; None: not a source file.
fn marks(name: &str) -> Option<&'static [&'static str]> {
    match name.rsplit_once('.')?.1 {
        "rs" | "c" | "h" | "cpp" | "hpp" | "cs" => Some(&["//", BLOCK]),
        "py" => Some(&["#"]),
        _ => None,
    }
}

const BLOCK: &str = "/*";

/// The numbers of the comment lines that are too wide.
fn wide_comments(text: &str, marks: &[&str], width: usize) -> Vec<usize> {
    let mut wide = Vec::new();
    let mut in_block = false;
    for (index, line) in text.lines().enumerate() {
        let start = line.trim_start();
        in_block |= marks.contains(&BLOCK) && start.starts_with(BLOCK);
        if line.chars().count() > width && (in_block || marks.iter().any(|mark| start.starts_with(mark))) {
            wide.push(index + 1);
        }
        in_block &= !line.contains("*/");
    }
    wide
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_count_and_code_does_not() {
        let text = "// fits\n// too wide\nlet code = 1;\n  /* not\n too wide\n too wide */\nlet code = 1;\n";
        assert_eq!(wide_comments(text, marks("a.rs").unwrap(), 8), [2, 5, 6]);
        assert_eq!(wide_comments("# too wide\nx = 1 # too wide\n", marks("a.py").unwrap(), 8), [1]);
        assert!(marks("Cargo.toml").is_none());
    }
}
