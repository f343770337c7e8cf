//! The guard of the ABI: what the library promises is recorded in `tests/abi/baseline`, and compared with
//! what it does.
//!
//! The types are compared by libabigail's `abidiff`, functions and constants by their names.

mod probe;

pub(crate) use probe::PROGRAMS;

use crate::header::{Header, Item, Kind};
use crate::{process, repo};
use anyhow::{bail, ensure, Context, Result};
use probe::Probe;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

pub(crate) const RULE: &str = "Programs that were compiled with an older fastpar.h run with every newer library of the same \
    FASTPAR_ABI_VERSION: nothing is removed, renamed, retyped or renumbered; structs that begin with struct_size may grow at their \
    end, all others stay as they are. Add a function or a struct instead. (For a new FASTPAR_ABI_VERSION delete tests/abi/baseline, \
    and run `cargo xtask abi`.)";

pub(crate) const RECORD: &str =
    "The ABI has grown, which is allowed: record it with `cargo xtask abi`, and commit tests/abi/baseline.";

/// What has changed against the baseline.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Changes that break programs which are compiled already.
    pub(crate) broken: Vec<String>,
    /// Additions.
    pub(crate) added: Vec<String>,
}

/// What is promised: names with the version since which a function exists, or with the value of a constant.
pub(crate) struct Baseline {
    folder: PathBuf,
    functions: BTreeMap<String, String>,
    constants: BTreeMap<String, String>,
}

/// `cargo xtask abi`: writes down what was added; refuses to write down what breaks programs.
pub(crate) fn run() -> Result<()> {
    let header = repo::root().join("include/fastpar.h");
    let folder = folder();
    if folder.is_dir() {
        let exports = declared(&Header::committed()?);
        let changes = Baseline::committed()?.compare(&header, &exports)?;
        if !changes.broken.is_empty() {
            bail!("not recorded, because it breaks programs:\n{}\n{RULE}", changes.broken.join("\n"));
        }
        changes.added.iter().for_each(|line| println!("{line}"));
    }
    record(&header, &folder)
}

/// Writes the baseline of a header.
pub(crate) fn record(header: &Path, folder: &Path) -> Result<()> {
    let parsed = parse(header)?;
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("types.abi"), Probe::build(header)?.describe()?)?;
    for (name, table) in [("functions.txt", functions(&parsed)?), ("constants.txt", constants(&parsed))] {
        let text: String = table.iter().map(|(name, value)| format!("{name} {value}\n")).collect();
        std::fs::write(folder.join(name), text)?;
    }
    Ok(())
}

impl Baseline {
    pub(crate) fn committed() -> Result<Self> {
        Self::read(&folder())
    }

    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let table = |name: &str| {
            let path = folder.join(name);
            let text = std::fs::read_to_string(&path)
                .with_context(|| format!("reading {}: `cargo xtask abi` writes it", path.display()))?;
            let rows = text.lines().filter_map(|line| line.split_once(' '));
            Ok::<_, anyhow::Error>(rows.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
        };
        let (functions, constants) = (table("functions.txt")?, table("constants.txt")?);
        Ok(Self { folder: folder.to_owned(), functions, constants })
    }

    /// Compares a header, and the functions that the library has, with what was promised.
    pub(crate) fn compare(&self, header: &Path, exports: &BTreeSet<String>) -> Result<Changes> {
        let parsed = parse(header)?;
        let mut changes = Changes::default();
        for name in self.functions.keys().filter(|name| !exports.contains(*name)) {
            changes.broken.push(format!("function {name} is gone from the library"));
        }
        differences("function", "Since", &self.functions, &functions(&parsed)?, &mut changes);
        differences("constant", "value", &self.constants, &constants(&parsed), &mut changes);
        let newest = newest()?;
        for (name, since) in functions(&parsed)? {
            if !self.functions.contains_key(&name) && since != newest {
                changes.broken.push(format!("function {name} is new, so \"Since: {newest}\", not {since}"));
            }
        }
        let probe = Probe::build(header)?;
        let baseline = self.folder.join("types.abi");
        if let Some(report) = probe.differences(&baseline, &sized_structs(&parsed))? {
            changes.broken.push(format!("types:\n{report}"));
        } else if let Some(report) = probe.differences(&baseline, &[])? {
            changes.added.push(format!("types:\n{report}"));
        }
        Ok(changes)
    }
}

/// The functions that a library has.
pub(crate) fn exports(library: &Path) -> Result<BTreeSet<String>> {
    let mut nm = Command::new("nm");
    nm.args(["-D", "--defined-only", "--format=posix"]).arg(library);
    let table = process::must(&mut nm, LIMIT)?;
    Ok(table.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect())
}

pub(crate) fn declared(header: &Header) -> BTreeSet<String> {
    header.functions().map(|(item, _)| item.name.clone()).collect()
}

fn folder() -> PathBuf {
    repo::root().join("tests/abi/baseline")
}

fn parse(header: &Path) -> Result<Header> {
    let text = std::fs::read_to_string(header).with_context(|| format!("reading {}", header.display()))?;
    crate::header::parse(&text)
}

fn functions(header: &Header) -> Result<BTreeMap<String, String>> {
    header.functions().map(|(item, _)| Ok((item.name.clone(), since(item)?))).collect()
}

/// The version in a function's comment.
fn since(item: &Item) -> Result<String> {
    let text = item.comment.join(" ");
    let version = text.split_once("Since: ").map_or("", |(_, rest)| rest).split_whitespace().next();
    let version = version.unwrap_or_default().trim_end_matches('.');
    let is_version = version.split('.').count() == 2 && version.split('.').all(|n| n.parse::<u32>().is_ok());
    ensure!(is_version, "{}: \"Since: MAJOR.MINOR\" is missing from its comment", item.name);
    Ok(version.to_owned())
}

/// What stands after "Since" of a function that is added now: until 1.0 is released everything is promised
/// for that.
fn newest() -> Result<String> {
    let [major, minor, _] = repo::version()?;
    Ok(if major == 0 { "1.0".to_owned() } else { format!("{major}.{minor}") })
}

fn constants(header: &Header) -> BTreeMap<String, String> {
    let constant = |item: &Item| match &item.kind {
        // The version of the header is there to change.
        Kind::Constant { value } if !item.name.starts_with("FASTPAR_VERSION_") => {
            Some((item.name.clone(), value.clone()))
        }
        _ => None,
    };
    header.items.iter().filter_map(constant).collect()
}

/// The structs that may grow.
fn sized_structs(header: &Header) -> Vec<String> {
    let names = header.structs().map(|(item, _)| item.name.clone());
    names.filter(|name| header.is_sized_struct(name)).collect()
}

fn differences(
    kind: &str,
    what: &str,
    before: &BTreeMap<String, String>,
    now: &BTreeMap<String, String>,
    changes: &mut Changes,
) {
    for (name, old) in before {
        match now.get(name) {
            None => changes.broken.push(format!("{kind} {name} is gone from the header")),
            Some(new) if new != old => {
                changes.broken.push(format!("{kind} {name}: its {what} was {old}, and is {new}"));
            }
            Some(_) => {}
        }
    }
    let new = now.iter().filter(|(name, _)| !before.contains_key(*name));
    changes.added.extend(new.map(|(name, value)| format!("{kind} {name}: {what} {value}")));
}
