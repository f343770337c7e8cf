//! The reference of C++ and of C#: what Doxygen reads in their sources, as pages.

use super::doxygen_text::{child_text, description};
use super::entry::{self, Entry, Page};
use crate::{process, repo};
use anyhow::{Context, Result};
use roxmltree::{Document, Node};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(5 * 60);

/// A language, as Doxygen is told about it.
pub(super) struct Language {
    pub(super) name: &'static str,
    input: &'static str,
    pattern: &'static str,
    settings: &'static str,
    /// What names begin with.
    namespace: &'static str,
    /// Of a declaration, for colours.
    pub(super) highlight: &'static str,
    /// Where the first line of a source names the page; else each type is one.
    by_file: bool,
}

pub(super) const CPP: Language = Language {
    name: "cpp",
    input: "include/fastpar",
    pattern: "*.hpp",
    // The inline namespace keeps programs of several standards apart, and is nobody's to name.
    settings: "INPUT_FILTER = \"sed -e /FASTPAR_CPP/d\"\n\
               EXCLUDE_SYMBOLS = fastpar::detail fastpar::detail::* detail\n\
               JAVADOC_AUTOBRIEF = YES\nENABLE_PREPROCESSING = YES\nMACRO_EXPANSION = YES\nEXPAND_ONLY_PREDEF = YES\n\
               PREDEFINED = __cpp_lib_jthread=1 __cplusplus=202002L\n",
    namespace: "fastpar::",
    highlight: "cpp",
    by_file: true,
};

pub(super) const CSHARP: Language = Language {
    name: "csharp",
    input: "bindings/csharp",
    pattern: "*.cs",
    settings: "OPTIMIZE_OUTPUT_JAVA = YES\nEXCLUDE_PATTERNS = *.g.cs */Native/*\nRECURSIVE = NO\n",
    namespace: "Fastpar.",
    highlight: "csharp",
    by_file: false,
};

/// How overloads of C# are described that are there to be refused by the compiler.
const REFUSED: &str = "Not for asynchronous";

fn is_enum(node: &Node<'_, '_>) -> bool {
    node.attribute("kind") == Some("enum")
}

/// Members that are part of what a program may use.
fn is_public(node: &Node<'_, '_>) -> bool {
    matches!(node.attribute("prot"), Some("public" | "protected") | None)
}

impl Language {
    /// Its pages, by their names.
    pub(super) fn pages(&self, scratch: &Path) -> Result<Vec<Page>> {
        let folder = self.run(scratch)?;
        let mut pages: BTreeMap<String, Page> = BTreeMap::new();
        for file in xml_files(&folder)? {
            let text = std::fs::read_to_string(&file)?;
            let document = Document::parse(&text).with_context(|| file.display().to_string())?;
            for compound in document.descendants().filter(|node| node.has_tag_name("compounddef")) {
                self.compound(&compound, &mut pages);
            }
        }
        for page in pages.values_mut() {
            page.entries = entry::joined(std::mem::take(&mut page.entries));
        }
        if self.by_file {
            for page in pages.values_mut() {
                page.title = file_title(&repo::read(&format!("{}/{}.hpp", self.input, page.name))?)?;
            }
        }
        Ok(pages.into_values().collect())
    }

    /// Has Doxygen read the sources; the folder with what it found.
    fn run(&self, scratch: &Path) -> Result<PathBuf> {
        let out = scratch.join(self.name);
        if out.exists() {
            std::fs::remove_dir_all(&out)?;
        }
        std::fs::create_dir_all(&out)?;
        let file = out.join("Doxyfile");
        let common = "GENERATE_HTML = NO\nGENERATE_LATEX = NO\nGENERATE_XML = YES\nXML_PROGRAMLISTING = NO\nQUIET = YES\n\
                      WARNINGS = NO\nHIDE_UNDOC_MEMBERS = YES\nHIDE_UNDOC_CLASSES = YES\nEXTRACT_STATIC = YES\nAUTOLINK_SUPPORT = NO\n";
        let text = format!(
            "PROJECT_NAME = fastpar\nINPUT = {}\nFILE_PATTERNS = {}\nOUTPUT_DIRECTORY = {}\n{common}{}",
            self.input,
            self.pattern,
            out.display(),
            self.settings
        );
        std::fs::write(&file, text)?;
        process::must(Command::new("doxygen").arg(&file).current_dir(repo::root()), LIMIT)?;
        Ok(out.join("xml"))
    }

