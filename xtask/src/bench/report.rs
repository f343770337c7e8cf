//! Writing the figures down: everything as JSON, the tables into `benches/README.md` between their markers.

use crate::repo;
use anyhow::{Context, Result};
use serde_json::Value;

/// Writes the results of one group.
pub(super) fn write(group: &str, command: &str, results: &Value, tables: &str) -> Result<()> {
    let folder = repo::root().join("benches/results");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join(group).with_extension("json"), compact(results) + "\n")?;
    put(group, &format!("Written by `{command}`.\n\n{tables}"))?;
    println!("{tables}");
    Ok(())
}

/// Puts a text between its markers in `benches/README.md`.
pub(super) fn put(name: &str, text: &str) -> Result<()> {
    let path = "benches/README.md";
    let page = repo::read(path)?;
    let (begin, end) = (format!("<!-- {name}: begin -->"), format!("<!-- {name}: end -->"));
    let (head, rest) = page.split_once(&begin).with_context(|| format!("{path} lacks {begin}"))?;
    let (_, tail) = rest.split_once(&end).with_context(|| format!("{path} lacks {end}"))?;
    Ok(std::fs::write(repo::root().join(path), format!("{head}{begin}\n{text}{end}{tail}"))?)
}

/// The longest value that stands on one line.
const WIDTH: usize = 240;

/// JSON in as few lines as a reader and a diff can do with: a value that fits stands on one line.
fn compact(value: &Value) -> String {
    fn put(value: &Value, depth: usize, text: &mut String) {
        let line = value.to_string();
        let inner = "  ".repeat(depth + 1);
        let mut list = |open: char, close: char, items: Vec<(String, &Value)>| {
            text.push(open);
            for (number, (key, item)) in items.into_iter().enumerate() {
                text.push_str(if number == 0 { "\n" } else { ",\n" });
                text.push_str(&inner);
                text.push_str(&key);
                put(item, depth + 1, text);
            }
            text.push('\n');
            text.push_str(&inner[2..]);
            text.push(close);
        };
        match value {
            _ if line.len() + 2 * depth <= WIDTH => text.push_str(&line),
            // The rounds of a cell: a row of figures, however long it is.
            Value::Array(items) if items.iter().all(Value::is_number) => text.push_str(&line),
            Value::Array(items) => {
                list('[', ']', items.iter().map(|item| (String::new(), item)).collect());
            }
            Value::Object(fields) => {
                let key = |key: &String| format!("{}: ", Value::from(key.as_str()));
                list('{', '}', fields.iter().map(|(name, item)| (key(name), item)).collect());
            }
            _ => text.push_str(&line),
        }
    }
    let mut text = String::new();
    put(value, 0, &mut text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_fits_stands_on_one_line() {
        let value = serde_json::json!({ "a": [1, 2.5, "x\"y"], "b": vec![12345; 80], "c": { "d": null }, "e": vec!["some text"; 30] });
        let text = compact(&value);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        assert_eq!(text.lines().count(), 2 + 3 + 32);
    }

    /// Results hold only what tables and plots read: `write` leaves out the rest. A group that has no table
    /// yet has no results.
    #[test]
    fn the_results_are_written_like_that() {
        let page = repo::read("benches/README.md").unwrap();
        for group in crate::bench::GROUPS {
            let path = repo::root().join("benches/results").join(group.name).with_extension("json");
            let empty = format!("<!-- {0}: begin -->\n<!-- {0}: end -->", group.name);
            assert!(page.contains(&empty) != path.exists(), "{}: table or results are missing", group.name);
            if !path.exists() {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            let value: Value = serde_json::from_str(&text).unwrap();
            assert!(text == compact(&value) + "\n", "{} is not as `write` makes it", path.display());
        }
    }
}
