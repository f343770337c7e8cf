//! Part of suite "examples": programs in C#.

use super::{Case, Context};
use crate::dotnet::{Sdk, FRAMEWORK};
use crate::{process, repo};
use anyhow::{ensure, Context as _, Result};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(300);

/// Slow clients of the server, all at once: more than the threads that .NET begins with.
const CLIENTS: usize = 200;

/// Makes the command of a program.
pub(super) type Program = Box<dyn Fn() -> Command>;

type Check = fn(&Program) -> Result<()>;

pub(super) fn cases(context: &mut Context) -> Result<Vec<Case>> {
    if let Some(reason) = context.setup.missing(&["zstd", "tar"]) {
        return Ok(vec![Case::skipped("C#: archives of tar, and a server", reason)]);
    }
    let mut cases = Vec::new();
    for (project, check) in [("Tar", check_tar as Check), ("Server", check_server)] {
        cases.push(match build(context, project)? {
            Ok(program) => Case::of(format!("C#, {project}"), || check(&program)),
            Err(reason) => Case::skipped(format!("C#, {project}"), reason),
        });
    }
    Ok(cases)
}

/// Builds an example; the reason, where there is no .NET.
pub(super) fn build(context: &mut Context, project: &str) -> Result<Result<Program, String>> {
    let sdk = match Sdk::get()? {
        Ok(sdk) => sdk,
        Err(reason) => return Ok(Err(reason)),
    };
    let library = context.staged()?.shared();
    // Where suite "csharp" has the library of this framework.
    let artifacts = repo::scratch("csharp")?.join(FRAMEWORK);
    let folder = project.to_lowercase();
    sdk.build("build", &format!("examples/csharp/{folder}/{project}.csproj"), &artifacts, &[])?;
    let program = artifacts.join("bin").join(project).join("Release").join(FRAMEWORK);
    let program = program.join(format!("{project}.dll"));
    Ok(Ok(Box::new(move || {
        let mut command = sdk.command();
        command.arg(&program).env("FASTPAR_LIBRARY", &library);
        command
    })))
}

/// Folders go to files and back, also by `tar` on one side; what is wrong is told.
fn check_tar(program: &Program) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(path("tree/empty"))?;
    std::fs::create_dir_all(path("tree/h\u{e4}user"))?;
    std::fs::write(path("tree/nothing"), "")?;
    std::fs::write(path("tree/h\u{e4}user/text"), repo::read("include/fastpar.h")?.repeat(20))?;
    let run = |arguments: &[&Path]| process::must(program().args(arguments), LIMIT);
    let tar = |arguments: &[&str]| {
        process::must(Command::new("tar").arg("--zstd").args(arguments).current_dir(folder.path()), LIMIT)
    };
    let (c, t, x) = (Path::new("c"), Path::new("t"), Path::new("x"));
    run(&[c, &path("tree"), &path("ours.tar.zst")])?;
    run(&[x, &path("ours.tar.zst"), &path("again")])?;
    std::fs::create_dir(path("by tar"))?;
    tar(&["-xf", "ours.tar.zst", "-C", "by tar"])?;
    tar(&["-cf", "theirs.tar.zst", "-C", "tree", "."])?;
    run(&[x, &path("theirs.tar.zst"), &path("theirs")])?;
    for copy in ["again", "by tar", "theirs"] {
        let mut diff = Command::new("diff");
        process::must(diff.arg("-r").args([path("tree"), path(copy)]), LIMIT).context(copy)?;
    }
    let told = run(&[t, &path("ours.tar.zst")])?;
    ensure!(told.lines().count() == 4 && told.contains(" h\u{e4}user/text\n"), "{told}");
    std::fs::write(path("cut.tar.zst"), &std::fs::read(path("ours.tar.zst"))?[..1000])?;
    let wrong: [&[&Path]; 3] = [
        &[t, &path("missing")],
        &[x, &path("cut.tar.zst"), &path("cut")],
        &[c, &path("tree"), &path("ours.tar.zst")],
    ];
    for arguments in wrong {
        let finished = process::run(program().args(arguments), LIMIT)?;
        let code = finished.status.and_then(|status| status.code());
        ensure!(code == Some(1) && finished.output.len() > 10, "{}", finished.describe());
    }
    ensure!(path("ours.tar.zst").is_file(), "a file that was there is gone");
    Ok(())
}

fn check_server(program: &Program) -> Result<()> {
    let told = process::must(program().args(["--clients", &CLIENTS.to_string()]), LIMIT)?;
    let all = format!("{CLIENTS} of {CLIENTS}");
    ensure!(told.starts_with(&format!("{all} slow requests and {all} slow answers were served")), "{told}");
    Ok(())
}