    fn compound(&self, node: &Node<'_, '_>, pages: &mut BTreeMap<String, Page>) {
        let kind = node.attribute("kind").unwrap_or_default();
        let name = self.short(&child_text(node, "compoundname"));
        let types = ["class", "struct", "interface", "enum", "union"];
        if types.contains(&kind) && is_public(node) && !hidden(&name) {
            let text = description(node);
            if text.trim().is_empty() {
                return;
            }
            let mut entry = Entry::new(&name, format!("{kind} {}", self.template(node, &name)), text);
            entry.members = self.members(node, &name);
            self.put(node, &name, entry, pages);
        } else if kind == "namespace" && !hidden(&name) || kind == "file" && !self.by_file {
            // Enumerations of C# stand in no type, and Doxygen may not see that a file is of a namespace.
            for member in member_nodes(node).filter(|member| kind == "namespace" || is_enum(member)) {
                if let Some(entry) = self.member(&member, &name) {
                    let name = entry.name.clone();
                    self.put(&member, &name, entry, pages);
                }
            }
        }
    }

    /// On the page of its file, or on one of its own.
    fn put(&self, node: &Node<'_, '_>, name: &str, entry: Entry, pages: &mut BTreeMap<String, Page>) {
        let location = node.children().find(|child| child.has_tag_name("location"));
        let file = location.and_then(|location| location.attribute("file")).unwrap_or_default();
        let file = Path::new(file).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let (key, title) = match self.by_file {
            true => (file, String::new()),
            // Types within a type are on its page.
            false => {
                let outer = name.split(['.', '<']).next().unwrap_or(name).to_owned();
                (outer.clone(), outer)
            }
        };
        let page = pages.entry(key.clone()).or_insert(Page { name: key, title, entries: Vec::new() });
        page.entries.push(entry);
    }

    fn members(&self, node: &Node<'_, '_>, owner: &str) -> Vec<Entry> {
        entry::joined(member_nodes(node).filter_map(|member| self.member(&member, owner)).collect())
    }

    /// What a program may use of a type or namespace.
    fn member(&self, node: &Node<'_, '_>, owner: &str) -> Option<Entry> {
        if !is_public(node) || node.attribute("kind") == Some("friend") {
            return None;
        }
        let name = child_text(node, "name");
        let text = description(node);
        if text.trim().is_empty() || hidden(&name) || text.starts_with(REFUSED) {
            return None;
        }
        let declaration = match node.attribute("kind")? {
            "enum" => format!("enum {name}"),
            "define" => return None,
            _ => {
                let definition = child_text(node, "definition").replace(self.namespace, "");
                let arguments = child_text(node, "argsstring").replace(self.namespace, "");
                if arguments.contains("NoReturn") {
                    return None;
                }
                let inside = |separator: &str| format!("{owner}{separator}{name}");
                let definition = definition.replace(&inside("::"), &name).replace(&inside("."), &name);
                self.template(node, &format!("{definition}{arguments}"))
            }
        };
        let mut entry = Entry::new(name, wrapped(&declaration), text);
        let values = node.children().filter(|child| child.has_tag_name("enumvalue"));
        entry.members = values
            .map(|value| {
                let name = child_text(&value, "name");
                let declaration = format!("{name} {}", child_text(&value, "initializer"));
                Entry::new(name, declaration.trim(), description(&value))
            })
            .collect();
        Some(entry)
    }

