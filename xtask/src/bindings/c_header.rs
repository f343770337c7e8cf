//! `include/fastpar.h`: cbindgen's declarations, tidied and put into the order of the groups.

use super::groups::{self, Source};
use crate::header::{self, Header, Item, Kind};
use crate::repo;
use anyhow::{bail, ensure, Context, Result};
use std::collections::HashSet;

const PREAMBLE: &str = include_str!("preamble.txt");

const WIDTH: usize = 110;

const OPENING: &str = "\
#ifndef FASTPAR_H
#define FASTPAR_H

#include <stddef.h>
#include <stdint.h>

/* Programs that link the static library define FASTPAR_STATIC. */
#ifndef FASTPAR_API
#if defined(_WIN32) && !defined(FASTPAR_STATIC)
#define FASTPAR_API __declspec(dllimport)
#else
#define FASTPAR_API
#endif
#endif
";

const C_PLUS_PLUS: &str = "
#ifdef __cplusplus
extern \"C\" {
#endif
";

const CLOSING: &str = "
#ifdef __cplusplus
}
#endif

#endif
";

/// The text of the header.
pub(super) fn generate() -> Result<String> {
    let sources = groups::sources()?;
    let mut groups = Vec::new();
    for source in &sources {
        groups.push((source, declarations(source)?));
    }
    let mut text = preamble();
    text.push_str(OPENING);
    text.push_str(&version_macros()?);
    text.push_str(C_PLUS_PLUS);
    let all = Header { items: groups.iter().flat_map(|(_, items)| items.clone()).collect() };
    let mut written = HashSet::new();
    let mut group = "";
    for (source, items) in &groups {
        if source.group != group && !items.is_empty() {
            text.push_str(&banner(source));
            group = &source.group;
        }
        for item in items {
            write(item, &all, &mut written, &mut text)?;
        }
    }
    text.push_str(CLOSING);
    Ok(text)
}

/// What one file of the ABI declares, in the order of the file.
fn declarations(source: &Source) -> Result<Vec<Item>> {
    let path = repo::root().join("cbindgen.toml");
    let mut config =
        cbindgen::Config::from_file(&path).map_err(|e| anyhow::anyhow!("{}: {e}", path.display()))?;
    config.export.include = source.public_types();
    let builder = cbindgen::Builder::new().with_config(config).with_src(&source.path);
    let bindings = builder.generate().with_context(|| format!("cbindgen on {}", source.path.display()))?;
    let mut text = Vec::new();
    bindings.write(&mut text);
    let items = header::parse(&String::from_utf8(text)?)
        .with_context(|| format!("reading what cbindgen made of {}", source.path.display()))?
        .items;
    // cbindgen passes over what it cannot express.
    let exports = source.text.matches("#[no_mangle]").count();
    let functions = items.iter().filter(|item| matches!(item.kind, Kind::Function(_))).count();
    ensure!(functions == exports, "{}: {exports} exports, {functions} declarations", source.path.display());
    let mut places = Vec::new();
    for mut item in items {
        tidy(&mut item)?;
        places.push((source.position(&item.name)?, item));
    }
    places.sort_by_key(|(at, _)| *at);
    Ok(places.into_iter().map(|(_, item)| item).collect())
}

/// Turns what is for Rust into what is for C.
fn tidy(item: &mut Item) -> Result<()> {
    item.comment = for_c(&item.comment);
    ensure!(!item.comment.is_empty(), "{} has no comment", item.name);
    if let Kind::Constant { value } = &mut item.kind {
        // Without a suffix the type of such a literal differs between systems.
        if value.parse::<u64>().is_ok_and(|number| number > i32::MAX as u64) {
            value.push_str(if value.parse::<u32>().is_ok() { "u" } else { "ull" });
        }
    }
    if let Kind::Struct { fields } = &item.kind {
        if let Some(field) = fields.iter().find(|field| field.length.as_deref() == Some("0")) {
            bail!("{}.{}: C has no empty arrays; leave out repr(C)", item.name, field.variable.name);
        }
    }
    Ok(())
}

