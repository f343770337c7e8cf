//! Suite "readme": the programs and commands of README.md, and the program of the header's preamble, do what they say.
//!
//! A block of code whose first line is a comment with a file name becomes that file; the `sh` blocks are run in their order,
//! in a folder with these files where `target` and `include` are the repository's.

use super::abi::WARNINGS;
use super::{Case, Context};
use crate::header::Header;
use crate::{process, repo};
use anyhow::{ensure, Context as _, Result};
use clap::Parser as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

/// From here on the README names what does not exist.
const FUTURE: &str = "## Not there yet";

pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    let readme = repo::read("README.md")?;
    let names = Case::checked("names", names(&readme, context.header()?));
    let mut cases = vec![names];
    if let Some(reason) = context.setup.missing(&["gcc", "g++", "python3"]) {
        cases.push(Case::skipped("code", reason));
        return Ok(cases);
    }
    let staged = context.staged()?;
    let folder = repo::scratch("readme")?;
    let usage = folder.join("usage.c");
    std::fs::write(&usage, usage_example(&repo::read("include/fastpar.h")?)?)?;
    cases.push(Case::of("the program in the header's preamble", || {
        let program = folder.join("usage");
        let mut command = Command::new("gcc");
        command.args(["-std=c99"]).args(WARNINGS).arg(&usage).args(staged.link_arguments());
        process::must(command.arg("-o").arg(&program), LIMIT)?;
        process::must(&mut Command::new(program), LIMIT).map(drop)
    }));
    let blocks = blocks(&readme);
    cases.push(Case::checked("every program is run by a command", unused(&blocks)));
    for block in &blocks {
        if let Some(file) = block.file() {
            std::fs::write(folder.join(file), &block.code)?;
        }
    }
    link(&repo::target(), &folder.join("target"))?;
    link(&repo::root().join("include"), &folder.join("include"))?;
    for line in commands(&blocks) {
        cases.push(Case::of(line, || command(&folder, line)));
    }
    Ok(cases)
}

/// A fenced block of code.
struct Block {
    language: String,
    code: String,
}

impl Block {
    /// The file name in the comment of the first line.
    fn file(&self) -> Option<&str> {
        let first = self.code.lines().next()?;
        let words = first.trim_matches(['/', '*', '#', ' ']);
        let is_comment = first.starts_with("//") || first.starts_with("/*") || first.starts_with("# ");
        (is_comment && words.contains('.') && !words.contains(' ')).then_some(words)
    }
}

fn blocks(markdown: &str) -> Vec<Block> {
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

/// Files that no command names, and blocks without a file.
fn unused(blocks: &[Block]) -> Vec<String> {
    let programs = blocks.iter().filter(|block| ["c", "cpp", "python"].contains(&block.language.as_str()));
    let complaints = programs.filter_map(|block| match block.file() {
        None => Some(format!("a block without a file name:\n{}", block.code)),
        Some(file) if commands(blocks).any(|line| line.contains(file)) => None,
        Some(file) => Some(format!("no command runs {file}")),
    });
    complaints.collect()
}

/// Runs a command line. The commands of this tool are not run inside themselves, but they must exist.
fn command(folder: &Path, line: &str) -> Result<()> {
    if line.starts_with("git clone ") || line.starts_with("cd ") {
        return Ok(());
    }
    if let Some(arguments) = line.strip_prefix("cargo xtask ") {
        let words = arguments.split('#').next().unwrap_or_default().split_whitespace();
        crate::Arguments::try_parse_from(["xtask"].into_iter().chain(words)).context("no such command")?;
        return Ok(());
    }
    process::must(Command::new("sh").args(["-e", "-c", line]).current_dir(folder), LIMIT).map(drop)
}

/// Every function of the header is named, and nothing that does not exist.
fn names(readme: &str, header: &Header) -> Vec<String> {
    let present = readme.split(FUTURE).next().unwrap_or_default();
    let words: Vec<_> = present.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let missing = header.functions().filter(|(item, _)| !words.contains(&item.name.as_str()));
    let mut complaints: Vec<_> = missing.map(|(item, _)| format!("{} is not mentioned", item.name)).collect();
    let unknown =
        words.iter().filter(|word| word.to_lowercase().starts_with("fastpar_") && header.get(word).is_none());
    // Environment variables and macros are no declarations.
    let known = ["FASTPAR_THREADS", "FASTPAR_STATIC", "FASTPAR_LIBRARY", "FASTPAR_VERSION_NUMBER"];
    complaints
        .extend(unknown.filter(|word| !known.contains(word)).map(|word| format!("{word} does not exist")));
    complaints
}

/// The program in the first comment of the header.
fn usage_example(header: &str) -> Result<String> {
    let comment = header.lines().skip(1).take_while(|line| line.starts_with(" *") && *line != " */");
    let lines = comment.map(|line| line.trim_start_matches(" *").strip_prefix(' ').unwrap_or(""));
    let program = lines
        .skip_while(|line| !line.contains("#include"))
        .take_while(|l| l.is_empty() || l.starts_with("    "));
    let program: String =
        program.map(|line| line.strip_prefix("    ").unwrap_or("").to_owned() + "\n").collect();
    ensure!(program.contains("int main"), "the preamble holds no program");
    Ok(program)
}

fn link(to: &Path, at: &Path) -> Result<()> {
    let _ = std::fs::remove_file(at);
    #[cfg(unix)]
    std::os::unix::fs::symlink(to, at).with_context(|| format!("linking {}", at.display()))?;
    Ok(())
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
        assert_eq!(commands(&blocks).collect::<Vec<_>>(), ["cc a.c"]);
        assert_eq!(unused(&blocks).len(), 1);
    }

    #[test]
    fn the_preamble_has_a_program() {
        let header =
            "/*\n * Usage.\n *\n *     #include <a.h>\n *\n *     int main(void) {}\n *\n * More.\n */\n";
        assert_eq!(usage_example(header).unwrap().trim(), "#include <a.h>\n\nint main(void) {}");
    }
}
