//! `tests/abi/layout.{rs,c}` and what C# tests: size, alignment and offsets of every struct by the rules of
//! the 64-bit ABIs, to be compared with what rustc and the C compilers make of them.

use crate::header::{Field, Header, Kind};
use anyhow::{bail, Context, Result};
use std::fmt::Write;

pub(super) struct Layout<'h> {
    pub(super) name: &'h str,
    pub(super) size: u64,
    align: u64,
    pub(super) fields: Vec<(&'h str, u64)>,
}

/// A table for the macro in `tests/abi/main.rs`.
pub(super) fn rust(header: &Header) -> Result<String> {
    let mut text = String::from(
        "// Made by `cargo xtask bindings`. A number that changes breaks every compiled program.\n\nlayout! {\n",
    );
    for layout in layouts(header)? {
        writeln!(text, "    {}: size {}, align {} {{", layout.name, layout.size, layout.align)?;
        for (field, offset) in layout.fields {
            // A word of Rust that names a field.
            let raw = if field == "type" { "r#" } else { "" };
            writeln!(text, "        {raw}{field}: {offset},")?;
        }
        text.push_str("    }\n");
    }
    text.push_str("}\n");
    Ok(text)
}

/// A translation unit of static asserts, for C99 to C++17.
pub(super) fn c(header: &Header) -> Result<String> {
    let mut text = String::from(
        "/* Made by `cargo xtask bindings`. A number that changes breaks every compiled program. */
#include <fastpar.h>

/* C99 has no static assert: an array of negative size fails just as well. */
#define GLUE(a, b) a##b
#define NAME(line) GLUE(assert_line_, line)
#define ASSERT(condition) typedef char NAME(__LINE__)[(condition) ? 1 : -1]

#if SIZE_MAX == UINT64_MAX
",
    );
    for Layout { name, size, fields, .. } in layouts(header)? {
        writeln!(text, "\nASSERT(sizeof({name}) == {size});")?;
        for (field, offset) in fields {
            writeln!(text, "ASSERT(offsetof({name}, {field}) == {offset});")?;
        }
    }
    text.push_str("\n#endif\n\nint main(void) { return 0; }\n");
    Ok(text)
}

/// Every struct of the header.
pub(super) fn layouts(header: &Header) -> Result<Vec<Layout<'_>>> {
    header
        .structs()
        .map(|(item, fields)| layout(header, &item.name, fields).with_context(|| item.name.clone()))
        .collect()
}

fn layout<'h>(header: &'h Header, name: &'h str, fields: &'h [Field]) -> Result<Layout<'h>> {
    let mut layout = Layout { name, size: 0, align: 1, fields: Vec::new() };
    for field in fields {
        let (size, align) = size_of(header, &field.variable.ty)?;
        let length = field.length.as_ref().map_or(Ok(1), |length| number(header, length))?;
        let offset = layout.size.next_multiple_of(align);
        layout.fields.push((&field.variable.name, offset));
        layout.size = offset + size * length;
        layout.align = layout.align.max(align);
    }
    layout.size = layout.size.next_multiple_of(layout.align);
    Ok(layout)
}

/// Size and alignment of a type.
fn size_of(header: &Header, ty: &str) -> Result<(u64, u64)> {
    let size = match ty {
        "char" | "int8_t" | "uint8_t" => 1,
        "int16_t" | "uint16_t" => 2,
        "int32_t" | "uint32_t" | "float" => 4,
        "int64_t" | "uint64_t" | "size_t" | "double" => 8,
        pointer if pointer.ends_with('*') => 8,
        name => match header.get(name).map(|item| &item.kind) {
            Some(Kind::Callback(_)) => 8,
            Some(Kind::Alias { ty }) => return size_of(header, ty),
            Some(Kind::Struct { fields }) => {
                let inner = layout(header, name, fields)?;
                return Ok((inner.size, inner.align));
            }
            _ => bail!("a field of type {name} has no fixed size"),
        },
    };
    Ok((size, size))
}

fn number(header: &Header, text: &str) -> Result<u64> {
    match header.get(text).map(|item| &item.kind) {
        Some(Kind::Constant { value }) => number(header, value),
        _ => text.parse().with_context(|| format!("the length {text}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::parse;

    #[test]
    fn padding_is_counted() {
        let text = "\
/** N. */
#define FASTPAR_N 3
/** F. */
typedef int32_t (*fastpar_fn)(void *x);
/** S. */
typedef struct fastpar_s {
  uint8_t a;
  fastpar_fn f;
  char text[FASTPAR_N];
  uint32_t n;
} fastpar_s;
";
        let table = rust(&parse(text).unwrap()).unwrap();
        assert!(table.contains(
            "fastpar_s: size 24, align 8 {\n        a: 0,\n        f: 8,\n        text: 16,\n        n: 20,"
        ));
    }
}
