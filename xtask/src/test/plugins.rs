//! Suite "plugins": libraries that use fastpar while they are loaded, or have a static copy inside and are
//! unloaded.

use super::abi::WARNINGS;
use super::{lines, Case, Context};
use crate::{process, repo};
use anyhow::Result;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const COMPILE_LIMIT: Duration = Duration::from_secs(120);
const RUN_LIMIT: Duration = Duration::from_secs(180);

pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    if let Some(reason) = context.setup.missing(&["gcc"]) {
        return Ok(vec![Case::skipped("gcc", reason)]);
    }
    let staged = context.staged()?;
    let folder = repo::scratch("plugins")?;
    let sources = repo::root().join("tests/plugins");
    let compile = |name: &str, output: &Path, last: &[String]| {
        let mut command = Command::new("gcc");
        command.args(["-std=c11", "-O1", "-pthread"]).args(WARNINGS);
        command.arg("-I").arg(repo::root().join("tests/c")).arg("-I").arg(&staged.include);
        command.arg(sources.join(name)).args(last).arg("-o").arg(output);
        process::must(&mut command, COMPILE_LIMIT)
    };
    let strings =
        |arguments: &[&str]| arguments.iter().map(|&argument| argument.to_owned()).collect::<Vec<_>>();
    let host = folder.join("host");
    compile("host.c", &host, &strings(&["-ldl"]))?;
    let archive = staged.archive().display().to_string();
    let shared = [strings(&["-shared", "-fPIC"]), staged.link_arguments().to_vec()].concat();
    let copy = strings(&["-shared", "-fPIC", "-DFASTPAR_STATIC", &archive, "-lm", "-ldl"]);
    let mut cases = Vec::new();
    for (name, arguments) in [("constructor", shared), ("static_copy", copy)] {
        let plugin = folder.join(format!("{name}.so"));
        compile(&format!("{name}.c"), &plugin, &arguments)?;
        let mut command = Command::new(&host);
        command.arg(name).arg(plugin).env_remove("FASTPAR_THREADS");
        cases.extend(lines::program(name, &process::run(&mut command, RUN_LIMIT)?));
    }
    Ok(cases)
}
