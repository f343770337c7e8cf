//! `bindings/csharp/NativeMethods.g.cs`: the raw layer of the C# binding, by csbindgen.
//!
//! csbindgen skips declarations that it cannot express, with a message only. So the result is compared with
//! the header, and a missing declaration is an error.

use super::csharp_calls;
use super::groups::{self, Source};
use crate::header::{Header, Kind};
use anyhow::{anyhow, ensure, Result};
use std::fmt::Write;

const HEADER: &str =
    "// Made by `cargo xtask bindings` from the sources of include/fastpar.h, which is the manual.";

/// The text of the file.
pub(super) fn generate(header: &Header) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let mut builder = csbindgen::Builder::default();
    for (number, source) in groups::sources()?.iter().enumerate() {
        let path = folder.path().join(format!("{number}.rs"));
        std::fs::write(&path, prepare(source, header)?)?;
        builder = builder.input_extern_file(path);
    }
    let output = folder.path().join("NativeMethods.g.cs");
    builder
        .csharp_namespace("Fastpar")
        .csharp_class_name("NativeMethods")
        .csharp_class_accessibility("internal")
        .csharp_dll_name("fastpar")
        .csharp_use_function_pointer(false)
        .csharp_use_nint_types(false)
        .csharp_generate_const_filter(|name| name.starts_with("FASTPAR_"))
        .csharp_file_header(HEADER)
        .generate_csharp_file(&output)
        .map_err(|error| anyhow!("csbindgen: {error}"))?;
    // A word of Rust that names a field is none of C#.
    let text = tidy(&std::fs::read_to_string(output)?).replace(" r#type", " type");
    let text = with_signs(text, header);
    let missing = missing(&text, header);
    ensure!(missing.is_empty(), "csbindgen did not express:\n{}", missing.join("\n"));
    Ok(csharp_calls::both(&text))
}

/// A source as csbindgen can read it: the comments stay in the header, lengths of arrays are literals,
/// numbers that C# cannot have as constants of type UIntPtr are 32 bits wide, and none has a sign: see
/// `with_signs`.
fn prepare(source: &Source, header: &Header) -> Result<String> {
    let mut text = String::new();
    for line in source.text.lines().filter(|line| !line.trim_start().starts_with("///")) {
        let mut line = line.to_owned();
        if line.starts_with("pub const FASTPAR_") {
            line = line.replace(": usize =", ": u32 =").replace(" = -", " = ");
        } else if let Some((start, name, end)) = array_length(&line) {
            let value = match header.get(name).map(|item| &item.kind) {
                Some(Kind::Constant { value }) => value,
                _ => anyhow::bail!("{}: {name} is not a constant of the header", source.path.display()),
            };
            line = format!("{start}{value}{end}");
        }
        writeln!(text, "{line}")?;
    }
    Ok(text)
}

/// Gives constants that are negative their signs.
fn with_signs(text: String, header: &Header) -> String {
    let negative = header.items.iter().filter_map(|item| match &item.kind {
        Kind::Constant { value } => Some((&item.name, value.strip_prefix('-')?)),
        _ => None,
    });
    negative.fold(text, |text, (name, value)| {
        text.replace(&format!(" {name} = {value};"), &format!(" {name} = -{value};"))
    })
}

/// `pub field: [type; NAME],` in three parts, the second of them `NAME`.
fn array_length(line: &str) -> Option<(&str, &str, &str)> {
    let at = line.trim_start().starts_with("pub ").then(|| line.find("; FASTPAR_"))?? + 2;
    let end = at + line[at..].find(']')?;
    Some((&line[..at], &line[at..end], &line[end..]))
}

/// One line end, no trailing spaces, no runs of empty lines.
fn tidy(text: &str) -> String {
    let mut tidied = String::new();
    for line in text.lines().map(str::trim_end) {
        if !(line.is_empty() && (tidied.is_empty() || tidied.ends_with("\n\n") || tidied.ends_with("{\n"))) {
            tidied.push_str(line);
            tidied.push('\n');
        }
    }
    tidied.trim_end().to_owned() + "\n"
}

