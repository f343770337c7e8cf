//! What Doxygen tells of comments, as Markdown.

use super::entry;
use roxmltree::Node;

pub(super) fn child_text(node: &Node<'_, '_>, name: &str) -> String {
    let child = node.children().find(|child| child.has_tag_name(name));
    child.map_or(String::new(), |child| all_text(&child).split_whitespace().collect::<Vec<_>>().join(" "))
}

fn all_text(node: &Node<'_, '_>) -> String {
    node.descendants().filter(Node::is_text).filter_map(|part| part.text()).collect()
}

/// What stands about something, as Markdown.
pub(super) fn description(node: &Node<'_, '_>) -> String {
    let mut blocks = Vec::new();
    for name in ["briefdescription", "detaileddescription"] {
        for part in node.children().filter(|child| child.has_tag_name(name)) {
            blocks_of(&part, &mut blocks);
        }
    }
    // Of the other parts of a partial class.
    blocks.retain(|block| !block.starts_with("\\<content\\>"));
    blocks.join("\n\n") + "\n"
}

/// Paragraphs, code and lists of a node.
fn blocks_of(node: &Node<'_, '_>, blocks: &mut Vec<String>) {
    let mut line = String::new();
    for child in node.children() {
        let inline = inline(&child);
        if let Some(text) = inline {
            line += &text;
            continue;
        }
        finish(&mut line, blocks);
        match child.tag_name().name() {
            "programlisting" => blocks.push(format!("```\n{}\n```", listing(&child))),
            "verbatim" | "preformatted" => {
                blocks.push(format!("```\n{}\n```", all_text(&child).trim_end()));
            }
            "itemizedlist" | "orderedlist" => {
                let items = child.children().filter(|item| item.has_tag_name("listitem"));
                blocks.push(items.map(|item| item_of("- ", &item)).collect::<Vec<_>>().join("\n"));
            }
            "parameterlist" => blocks.push(parameters(&child)),
            "simplesect" => blocks.push(match child.attribute("kind").unwrap_or_default() {
                "return" => item_of("- **Returns** ", &child),
                _ => {
                    let mut inner = Vec::new();
                    blocks_of(&child, &mut inner);
                    inner.join("\n\n")
                }
            }),
            _ => blocks_of(&child, blocks),
        }
    }
    finish(&mut line, blocks);
}

fn finish(line: &mut String, blocks: &mut Vec<String>) {
    let text = std::mem::take(line);
    if !text.trim().is_empty() {
        blocks.push(text.split_whitespace().collect::<Vec<_>>().join(" "));
    }
}

/// The text of what stands within a line; none for a block.
fn inline(node: &Node<'_, '_>) -> Option<String> {
    if node.is_text() {
        return Some(entry::escape(node.text().unwrap_or_default()));
    }
    Some(match node.tag_name().name() {
        "computeroutput" => format!("`{}`", all_text(node)),
        // Names of types and members.
        "ref" => format!("`{}`", all_text(node)),
        "emphasis" | "bold" | "ulink" | "anchor" => entry::escape(&all_text(node)),
        "sp" | "linebreak" => " ".into(),
        "mdash" => "-".into(),
        "ndash" => "-".into(),
        _ => return None,
    })
}

/// Lines of code.
fn listing(node: &Node<'_, '_>) -> String {
    let lines = node.children().filter(|child| child.has_tag_name("codeline"));
    let text = |line: Node<'_, '_>| -> String {
        line.descendants()
            .filter_map(|part| match part.has_tag_name("sp") {
                true => Some(" "),
                false => part.is_text().then(|| part.text().unwrap_or_default()),
            })
            .collect()
    };
    lines.map(text).collect::<Vec<_>>().join("\n")
}

/// An item of a list; what follows its first line is indented.
fn item_of(sign: &str, node: &Node<'_, '_>) -> String {
    let mut inner = Vec::new();
    blocks_of(node, &mut inner);
    format!("{sign}{}", inner.join("\n\n").replace('\n', "\n  "))
}

fn parameters(node: &Node<'_, '_>) -> String {
    let throws = node.attribute("kind") == Some("exception");
    let items = node.children().filter(|child| child.has_tag_name("parameteritem"));
    let lines = items.map(|item| {
        let names = item.children().find(|child| child.has_tag_name("parameternamelist"));
        let names = names.map_or(String::new(), |names| all_text(&names).trim().to_owned());
        let text = item.children().find(|child| child.has_tag_name("parameterdescription"));
        let sign = if throws { format!("- **Throws** `{names}`: ") } else { format!("- `{names}`: ") };
        text.map_or(String::new(), |text| item_of(&sign, &text))
    });
    lines.collect::<Vec<_>>().join("\n")
}
