//! Suite "readme": the programs and commands of README.md, and the program of the header's preamble, do what
//! they say; the names in its table exist.
//!
//! A block of code whose first line is a comment with a file name becomes that file; the `sh` blocks are run
//! in their order, in a folder with these files where `target`, `include` and `bindings` are the
//! repository's. Blocks `shell` are run by "dist".

use super::abi::WARNINGS;
use super::line_counts;
use super::{Case, Context};
use crate::dotnet::Sdk;
use crate::header::Header;
use crate::{process, repo};
use anyhow::{ensure, Context as _, Result};
use clap::Parser as _;
use std::collections::HashSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

/// From here on the README names what does not exist.
const FUTURE: &str = "## Not there yet";

/// The columns of the table of features, and the sources that its names are in. Those of C are all names of
/// the header.
const COLUMNS: [(usize, &[&str], &str); 3] = [
    (3, &["include/fastpar"], "hpp"),
    (4, &["bindings/csharp"], "cs"),
    (5, &["bindings/python/fastpar", "bindings/python/fastpar/zstd"], "py"),
];

pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    let readme = repo::read("README.md")?;
    let names = Case::checked("names", names(&readme, context.header()?));
    let mut cases = vec![names, Case::checked("names in the table", table(&readme)?)];
    cases.push(Case::checked("lines of code in the examples", line_counts::check(&readme)?));
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
    let sdk = Sdk::get()?;
    for block in &blocks {
        if let Some(file) = block.file() {
            let path = folder.join(file);
            std::fs::create_dir_all(path.parent().unwrap_or(&folder))?;
            std::fs::write(path, &block.code)?;
        }
    }
    repo::link(&repo::target(), &folder.join("target"))?;
    for name in ["include", "bindings", "Cargo.toml", "README.md"] {
        repo::link(&repo::root().join(name), &folder.join(name))?;
    }
    for line in commands(&blocks) {
        cases.push(match &sdk {
            Err(reason) if is_dotnet(line) => Case::skipped(line, reason),
            sdk => Case::of(line, || command(&folder, line, sdk.as_ref().ok())),
        });
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
        let words = first.trim_matches(['/', '*', '#', '<', '!', '-', '>', ' ']);
        let is_comment = ["//", "/*", "# ", "<!--"].iter().any(|begin| first.starts_with(begin));
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

/// The commands that need installed packages: those of the blocks `shell`, for the suite that has some.
pub(super) fn installing() -> Result<String> {
    let blocks = blocks(&repo::read("README.md")?);
    let shell: String =
        blocks.into_iter().filter(|block| block.language == "shell").map(|block| block.code).collect();
    ensure!(!shell.is_empty(), "README.md says nothing about installing");
    Ok(shell)
}

/// Files that no command names, and blocks without a file.
fn unused(blocks: &[Block]) -> Vec<String> {
    let programs =
        blocks.iter().filter(|block| ["c", "cpp", "xml", "python"].contains(&block.language.as_str()));
    let complaints = programs.filter_map(|block| match block.file() {
        None => Some(format!("a block without a file name:\n{}", block.code)),
        Some(file) if commands(blocks).any(|line| line.contains(file)) => None,
        Some(file) => Some(format!("no command runs {file}")),
    });
    complaints.collect()
}

fn is_dotnet(line: &str) -> bool {
    line.split(' ').any(|word| word == "dotnet")
}

/// Runs a command line. The commands of this tool are not run inside themselves, but they must exist.
fn command(folder: &Path, line: &str, sdk: Option<&Sdk>) -> Result<()> {
    if line.starts_with("git clone ") || line.starts_with("cd ") {
        return Ok(());
    }
    if let Some(arguments) = line.strip_prefix("cargo xtask ") {
        let words = arguments.split('#').next().unwrap_or_default().split_whitespace();
        crate::Arguments::try_parse_from(["xtask"].into_iter().chain(words)).context("no such command")?;
        return Ok(());
    }
    let mut shell = Command::new("sh");
    shell.args(["-e", "-c", line]).current_dir(folder);
    if let Some(sdk) = sdk.filter(|_| is_dotnet(line)) {
        sdk.prepare(&mut shell);
    }
    process::must(&mut shell, LIMIT).map(drop)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// The names in the columns for C++ and C# that their sources do not know.
fn table(readme: &str) -> Result<Vec<String>> {
    let rows: Vec<Vec<_>> = readme.lines().map(|line| line.split('|').collect()).collect();
    let header = |row: &Vec<&str>| row.len() == 7 && row[2].trim() == "C" && row[3].trim() == "C++";
    let rows: Vec<_> =
        rows.iter().skip_while(|row| !header(row)).skip(2).take_while(|row| row.len() == 7).collect();
    ensure!(!rows.is_empty(), "the table of features is gone");
    let mut complaints = Vec::new();
    for (column, folders, extension) in COLUMNS {
        let mut sources = String::new();
        for folder in folders {
            for file in std::fs::read_dir(repo::root().join(folder))? {
                let path = file?.path();
                if path.extension().is_some_and(|found| found == extension) {
                    sources += &std::fs::read_to_string(path)?;
                }
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

/// Every function of the header is named, and nothing that does not exist.
fn names(readme: &str, header: &Header) -> Vec<String> {
    let present = readme.split(FUTURE).next().unwrap_or_default();
    let words: Vec<_> = words(present).collect();
    let missing = header.functions().filter(|(item, _)| !words.contains(&item.name.as_str()));
    let mut complaints: Vec<_> = missing.map(|(item, _)| format!("{} is not mentioned", item.name)).collect();
    let unknown =
        words.iter().filter(|word| word.to_lowercase().starts_with("fastpar_") && header.get(word).is_none());
    // Environment variables and macros are no declarations.
    let known = [
        "FASTPAR_THREADS",
        "FASTPAR_TRACE",
        "FASTPAR_STATIC",
        "FASTPAR_LIBRARY",
        "FASTPAR_DOTNET",
        "FASTPAR_PYTHON",
        "FASTPAR_VERSION_NUMBER",
    ];
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
    }

    #[test]
    fn the_preamble_has_a_program() {
        let header =
            "/*\n * Usage.\n *\n *     #include <a.h>\n *\n *     int main(void) {}\n *\n * More.\n */\n";
        assert_eq!(usage_example(header).unwrap().trim(), "#include <a.h>\n\nint main(void) {}");
    }
}
