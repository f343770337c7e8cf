//! The programs in pages of Markdown, and the commands that run them.
//!
//! A block of code whose first line is a comment with a file name becomes that file. The lines of the `sh`
//! blocks are run in their order, in a folder with these files where `target`, `include` and `bindings` are
//! the repository's. A `text` block with a file name is what a command must have written there. Blocks
//! `shell` are run by "dist".

use super::Case;
use crate::dotnet::Sdk;
use crate::{process, repo};
use anyhow::{ensure, Context as _, Result};
use clap::Parser as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Of a command that hangs: a build of C# takes half a minute of a free CPU.
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// Languages whose blocks are programs, or parts of them.
const PROGRAMS: [&str; 5] = ["c", "cpp", "csharp", "xml", "python"];

/// A fenced block of code.
pub(crate) struct Block {
    pub(crate) language: String,
    pub(crate) code: String,
}

impl Block {
    /// The file name in the comment of the first line.
    pub(crate) fn file(&self) -> Option<&str> {
        let first = self.code.lines().next()?;
        let words = first.trim_matches(['/', '*', '#', '<', '!', '-', '>', ' ']);
        let is_comment = ["//", "/*", "# ", "<!--"].iter().any(|begin| first.starts_with(begin));
        (is_comment && words.contains('.') && !words.contains(' ')).then_some(words)
    }

    /// What a command must have written to the file.
    pub(crate) fn expected(&self) -> Option<(&str, &str)> {
        let (_, text) = self.code.split_once('\n')?;
        Some((self.file().filter(|_| self.language == "text")?, text))
    }
}

pub(crate) fn blocks(markdown: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut lines = markdown.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let code: String =
                lines.by_ref().take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect();
            blocks.push(Block { language: language.into(), code });
        }
    }
    blocks
}

fn commands(blocks: &[Block]) -> impl Iterator<Item = &str> {
    let shell = blocks.iter().filter(|block| block.language == "sh");
    shell.flat_map(|block| block.code.lines()).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// What the commands need beside a compiler; the reasons, where it cannot be had.
pub(super) struct Tools {
    /// For `dotnet`.
    pub(super) sdk: Result<Sdk, String>,
    /// A folder with a `python3.14t`, the library for it, and the package.
    pub(super) python: Result<PathBuf, String>,
}

/// Writes the programs of a page, and runs its commands in their order. A case for each command and for each
/// output; the page's name stands before them.
pub(super) fn run(page: &str, blocks: &[Block], folder: &Path, tools: &Tools) -> Result<Vec<Case>> {
    let mut cases = vec![Case::checked(format!("{page}: every program is run by a command"), unused(blocks))];
    for block in blocks {
        if let Some(file) = block.file() {
            let path = folder.join(file);
            std::fs::create_dir_all(path.parent().unwrap_or(folder))?;
            if block.language != "text" {
                std::fs::write(path, &block.code)?;
            } else if path.exists() {
                std::fs::remove_file(path)?;
            }
        }
    }
    repo::link(&repo::target(), &folder.join("target"))?;
    for name in ["include", "bindings", "Cargo.toml", "README.md"] {
        repo::link(&repo::root().join(name), &folder.join(name))?;
    }
    for line in commands(blocks) {
        let name = format!("{page}: {line}");
        let missing = if uses(line, "dotnet") {
            tools.sdk.as_ref().err()
        } else if uses(line, "python3.14t") {
            tools.python.as_ref().err()
        } else {
            None
        };
        cases.push(match missing {
            Some(reason) => Case::skipped(name, reason),
            None => Case::of(name, || command(folder, line, tools)),
        });
    }
    for (file, text) in blocks.iter().filter_map(Block::expected) {
        cases.push(Case::of(format!("{page}: {file}"), || {
            let found =
                std::fs::read_to_string(folder.join(file)).with_context(|| format!("reading {file}"))?;
            ensure!(found == text, "the page has other text than {file}, which is now:\n{found}");
            Ok(())
        }));
    }
    Ok(cases)
}

/// Files that no command names, and programs without a file.
fn unused(blocks: &[Block]) -> Vec<String> {
    let programs = blocks.iter().filter(|block| PROGRAMS.contains(&block.language.as_str()));
    // A file of C# is compiled with its project, which lies in the same folder.
    let named = |file: &str| match Path::new(file).parent() {
        Some(folder) if file.ends_with(".cs") => format!("{}/", folder.display()),
        _ => file.to_owned(),
    };
    let complaints = programs.filter_map(|block| match block.file() {
        None => Some(format!("a block without a file name:\n{}", block.code)),
        Some(file) if commands(blocks).any(|line| line.contains(&named(file))) => None,
        Some(file) => Some(format!("no command runs {file}")),
    });
    complaints.collect()
}

fn uses(line: &str, program: &str) -> bool {
    line.split(' ').any(|word| word == program)
}

/// Runs a command line. The commands of this tool are not run inside themselves, but they must exist.
fn command(folder: &Path, line: &str, tools: &Tools) -> Result<()> {
    if let Some(arguments) = line.strip_prefix("cargo xtask ") {
        let words = arguments.split('#').next().unwrap_or_default().split_whitespace();
        crate::Arguments::try_parse_from(["xtask"].into_iter().chain(words)).context("no such command")?;
        return Ok(());
    }
    let mut shell = Command::new("sh");
    shell.args(["-e", "-c", line]).current_dir(folder);
    if let Some(sdk) = tools.sdk.as_ref().ok().filter(|_| uses(line, "dotnet")) {
        sdk.prepare(&mut shell);
    }
    if let Some(bin) = tools.python.as_ref().ok().filter(|_| uses(line, "python3.14t")) {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(bin.clone()).chain(std::env::split_paths(&path));
        shell.env("PATH", std::env::join_paths(folders)?);
    }
    process::must(&mut shell, LIMIT).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_files() {
        let text =
            "A\n```c\n/* a.c */\nint x;\n```\n```sh\ncc a.c\n# comment\n```\n```python\nimport os\n```\n";
        let blocks = blocks(text);
        assert_eq!(blocks[0].file(), Some("a.c"));
        let project = Block { language: "xml".into(), code: "<!-- a/b.csproj -->\n".into() };
        assert_eq!(project.file(), Some("a/b.csproj"));
        assert_eq!(commands(&blocks).collect::<Vec<_>>(), ["cc a.c"]);
        assert_eq!(unused(&blocks).len(), 1);
        let output = Block { language: "text".into(), code: "# a.txt\n1 2\n3\n".into() };
        assert_eq!((output.expected(), blocks[0].expected()), (Some(("a.txt", "1 2\n3\n")), None));
    }
}
