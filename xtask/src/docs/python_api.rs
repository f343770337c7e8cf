//! The reference of Python: the docstrings of the package, and how its sources declare what it offers.

use super::entry::{self, Entry, Page};
use crate::{process, repo};
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

/// Pages, by a Python that knows the package's syntax.
pub(super) fn pages(python: &Path) -> Result<Vec<Page>> {
    let mut command = Command::new(python);
    command.args(["-B", "docs/site/python_api.py", "bindings/python/fastpar"]).current_dir(repo::root());
    let found: Value = serde_json::from_str(&process::must(&mut command, LIMIT)?).context("python_api.py")?;
    found.as_array().context("no pages")?.iter().map(page).collect()
}

fn page(value: &Value) -> Result<Page> {
    let name = text(value, "page");
    let doc = text(value, "doc");
    let title = doc.lines().next().unwrap_or_default();
    let title = title.split(". ").next().unwrap_or_default().trim_end_matches('.');
    let (package, module) = name.rsplit_once("._").unwrap_or((name, ""));
    let title = match module {
        "" => format!("The package {name}"),
        _ => format!("{package}: {}", lower(title)),
    };
    let mut entries = entries(value)?;
    if module.is_empty() {
        // The package's own docstring is a manual in columns.
        let manual = Entry::new("Overview", "", format!("```text\n{doc}\n```\n"));
        entries.insert(0, manual);
    }
    Ok(Page { name: name.replace("._", "-").replace('.', "-"), title, entries: entry::joined(entries) })
}

fn entries(value: &Value) -> Result<Vec<Entry>> {
    let key = if value.get("entries").is_some() { "entries" } else { "members" };
    let list = value.get(key).and_then(Value::as_array).context("no entries")?;
    list.iter()
        .map(|value| {
            let lines: Vec<String> = text(value, "doc").lines().map(str::to_owned).collect();
            let mut entry =
                Entry::new(text(value, "name"), text(value, "declaration"), entry::comment(&lines));
            entry.members = entry::joined(entries(value)?);
            Ok(entry)
        })
        .collect()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn lower(title: &str) -> String {
    let mut letters = title.chars();
    letters.next().map_or(String::new(), |first| first.to_lowercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_becomes_a_page() {
        let json = r#"{"page": "fastpar._loops", "doc": "Parallel loops.", "entries": [
            {"name": "map", "declaration": "def map(f): ...", "doc": "", "members": []},
            {"name": "map", "declaration": "def map(f):", "doc": "Calls `f`.", "members": []}]}"#;
        let page = page(&serde_json::from_str(json).unwrap()).unwrap();
        assert_eq!((page.name.as_str(), page.title.as_str()), ("fastpar-loops", "fastpar: parallel loops"));
        assert_eq!((page.entries.len(), page.entries[0].forms.len()), (1, 2));
    }
}
