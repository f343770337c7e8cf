//! What the reference is made of, whatever language it is of: pages of entries, written as Markdown.

use std::fmt::Write as _;

/// Something that has a name: a function, a type, a constant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    /// As it is declared. Several, with a text each, where a name is overloaded.
    pub(super) forms: Vec<Form>,
    /// Fields, constants, methods.
    pub(super) members: Vec<Entry>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) declaration: String,
    /// Markdown.
    pub(super) text: String,
}

/// A page of the reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Page {
    /// The file's name, without its ending.
    pub(super) name: String,
    pub(super) title: String,
    pub(super) entries: Vec<Entry>,
}

impl Page {
    /// `highlight`: the language of declarations, for colours.
    pub(super) fn markdown(&self, highlight: &str) -> String {
        let mut out = format!("# {}\n\n", self.title);
        for entry in &self.entries {
            // A page of one type has its name.
            if entry.name == self.title {
                entry.write_text(&mut out, 2, highlight);
            } else {
                entry.write(&mut out, 2, highlight);
            }
        }
        out
    }
}

impl Entry {
    /// One that is declared once.
    pub(super) fn new(name: impl Into<String>, declaration: impl Into<String>, text: String) -> Self {
        let form = Form { declaration: declaration.into(), text };
        Self { name: name.into(), forms: vec![form], members: Vec::new() }
    }

    /// The first sentence of its text.
    pub(super) fn summary(&self) -> String {
        let text = self.forms.first().map_or("", |form| form.text.as_str());
        let paragraph: Vec<_> = text.lines().take_while(|line| !line.is_empty()).collect();
        let paragraph = paragraph.join(" ");
        match paragraph.find(". ") {
            Some(end) => paragraph[..=end].to_owned(),
            None => paragraph,
        }
    }

    fn write(&self, out: &mut String, level: usize, highlight: &str) {
        let _ = writeln!(out, "{} {}\n", "#".repeat(level), escape(&self.name));
        self.write_text(out, level + 1, highlight);
    }

    /// What stands below its heading; `level`: of its members.
    fn write_text(&self, out: &mut String, level: usize, highlight: &str) {
        for form in &self.forms {
            if !form.declaration.is_empty() {
                let _ = writeln!(out, "```{highlight}\n{}\n```\n", form.declaration);
            }
            let _ = writeln!(out, "{}\n", form.text.trim_end());
        }
        for member in &self.members {
            member.write(out, level, highlight);
        }
    }
}

/// Joins entries of one name that follow each other.
pub(super) fn joined(entries: Vec<Entry>) -> Vec<Entry> {
    let mut all: Vec<Entry> = Vec::new();
    for entry in entries {
        match all.iter_mut().find(|known| known.name == entry.name) {
            Some(known) => {
                known.forms.extend(entry.forms);
                known.members.extend(entry.members);
            }
            None => all.push(entry),
        }
    }
    all
}

/// Text in which nothing is a sign of Markdown.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '<' | '>' | '[' | ']' | '|' | '~' | '$' | '{' | '}') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// A comment as Markdown: paragraphs, code that is indented or between back quotes, and lists of `@param`,
/// `@return` and `@throws`.
pub(super) fn comment(lines: &[String]) -> String {
    let mut out = String::new();
    let mut in_code = false;
    let mut in_list = false;
    for line in lines {
        let code = line.starts_with("    ") && !in_list || in_code && line.is_empty();
        if code && !in_code && line.trim().is_empty() {
            out.push('\n');
            continue;
        }
        if code != in_code {
            out.push_str(if code { "\n```\n" } else { "```\n\n" });
            in_code = code;
        }
        if code {
            let _ = writeln!(out, "{}", line.strip_prefix("    ").unwrap_or(line));
        } else if let Some((tag, rest)) = tag(line) {
            if !in_list {
                out.push('\n');
            }
            in_list = true;
            match tag {
                "param" | "tparam" => {
                    let (name, text) = rest.split_once(' ').unwrap_or((rest, ""));
                    let _ = writeln!(out, "- `{name}`: {}", prose(text.trim_start()));
                }
                "return" => {
                    let _ = writeln!(out, "- **Returns** {}", prose(rest));
                }
                _ => {
                    let _ = writeln!(out, "- **Throws** {}", prose(rest));
                }
            }
        } else if line.trim().is_empty() {
            in_list = false;
            out.push('\n');
        } else if in_list {
            let _ = writeln!(out, "  {}", prose(line.trim_start()));
        } else {
            let _ = writeln!(out, "{}", prose(line));
        }
    }
    if in_code {
        out.push_str("```\n");
    }
    out
}

fn tag(line: &str) -> Option<(&str, &str)> {
    let (tag, rest) = line.strip_prefix('@')?.split_once(' ')?;
    ["param", "tparam", "return", "throws"].contains(&tag).then(|| (tag, rest.trim_start()))
}

/// A line of a text, in which only back quotes are signs of Markdown.
pub(super) fn prose(line: &str) -> String {
    let mut parts = line.split('`');
    let mut out = escape_prose(parts.next().unwrap_or_default());
    let mut code = true;
    for part in parts {
        out.push('`');
        out += &if code { part.to_owned() } else { escape_prose(part) };
        code = !code;
    }
    out
}

/// As `escape`, but a list stays a list.
fn escape_prose(text: &str) -> String {
    match text.strip_prefix("- ") {
        Some(rest) => format!("- {}", escape(rest)),
        None => escape(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn comments_become_markdown() {
        let text = "Does `a*b` and c*d.\n\nAs this:\n\n    for (;;)\n\n        go();\n\nSo it is.\n\n@param n  how many;\n          not 0\n@return what it is\n\nNever blocks.";
        let expected = "Does `a*b` and c\\*d.\n\nAs this:\n\n\n```\nfor (;;)\n\n    go();\n\n```\n\nSo it is.\n\n\n- `n`: how many;\n  not 0\n- **Returns** what it is\n\nNever blocks.\n";
        assert_eq!(comment(&lines(text)), expected);
    }

    #[test]
    fn overloads_are_one_entry() {
        let all = joined(["a", "b", "a"].map(|name| Entry::new(name, "int x;", "X. Y.".into())).to_vec());
        assert_eq!(all.iter().map(|entry| entry.forms.len()).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(all[0].summary(), "X.");
        let page = Page { name: "p".into(), title: "P".into(), entries: all };
        assert!(page.markdown("c").starts_with("# P\n\n## a\n\n```c\nint x;\n```\n\nX. Y.\n"));
    }
}