/// What the header declares and the C# source does not.
fn missing(text: &str, header: &Header) -> Vec<String> {
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    let has =
        |start: &str, end: &str| lines.iter().any(|line| line.starts_with(start) && line.ends_with(end));
    let mut missing = Vec::new();
    for item in &header.items {
        let name = &item.name;
        match &item.kind {
            Kind::Constant { .. } if name.starts_with("FASTPAR_VERSION_") => {} // macros of the header alone
            Kind::Constant { value } => {
                let value = value.trim_end_matches('u');
                let end = format!(" {name} = {value};");
                if !has("internal const ", &end) {
                    missing.push(format!("constant{end}"));
                }
            }
            Kind::Opaque => {
                if !has("internal unsafe partial struct ", &format!(" {name}")) {
                    missing.push(format!("struct {name}"));
                }
            }
            Kind::Struct { fields } => missing.extend(missing_fields(&lines, name, fields.len())),
            Kind::Function(signature) => {
                let names = signature.parameters.iter().map(|p| p.name.as_str());
                if !lines.iter().any(|line| is_method(line, name, names.clone())) {
                    missing.push(format!("function {name}"));
                }
            }
            Kind::Alias { .. } | Kind::Callback(_) => {} // resolved where they are used
        }
    }
    missing
}

/// A struct has so many fields, each with a type.
fn missing_fields(lines: &[&str], name: &str, count: usize) -> Option<String> {
    let start = format!("internal unsafe partial struct {name}");
    let body = lines.iter().skip_while(|line| **line != start).skip(2).take_while(|line| **line != "}");
    let whole =
        body.filter(|line| line.starts_with("public ") && line.split_whitespace().count() >= 3).count();
    (whole != count).then(|| format!("struct {name}: {whole} fields of {count}"))
}

/// Whether a line declares the method, with these parameters.
fn is_method<'a>(line: &str, name: &str, parameters: impl Iterator<Item = &'a str>) -> bool {
    let Some((_, rest)) = line.split_once(&format!(" {name}(")) else { return false };
    let Some(list) = rest.strip_suffix(");") else { return false };
    let found = list.split(", ").filter_map(|parameter| parameter.rsplit_once(' '));
    line.starts_with("internal static extern ") && found.map(|(_, name)| name).eq(parameters)
}

/// `tests/csharp/Layout.g.cs` is made from the same numbers as the other layout tests.
pub(super) fn layout(table: &[super::layout::Layout<'_>]) -> Result<String> {
    let mut text = String::from(
        "// Made by `cargo xtask bindings`. A number that changes breaks every compiled program.

namespace Fastpar.Tests
{
    /// <summary>Sizes and offsets of the structs of the C ABI.</summary>
    internal static class Layout
    {
        internal static readonly (string Name, int Size, (string Name, int Offset)[] Fields)[] Structs =
        {
",
    );
    for layout in table {
        writeln!(text, "            (\"{}\", {}, new[]\n            {{", layout.name, layout.size)?;
        for (field, offset) in &layout.fields {
            writeln!(text, "                (\"{field}\", {offset}),")?;
        }
        text.push_str("            }),\n");
    }
    text.push_str("        };\n    }\n}\n");
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::parse;

    const HEADER: &str = "\
/** N. */
#define FASTPAR_N 3
/** S. */
typedef struct fastpar_s {
  uint8_t a;
  char text[FASTPAR_N];
} fastpar_s;
/** F. */
FASTPAR_API int32_t fastpar_f(void *x, int32_t y);
";

    #[test]
    fn what_is_skipped_is_missed() {
        let header = parse(HEADER).unwrap();
        let text = "
        internal const uint FASTPAR_N = 3;
        internal static extern int fastpar_f(void* x, int y);
    internal unsafe partial struct fastpar_s
    {
        public byte a;
        public fixed byte text[3];
    }
";
        assert!(missing(text, &header).is_empty());
        for lost in ["const uint", "int y", "public byte a;", "fixed byte "] {
            assert_eq!(missing(&text.replace(lost, ""), &header).len(), 1, "without {lost}");
        }
    }

    #[test]
    fn lengths_become_literals() {
        let header = parse(HEADER).unwrap();
        let source = |text: &str| Source {
            group: String::new(),
            about: String::new(),
            path: "x.rs".into(),
            text: text.into(),
        };
        let text = "/// N.\npub const FASTPAR_N: usize = 3;\n    pub text: [c_char; FASTPAR_N],\n";
        let expected = "pub const FASTPAR_N: u32 = 3;\n    pub text: [c_char; 3],\n";
        assert_eq!(prepare(&source(text), &header).unwrap(), expected);
        assert!(prepare(&source("    pub text: [c_char; FASTPAR_M],\n"), &header).is_err());
    }
}