/// A Rust comment without its section on safety, with code indented instead of fenced, and without empty
/// lines at its end.
fn for_c(comment: &[String]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut skipping = false;
    let mut code = false;
    for line in comment {
        if line.starts_with("```") {
            code = !code;
            continue;
        }
        if let Some(title) = line.strip_prefix("# ").filter(|_| !code) {
            skipping = title == "Safety";
        }
        if !skipping {
            lines.push(if code { format!("    {line}").trim_end().to_owned() } else { line.clone() });
        }
    }
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

/// Writes a declaration once, after everything that it mentions.
fn write(item: &Item, all: &Header, written: &mut HashSet<String>, text: &mut String) -> Result<()> {
    if !written.insert(item.name.clone()) {
        return Ok(());
    }
    for name in mentioned(item) {
        if let Some(other) = all.get(&name) {
            write(other, all, written, text)?;
        }
    }
    // Constants with a line each stand close together.
    let constant = matches!(item.kind, Kind::Constant { .. });
    if !(constant && text.lines().next_back().is_some_and(|line| line.starts_with("#define"))) {
        text.push('\n');
    }
    text.push_str(&header::item(item));
    Ok(())
}

/// The names of fastpar's that a declaration uses.
fn mentioned(item: &Item) -> Vec<String> {
    let mut bare = item.clone();
    bare.comment.clear();
    if let Kind::Struct { fields } = &mut bare.kind {
        fields.iter_mut().for_each(|field| field.comment.clear());
    }
    let text = header::item(&bare);
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.filter(|word| word.to_lowercase().starts_with("fastpar_")).map(str::to_owned).collect()
}

fn banner(source: &Source) -> String {
    let about = if source.about.is_empty() { String::new() } else { format!(": {}", source.about) };
    let head = format!("/* ==== {}{about} ", source.group);
    format!("\n{head}{:=<width$} */\n", "", width = (WIDTH - 3).saturating_sub(head.len()))
}

fn preamble() -> String {
    let lines = PREAMBLE.lines().map(|line| format!(" * {line}").trim_end().to_owned() + "\n");
    format!("/*\n{} */\n\n", lines.collect::<String>())
}

fn version_macros() -> Result<String> {
    let [major, minor, patch] = repo::version()?;
    ensure!(minor < 100 && patch < 100, "the version does not fit into FASTPAR_VERSION_NUMBER");
    Ok(format!(
        "
/* The version of this header; fastpar_version() tells the library's. */
#define FASTPAR_VERSION_MAJOR {major}
#define FASTPAR_VERSION_MINOR {minor}
#define FASTPAR_VERSION_PATCH {patch}
#define FASTPAR_VERSION_NUMBER {number} /* major * 10000 + minor * 100 + patch */
#define FASTPAR_VERSION_STRING \"{major}.{minor}.{patch}\"
",
        number = major * 10_000 + minor * 100 + patch
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn safety_is_for_rust_only() {
        assert_eq!(
            for_c(&lines("One.\n\n# Safety\nPointers.\n\n# Note\nMore.\n\n")),
            lines("One.\n\n# Note\nMore.")
        );
        assert_eq!(for_c(&lines("One.\n\n# Safety\nPointers.")), ["One."]);
    }

    #[test]
    fn code_is_indented() {
        assert_eq!(for_c(&lines("Like:\n\n```c\nx = 1;\n```\n\nEnd.")), lines("Like:\n\n    x = 1;\n\nEnd."));
    }

    #[test]
    fn large_constants_are_unsigned() {
        let mut header = header::parse("/** Much. */\n#define FASTPAR_X 4294967295\n").unwrap();
        tidy(&mut header.items[0]).unwrap();
        assert_eq!(header.items[0].kind, Kind::Constant { value: "4294967295u".into() });
    }

    #[test]
    fn the_header_is_the_same_every_time() {
        assert_eq!(generate().unwrap(), generate().unwrap());
    }
}
