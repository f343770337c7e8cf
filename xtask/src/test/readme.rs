//! Suite "readme": the programs and commands of README.md, and the program of the header's preamble, do what
//! they say.

use super::abi::WARNINGS;
use super::programs::{self, Tools};
use super::{docs, features, Case, Context};
use crate::{process, repo};
use anyhow::{ensure, Result};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

/// A newcomer reads it to its end.
const LINES: usize = 250;

/// The page that tells how packages are installed.
const INSTALLING: &str = "docs/guide/installing.md";

pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    let readme = repo::read("README.md")?;
    let mut cases = vec![
        Case::checked("names", features::made_up(&readme, context.header()?)),
        Case::of("it is short", || {
            let lines = readme.lines().count();
            ensure!(lines < LINES, "README.md has {lines} lines; what not everybody needs goes to docs");
            Ok(())
        }),
    ];
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
    let tools: Tools = docs::tools(staged)?;
    cases.extend(programs::run("README.md", &programs::blocks(&readme), &folder, &tools)?);
    Ok(cases)
}

/// The commands that need installed packages: those of the blocks `shell`, for the suite that has some.
pub(super) fn installing() -> Result<String> {
    let blocks = programs::blocks(&repo::read(INSTALLING)?);
    let shell: String =
        blocks.into_iter().filter(|block| block.language == "shell").map(|block| block.code).collect();
    ensure!(!shell.is_empty(), "{INSTALLING} has no commands");
    Ok(shell)
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
    fn the_preamble_has_a_program() {
        let header =
            "/*\n * Usage.\n *\n *     #include <a.h>\n *\n *     int main(void) {}\n *\n * More.\n */\n";
        assert_eq!(usage_example(header).unwrap().trim(), "#include <a.h>\n\nint main(void) {}");
    }
}
