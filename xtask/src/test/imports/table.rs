//! The table of ARCHITECTURE.md: which files are one floor, and which floors one may import.

use super::{source, SourceFile};
use anyhow::{bail, Context, Result};
use std::collections::BTreeSet;

/// What the table begins with.
const HEAD: &str = "| floor | files | holds | may import |";

pub(super) struct Row {
    pub(super) name: String,
    /// As they are written: `pool/`, `error.rs`.
    paths: Vec<String>,
    /// Indexes of the rows that may be imported, the row itself among them.
    may_import: BTreeSet<usize>,
}

pub(super) struct Table {
    rows: Vec<Row>,
}

impl Table {
    /// Finds the table in the text. A row may name those above it only, so a circle cannot be written down.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut lines = text.lines().skip_while(|line| line.trim() != HEAD);
        lines.next().with_context(|| format!("there is no table that begins with {HEAD:?}"))?;
        let mut rows: Vec<Row> = Vec::new();
        for line in lines.skip(1).take_while(|line| line.starts_with('|')) {
            let cells: Vec<_> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
            let [name, paths, _, may_import] = cells[..] else { bail!("a row without four cells: {line}") };
            let paths: Vec<_> = paths.split('`').skip(1).step_by(2).map(str::to_owned).collect();
            if paths.is_empty() {
                bail!("{name} names no files");
            }
            let may_import = floors(&rows, may_import).with_context(|| format!("what {name} may import"))?;
            rows.push(Row { name: name.to_owned(), paths, may_import });
        }
        Ok(Self { rows })
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter()
    }

    pub(super) fn name(&self, row: usize) -> &str {
        &self.rows[row].name
    }

    /// The row of a module or of an item in it: the row with the longest path.
    pub(super) fn row_of(&self, module: &[String]) -> Option<usize> {
        let fits = self
            .rows
            .iter()
            .enumerate()
            .flat_map(|(index, row)| row.paths.iter().map(move |path| (index, source::module(path))));
        let fits = fits.filter(|(_, path)| module.starts_with(path));
        // `lib.rs` is the root of every path: only what lies in no module is its own.
        let fits = fits.filter(|(_, path)| !path.is_empty() || module.len() < 2);
        fits.max_by_key(|(_, path)| path.len()).map(|(index, _)| index)
    }

    pub(super) fn allows(&self, from: usize, to: usize) -> bool {
        from == to || self.rows[from].may_import.contains(&to)
    }

    /// The paths of a row that no file has.
    pub(super) fn missing(&self, row: &Row, files: &[SourceFile]) -> Vec<String> {
        let exists = |path: &str| match path.strip_suffix('/') {
            Some(_) => files.iter().any(|file| file.path.starts_with(path)),
            None => files.iter().any(|file| file.path == path),
        };
        let gone = row.paths.iter().filter(|path| !exists(path));
        gone.map(|path| format!("the table names src/{path}, which does not exist")).collect()
    }
}

/// Reads `ground, pool and below`: the rows so named, and with "and below" what they may import themselves.
fn floors(rows: &[Row], text: &str) -> Result<BTreeSet<usize>> {
    match text {
        "nothing" => return Ok(BTreeSet::new()),
        "all above" => return Ok((0..rows.len()).collect()),
        _ => {}
    }
    let mut all = BTreeSet::new();
    for item in text.split(", ") {
        let name = item.strip_suffix(" and below").unwrap_or(item);
        let index = rows.iter().position(|row| row.name == name);
        let index = index.with_context(|| format!("{name:?} is no row above this one"))?;
        all.insert(index);
        if name != item {
            all.extend(&rows[index].may_import);
        }
    }
    Ok(all)
}
