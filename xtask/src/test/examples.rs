//! Suite "examples": every example is compiled strictly and run, on small input and on real input.

use super::{csharp_examples, example_forms, Case, Context};
use crate::{demo, process, repo};
use anyhow::{ensure, Context as _, Result};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(300);

pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    let folder = repo::scratch("examples")?;
    let inputs =
        [("empty", Vec::new()), ("one", vec![7]), ("text", repo::read("include/fastpar.h")?.into_bytes())];
    let mut files = Vec::new();
    for (name, bytes) in inputs {
        let file = folder.join(name);
        std::fs::write(&file, bytes)?;
        files.push(file);
    }
    files.push(demo::largest_compiler_library()?);
    let mut cases = Vec::new();
    for compiler in ["gcc", "clang"] {
        if let Some(reason) = context.setup.missing(&[compiler, "zstd"]) {
            cases.push(Case::skipped(compiler, reason));
            continue;
        }
        let program = folder.join(format!("bytes-{compiler}"));
        demo::compile(context.staged()?, demo::SOURCE, compiler, &program)?;
        for file in &files {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            cases.push(Case::of(format!("bytes, {compiler}, {name}"), || check(&program, file)));
        }
        cases.push(Case::of(format!("bytes, {compiler}, no such file"), || {
            let finished = process::run(Command::new(&program).arg(folder.join("missing")), LIMIT)?;
            ensure!(!finished.success() && finished.output.contains("missing"), "{}", finished.describe());
            Ok(())
        }));
        let program = folder.join(format!("fpz-{compiler}"));
        demo::compile(context.staged()?, "examples/c/fpz.c", compiler, &program)?;
        for file in &files {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            cases.push(Case::of(format!("fpz, {compiler}, {name}"), || check_fpz(&program, file)));
        }
        cases.push(Case::of(format!("fpz, {compiler}, what is wrong"), || {
            check_fpz_errors(&program, &files[2])
        }));
        let program = folder.join(format!("fpz-{compiler}"));
        cases.push(Case::of(format!("fpz, {compiler}, the habits of zstd"), || {
            check_fpz_habits(&program, &files[2])
        }));
    }
    cases.extend(example_forms::cases(context, &folder)?);
    cases.extend(csharp_examples::cases(context)?);
    Ok(cases)
}

/// Every command of the tool, and `zstd` on what it makes.
fn check_fpz(program: &Path, file: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let run = |arguments: &[&str]| {
        process::must(Command::new(program).current_dir(folder.path()).args(arguments), LIMIT)
    };
    let data = std::fs::read(file)?;
    std::fs::write(folder.path().join("data"), &data)?;
    ensure!(run(&["-1", "-p", "compress", "data"])?.contains(" frame"), "no summary");
    process::must(
        Command::new("zstd").current_dir(folder.path()).args(["-dq", "data.zst", "-o", "back"]),
        LIMIT,
    )?;
    ensure!(std::fs::read(folder.path().join("back"))? == data, "zstd -d gives other bytes");
    let told = run(&["-v", "decompress", "data.zst", "again"])?;
    for word in ["on the clock", "codec", "waiting", "contexts", "memory"] {
        ensure!(told.contains(word), "-v does not tell {word}: {told}");
    }
    ensure!(std::fs::read(folder.path().join("again"))? == data, "decompress gives other bytes");
    let (tested, listed) = (run(&["-p", "test", "data.zst"])?, run(&["list", "data.zst"])?);
    ensure!(tested.contains(&format!("good, {} bytes", data.len())), "{tested}");
    let ends = ["\n1 frame", " frames"].map(|frames| format!("{frames}, {} bytes\n", data.len()));
    ensure!(ends.iter().any(|end| listed.ends_with(end)), "{listed}");
    let (offset, len) = (data.len() / 3, data.len() / 5);
    let cat = format!("{} cat data.zst {offset} {len} > part", program.display());
    process::must(Command::new("sh").current_dir(folder.path()).args(["-c", &cat]), LIMIT)?;
    ensure!(
        std::fs::read(folder.path().join("part"))? == data[offset..offset + len],
        "cat gives other bytes"
    );
    Ok(())
}

/// It says what is wrong, and touches nothing.
fn check_fpz_errors(program: &Path, file: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let fails = |arguments: &[&str], words: &str| {
        let finished = process::run(Command::new(program).current_dir(folder.path()).args(arguments), LIMIT)?;
        ensure!(
            !finished.success() && finished.output.contains(words),
            "{arguments:?}\n{}",
            finished.describe()
        );
        Ok(())
    };
    std::fs::copy(file, folder.path().join("plain.zst"))?;
    std::fs::write(folder.path().join("target"), "as it was")?;
    fails(&["compress"], "usage")?;
    fails(&["cat", "plain.zst", "-5"], "usage")?;
    fails(&["compress", "missing", "target"], "FASTPAR_ERR_IO")?;
    fails(&["decompress", "plain.zst", "target"], "FASTPAR_ERR_NOT_ZSTD")?;
    fails(&["test", "plain.zst"], "FASTPAR_ERR_NOT_ZSTD")?;
    fails(&["list", "plain.zst"], "FASTPAR_ERR_NOT_ZSTD")?;
    fails(&["cat", "missing"], "missing")?;
    ensure!(std::fs::read(folder.path().join("target"))? == b"as it was", "the target was touched");
    Ok(())
}