    /// A declaration after the parameters of its template.
    fn template(&self, node: &Node<'_, '_>, declaration: &str) -> String {
        if self.highlight != "cpp" {
            return declaration.to_owned();
        }
        let Some(list) = node.children().find(|child| child.has_tag_name("templateparamlist")) else {
            return declaration.to_owned();
        };
        let parameters: Vec<_> = list
            .children()
            .filter(|child| child.has_tag_name("param"))
            .map(|param| {
                let name = child_text(&param, "declname");
                let default = child_text(&param, "defval");
                let default = if default.is_empty() { default } else { format!(" = {default}") };
                format!("{} {name}", child_text(&param, "type")).trim().to_owned() + &default
            })
            .collect();
        format!("template <{}>\n{declaration}", parameters.join(", "))
    }

    /// A name without the namespace.
    fn short(&self, name: &str) -> String {
        let name = name.replace("::", if self.highlight == "cpp" { "::" } else { "." });
        name.strip_prefix(self.namespace).unwrap_or(&name).to_owned()
    }
}

/// What is for the sources themselves.
fn hidden(name: &str) -> bool {
    name.split([':', '.']).any(|part| part == "detail" || part == "Native") || name.starts_with('@')
}

fn member_nodes<'a, 'input>(node: &Node<'a, 'input>) -> impl Iterator<Item = Node<'a, 'input>> {
    let sections = node.children().filter(|child| child.has_tag_name("sectiondef"));
    sections.flat_map(|section| section.children().filter(|child| child.has_tag_name("memberdef")))
}

fn xml_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.extension().is_some_and(|end| end == "xml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The first sentence of a header: `/* Parallel loops. Part of fastpar.hpp. */`.
fn file_title(text: &str) -> Result<String> {
    let first = text.lines().next().unwrap_or_default().trim_start_matches("/* ");
    let title = first.split(". ").next().unwrap_or_default();
    (!title.is_empty()).then(|| title.to_owned()).context("a header without a first line")
}

/// A parameter on each line, where one line would be long.
fn wrapped(declaration: &str) -> String {
    const WIDTH: usize = 100;
    let last = declaration.lines().last().unwrap_or_default();
    let Some(open) = declaration.find('(').filter(|_| last.len() > WIDTH) else {
        return declaration.to_owned();
    };
    let mut out = declaration[..=open].to_owned();
    let mut depth = 0;
    for c in declaration[open + 1..].chars() {
        match c {
            '(' | '<' | '[' | '{' => depth += 1,
            ')' | '>' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                out.push_str(",\n   ");
                continue;
            }
            _ => {}
        }
        if out.ends_with('(') && depth == 0 && out.len() == open + 1 {
            out.push_str("\n    ");
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMBER: &str = "<c><memberdef kind=\"function\" prot=\"public\">\
        <templateparamlist><param><type>class Body</type></param></templateparamlist>\
        <definition>void fastpar::each</definition><argsstring>(Body &amp;&amp;body)</argsstring><name>each</name>\
        <briefdescription><para>Calls a <computeroutput>body</computeroutput>.</para></briefdescription>\
        <detaileddescription><para>As:<programlisting><codeline><highlight>go<sp/>on</highlight></codeline></programlisting>\
        <parameterlist kind=\"param\"><parameteritem><parameternamelist><parametername>body</parametername></parameternamelist>\
        <parameterdescription><para>a *callable*</para></parameterdescription></parameteritem></parameterlist></para>\
        </detaileddescription></memberdef></c>";

    #[test]
    fn a_member_becomes_an_entry() {
        let document = Document::parse(MEMBER).unwrap();
        let node = document.descendants().find(|node| node.has_tag_name("memberdef")).unwrap();
        let entry = CPP.member(&node, "fastpar").unwrap();
        assert_eq!(entry.forms[0].declaration, "template <class Body>\nvoid each(Body &&body)");
        let expected = "Calls a `body`.\n\nAs:\n\n```\ngo on\n```\n\n- `body`: a \\*callable\\*\n";
        assert_eq!(entry.forms[0].text, expected);
    }

    #[test]
    fn long_declarations_have_lines() {
        let long = format!("void f(int {}, std::pair<int, int> b)", "a".repeat(100));
        assert_eq!(wrapped(&long).lines().count(), 3);
        assert_eq!(wrapped("void f(int a, int b)"), "void f(int a, int b)");
    }
}
