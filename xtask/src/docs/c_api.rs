//! The reference of C: the header, a page for each of its groups, and one for the rules at its top.

use super::entry::{self, Entry, Page};
use crate::header::{self, Field, Item, Kind};
use anyhow::{Context, Result};

/// The pages of a header.
pub(super) fn pages(text: &str) -> Result<Vec<Page>> {
    let mut parts = text.split("/* ==== ");
    parts.next();
    let mut pages = Vec::new();
    for part in parts {
        let (banner, declarations) = part.split_once("*/").context("a banner without an end")?;
        let banner = banner.trim_end().trim_end_matches('=').trim_end();
        let (group, about) = banner.split_once(": ").unwrap_or((banner, ""));
        let items = header::parse(declarations).with_context(|| group.to_owned())?.items;
        let title = match about {
            "" => capital(group),
            about => format!("{}: {about}", capital(group)),
        };
        let entries = items.into_iter().map(entry_of).collect();
        pages.push(Page { name: group.replace(' ', "-"), title, entries });
    }
    Ok(pages)
}

/// The first comment of a header, as a page of its own.
pub(super) fn rules(text: &str) -> Result<String> {
    let (comment, _) = text.split_once("\n */").context("the header begins with no comment")?;
    let lines: Vec<String> = comment
        .lines()
        .skip(1)
        .map(|line| line.trim_start_matches(" *").strip_prefix(' ').unwrap_or("").to_owned())
        .collect();
    let mut out = String::from("# The rules of the C interface\n\n");
    // "Statuses. A function ..." begins the part about statuses.
    for paragraph in entry::comment(&lines).split("\n\n") {
        let heading = paragraph.split_once(". ").filter(|(heading, rest)| {
            heading.len() < 40 && !heading.contains(['`', ',']) && rest.starts_with(char::is_uppercase)
        });
        match heading {
            Some((heading, rest)) if !heading.contains('\n') => {
                out += &format!("## {heading}\n\n{rest}\n\n");
            }
            _ => out += &format!("{paragraph}\n\n"),
        }
    }
    Ok(out)
}

fn entry_of(item: Item) -> Entry {
    let text = entry::comment(&item.comment);
    let mut bare = Item { comment: Vec::new(), ..item };
    let mut members = Vec::new();
    if let Kind::Struct { fields } = &mut bare.kind {
        members.extend(fields.iter().map(field));
        fields.iter_mut().for_each(|field| field.comment.clear());
    }
    let declaration = header::item(&bare);
    let declaration = declaration.trim_end();
    let declaration = declaration.strip_prefix("FASTPAR_API ").unwrap_or(declaration);
    Entry { members, ..Entry::new(bare.name, declaration, text) }
}

fn field(field: &Field) -> Entry {
    let bare = Field { comment: Vec::new(), ..field.clone() };
    let length = bare.length.map_or(String::new(), |length| format!("[{length}]"));
    let space = if bare.variable.ty.ends_with('*') { "" } else { " " };
    let declaration = format!("{}{space}{}{length};", bare.variable.ty, bare.variable.name);
    Entry::new(bare.variable.name, declaration, entry::comment(&field.comment))
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_become_pages() {
        let text = "/*\n * The rules, stated once:\n *\n * Units. Sizes are bytes.\n */\n\n/* ==== loops: a callback ==== */\n\n\
                    /** Does it. */\nFASTPAR_API void fastpar_do(int32_t *x);\n\n\
                    /** Options. */\ntypedef struct fastpar_o {\n  /** How many. */\n  \
                    size_t n;\n} fastpar_o;\n";
        let pages = pages(text).unwrap();
        assert_eq!((pages.len(), pages[0].title.as_str()), (1, "Loops: a callback"));
        let [function, options] = &pages[0].entries[..] else { panic!("{pages:?}") };
        assert_eq!(function.forms[0].declaration, "void fastpar_do(int32_t *x);");
        assert_eq!(options.members[0], Entry::new("n", "size_t n;", "How many.\n".into()));
        assert!(rules(text).unwrap().ends_with("## Units\n\nSizes are bytes.\n\n\n"));
    }
}