/// What people type who know `zstd`: in a shell, with `zstd` and `tar` at the other end.
fn check_fpz_habits(program: &Path, file: &Path) -> Result<()> {
    const SCRIPT: &str = r#"
        set -eu
        fails() { if "$@" 2>message; then echo "not refused: $*"; exit 1; fi; }
        cp "$1" a; cp a b; mkdir -p folder/inner; cp a folder/one; echo two > folder/inner/two
        fpz a b;               zstd -qdc a.zst | cmp - a; test -e b
        fails fpz a;           grep -q "exists already" message
        fails fpz -qq a;       test ! -s message
        fpz -q -f -19 a 2>message; test ! -s message
        fpz -9kf a;            zstd -qt a.zst
        fpz -d a.zst -o back;  cmp a back
        fpz -dc a.zst b.zst > both; cat a b | cmp - both
        cat a | fpz | zstd -qdc | cmp - a
        zstd -qc a | fpz -d | cmp - a
        fpz -c a > c.zst;      fpz -d < c.zst | cmp - a
        fpz -t a.zst b.zst | grep -c good | grep -qx 2
        fpz -l a.zst b.zst | tail -n 1 | grep -q b.zst
        fpz --long=20 -T2 --no-check a -o long.zst; zstd -qdc long.zst | cmp - a
        fpz --fast=3 --one-frame a -o fast.zst 2>message; zstd -qdc fast.zst | cmp - a
        grep -q ", 1 frame, " message; fpz list fast.zst | grep -q "^1 frame, "
        fpz -q -r --rm folder; test ! -e folder/one; zstd -qt folder/inner/two.zst
        fpz -q -d -r --rm folder; cmp folder/one a; test ! -e folder/one.zst
        fails fpz folder;      grep -q "is a folder" message
        tar -I fpz -cf t.tar.zst folder; zstd -qdc t.tar.zst | tar -t > list; grep -qx folder/inner/two list
        mkdir out; tar -I fpz -xf t.tar.zst -C out; diff -r folder out/folder
        fpz --rm -f b;         test ! -e b
        i=0; while [ $i -lt 100 ]; do i=$((i + 1)); head -c $((500 + 7 * i)) a > sample$i; done
        fpz -q --train sample* -o dict --maxdict=4096
        fpz -D dict a -o d.zst;   zstd -q -D dict -dc d.zst | cmp - a
        fpz -D dict -dc d.zst | cmp - a
        fails fpz -d d.zst -o none; test ! -e none
        fails fpz -c a > /dev/full; grep -q "cannot be written" message
        head -c 1000 a.zst > cut.zst; fails fpz -d cut.zst; grep -q TRUNCATED message; test ! -e cut
        code=0; fpz --nonsense 2>message || code=$?; test $code = 2
        echo plain > list; fpz ./list; zstd -qt list.zst
        : read-only targets, links, and targets of the standard input
        echo mine > ro; chmod 444 ro; fails fpz -q compress a ro; grep -q read-only message
        fails fpz -q -d -f cut.zst -o ro; grep -qx mine ro; test "$(stat -c %a ro)" = 444
        fpz -q -f a -o ro;     zstd -qdc ro | cmp - a
        chmod 444 ro;          fpz -q -f compress a ro; zstd -qdc ro | cmp - a
        echo old > real; ln -s real link
        fpz -q -d -f -o link < a.zst; cmp link a; grep -qx old real; test ! -L link
        echo kept > kept;      fails fpz -q -d -f -o kept < cut.zst; grep -qx kept kept
        cat a | fpz -q -f -o kept; zstd -qdc kept | cmp - a
        { head -c 10 > ten; fpz -q -f -o rest; } < a; zstd -qdc rest | cat ten - | cmp - a
        { echo head; fpz -q -d -f -o /dev/stdout < a.zst; } > joined; tail -n +2 joined | cmp - a
        fails fpz -q -f -o /dev/full < a; grep -q "/dev/full" message
        ln -s real link2; fails fpz -q -f --train sample* -o link2; grep -qx old real
        : Ctrl-C ends the work in a folder: one file at the most was under way
        mkdir many; i=0; while [ $i -lt 200 ]; do i=$((i + 1)); cp a many/$i; done
        fpz -q -19 -r many 2>message & work=$!
        while ! ls many/*.zst > found 2>&1; do sleep 0.05; done
        kill -INT $work;       code=0; wait $work || code=$?; test $code = 1
        test "$(ls many/*.zst | wc -l)" -lt 200; test "$(grep -c CANCELLED message)" -le 1
        test -z "$(ls -A | grep fpz-)"
    "#;
    let folder = tempfile::tempdir()?;
    let tools = folder.path().join("tools");
    std::fs::create_dir(&tools)?;
    std::fs::copy(program, tools.join("fpz"))?;
    let work = folder.path().join("work");
    std::fs::create_dir(&work)?;
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap_or_default());
    let mut shell = Command::new("sh");
    shell.current_dir(&work).env("PATH", path).args(["-c", SCRIPT, "sh"]).arg(file);
    process::must(&mut shell, LIMIT).map(drop)
}

/// Runs the program; what it compressed is what zstd decompresses.
fn check(program: &Path, file: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let compressed = folder.path().join("out.zst");
    let restored = folder.path().join("out");
    process::must(Command::new(program).arg(file).arg(&compressed), LIMIT)?;
    process::must(Command::new("zstd").arg("-dq").arg(&compressed).arg("-o").arg(&restored), LIMIT)?;
    let (a, b) = (std::fs::read(file)?, std::fs::read(&restored).context("what zstd made of it")?);
    ensure!(a == b, "zstd -d gives other bytes");
    Ok(())
}
