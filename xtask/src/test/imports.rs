//! Suite "imports": no import of `src/` runs up or sideways. The rule is the table of ARCHITECTURE.md, so the
//! two cannot drift.

mod source;
mod table;

use super::{Case, Context};
use crate::repo;
use anyhow::Result;
use std::path::Path;
use table::Table;

/// A Rust file of `src/`.
struct SourceFile {
    /// Relative to `src/`, with `/` on every system.
    path: String,
    text: String,
}

pub(super) fn run(_: &mut Context) -> Result<Vec<Case>> {
    let table = Table::parse(&repo::read("ARCHITECTURE.md")?)?;
    let mut files = Vec::new();
    collect(&repo::root().join("src"), "", &mut files)?;
    Ok(check(&table, &files).into_iter().map(|(name, complaints)| Case::checked(name, complaints)).collect())
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<SourceFile>) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{path}/"), files)?;
        } else if path.ends_with(".rs") {
            files.push(SourceFile { path, text: std::fs::read_to_string(entry.path())? });
        }
    }
    Ok(())
}

/// What is wrong with each row of the table, and with the table as a whole.
fn check(table: &Table, files: &[SourceFile]) -> Vec<(String, Vec<String>)> {
    let mut cases: Vec<(String, Vec<String>)> =
        table.rows().map(|row| (row.name.clone(), table.missing(row, files))).collect();
    let mut homeless = Vec::new();
    for file in files {
        let module = source::module(&file.path);
        let Some(own) = table.row_of(&module) else {
            homeless.push(format!("src/{} is in no row of the table", file.path));
            continue;
        };
        for import in source::imports(&file.text, &module) {
            let verdict = match table.row_of(&import.path) {
                Some(other) if table.allows(own, other) => continue,
                Some(other) => format!("{} may not import {}", table.name(own), table.name(other)),
                None => "it leads to no row of the table".to_owned(),
            };
            let path = import.path.join("::");
            cases[own].1.push(format!("src/{}:{}: crate::{path}: {verdict}", file.path, import.line));
        }
    }
    cases.push(("every file has a row".to_owned(), homeless));
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "
| floor | files | holds | may import |
| --- | --- | --- | --- |
| ground | `error.rs` | errors | nothing |
| pool | `pool/` | threads | ground |
| job | `job/` | loops | pool and below |
| format | `codec/format/` | headers | ground |
| buffer | `codec/buffer/` | memory | format, job and below |
| stream | `codec/stream/` | streams | format, job and below |
| codec | `codec/mod.rs` | the outside | all above |
";

    /// The complaints about a tree of these files, beside one good file for each row.
    fn complaints(more: &[(&str, &str)]) -> Vec<String> {
        let good = ["error.rs", "pool/mod.rs", "job/mod.rs", "codec/format/mod.rs", "codec/buffer/mod.rs"];
        let good = good.into_iter().chain(["codec/stream/mod.rs", "codec/mod.rs"]).map(|path| (path, ""));
        let files: Vec<_> = good
            .chain(more.iter().copied())
            .map(|(path, text)| SourceFile { path: path.to_owned(), text: text.to_owned() })
            .collect();
        let table = Table::parse(TABLE).unwrap();
        check(&table, &files).into_iter().flat_map(|(_, complaints)| complaints).collect()
    }

    #[test]
    fn imports_that_run_down_pass() {
        let text =
            "use crate::codec::format::frame::Frame;\nuse crate::{error::Error, job, pool};\nuse super::x;";
        assert_eq!(complaints(&[("codec/buffer/compress.rs", text)]), Vec::<String>::new());
        assert_eq!(
            complaints(&[("codec/format/frame.rs", "use crate::error::Result;")]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn imports_that_run_up_fail() {
        let found = complaints(&[("pool/call.rs", "use crate::error::Result;\nuse crate::job::Ticket;")]);
        assert_eq!(found, ["src/pool/call.rs:2: crate::job::Ticket: pool may not import job"]);
        // By a group, in an expression, from an inline module, by `super`, and by what the top re-exports.
        for text in [
            "use crate::{\n    error::Error,\n    job::{self, Chunk},\n};",
            "fn f() { crate::job::run(); }",
            "mod tests { use super::super::super::job::run; }",
            "use super::super::job::run;",
            "use crate::codec::Options;",
        ] {
            assert!(!complaints(&[("pool/call.rs", text)]).is_empty(), "{text}");
        }
    }

    #[test]
    fn imports_that_run_sideways_fail() {
        let text = "use super::super::stream::Reader;";
        let found = complaints(&[("codec/buffer/batch.rs", text)]);
        let expected =
            "src/codec/buffer/batch.rs:1: crate::codec::stream::Reader: buffer may not import stream";
        assert_eq!(found, [expected]);
    }

    #[test]
    fn words_are_no_imports() {
        let text = "//! crate::job::Chunk\n/* use crate::job; */\nconst A: &str = \"crate::job\";\nconst B: &str = r#\"crate::job\"#;\nconst C: char = '\"'; fn f<'a>(x: &'a u8) {}";
        assert_eq!(complaints(&[("pool/call.rs", text)]), Vec::<String>::new());
    }

    #[test]
    fn files_and_rows_need_each_other() {
        assert_eq!(complaints(&[("extra.rs", "")]), ["src/extra.rs is in no row of the table"]);
        let table = Table::parse(&TABLE.replace("`error.rs`", "`error.rs` `gone.rs`")).unwrap();
        assert_eq!(table.missing(table.rows().next().unwrap(), &[]).len(), 2);
    }

    #[test]
    fn tables_that_make_no_sense_are_refused() {
        for (from, to) in [
            ("| threads | ground |", "| threads | job |"),
            ("| threads | ground |", "| threads | cellar |"),
            ("| floor |", "| story |"),
        ] {
            assert!(Table::parse(&TABLE.replace(from, to)).is_err(), "{to}");
        }
    }
}
