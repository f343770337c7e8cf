//! `bindings/python/fastpar/_native.py`: the raw layer of the Python package, for ctypes.

use super::layout::Layout;
use crate::header::{Header, Item, Kind, Signature, Variable};
use anyhow::{bail, ensure, Result};
use std::fmt::Write;

const OPENING: &str = "\
\"\"\"The C ABI for ctypes: made by `cargo xtask bindings` from the sources of include/fastpar.h, which is the manual.

A `user_data` or `progress_data` is a Python object: whoever passes it keeps it alive. Other pointers are addresses, or whatever
ctypes takes for one.
\"\"\"

import ctypes
from typing import Final

";

const DECLARE: &str = "

def declare(library: ctypes.CDLL) -> None:
    \"\"\"Gives the functions of a loaded library their types.\"\"\"
";

/// The most columns of a line.
const WIDTH: usize = 130;

/// The text of the module.
pub(super) fn generate(header: &Header) -> Result<String> {
    let mut text = OPENING.to_owned();
    for item in &header.items {
        if let Kind::Constant { value } = &item.kind {
            let value = value.trim_end_matches(['u', 'l']);
            // The version's macros are the header's own: the library tells its version.
            if !item.name.starts_with("FASTPAR_VERSION_") {
                ensure!(value.parse::<i64>().is_ok(), "{} is not a plain number", item.name);
                writeln!(text, "{}: Final = {value}", item.name)?;
            }
        }
    }
    for item in &header.items {
        match &item.kind {
            Kind::Struct { fields } => {
                write!(text, "\n\nclass {}(ctypes.Structure):\n    _fields_ = (\n", item.name)?;
                for field in fields {
                    let ty = member(header, &field.variable)?;
                    let length = match &field.length {
                        Some(length) => format!(" * {length}"),
                        None => String::new(),
                    };
                    writeln!(text, "        (\"{}\", {ty}{length}),", field.variable.name)?;
                }
                text.push_str("    )\n");
            }
            Kind::Callback(signature) => callback(header, item, signature, &mut text)?,
            _ => {}
        }
    }
    text.push_str(DECLARE);
    for (item, signature) in header.functions() {
        function(header, item, signature, &mut text)?;
    }
    Ok(text)
}

fn callback(header: &Header, item: &Item, signature: &Signature, text: &mut String) -> Result<()> {
    let mut types = vec![result(header, &signature.result)?];
    for parameter in &signature.parameters {
        types.push(member(header, parameter)?);
    }
    let one = format!("{} = ctypes.CFUNCTYPE({})", item.name, types.join(", "));
    ensure!(one.len() <= WIDTH, "{} needs more than one line", item.name);
    write!(text, "\n\n{one}\n")?;
    Ok(())
}

fn function(header: &Header, item: &Item, signature: &Signature, text: &mut String) -> Result<()> {
    let mut types = Vec::new();
    for parameter in &signature.parameters {
        types.push(member(header, parameter)?);
    }
    let end = if types.len() == 1 { "," } else { "" };
    let name = &item.name;
    let one = format!("    library.{name}.argtypes = ({}{end})", types.join(", "));
    if one.len() <= WIDTH {
        writeln!(text, "{one}")?;
    } else {
        let lines: String = types.iter().map(|ty| format!("        {ty},\n")).collect();
        writeln!(text, "    library.{name}.argtypes = (\n{lines}    )")?;
    }
    writeln!(text, "    library.{name}.restype = {}", result(header, &signature.result)?)?;
    Ok(())
}

fn result(header: &Header, ty: &str) -> Result<String> {
    if ty == "void" {
        return Ok("None".into());
    }
    plain(header, ty)
}

/// The type of a field or of a parameter.
fn member(header: &Header, variable: &Variable) -> Result<String> {
    if variable.ty == "void *" && ["user_data", "progress_data"].contains(&variable.name.as_str()) {
        return Ok("ctypes.py_object".into());
    }
    plain(header, &variable.ty)
}

fn plain(header: &Header, ty: &str) -> Result<String> {
    Ok(match ty {
        "const char *" => "ctypes.c_char_p".into(),
        pointer if pointer.ends_with('*') => "ctypes.c_void_p".into(),
        "size_t" | "char" | "double" => format!("ctypes.c_{ty}"),
        "int32_t" | "uint32_t" | "int64_t" | "uint64_t" => format!("ctypes.c_{}", ty.trim_end_matches("_t")),
        name => match header.get(name).map(|item| &item.kind) {
            Some(Kind::Callback(_) | Kind::Struct { .. }) => name.into(),
            Some(Kind::Alias { ty }) => return plain(header, ty),
            _ => bail!("ctypes has nothing for {name}"),
        },
    })
}

/// `tests/python/package/layout.py` is made from the same numbers as the other layout tests.
pub(super) fn layout(table: &[Layout<'_>]) -> Result<String> {
    let mut text = String::from(
        "\"\"\"Sizes and offsets of the structs of the C ABI.

Made by `cargo xtask bindings`. A number that changes breaks every compiled program.
\"\"\"

STRUCTS = {
",
    );
    for layout in table {
        writeln!(text, "    \"{}\": (\n        {},\n        {{", layout.name, layout.size)?;
        for (field, offset) in &layout.fields {
            writeln!(text, "            \"{field}\": {offset},")?;
        }
        text.push_str("        },\n    ),\n");
    }
    text.push_str("}\n");
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::parse;

    const HEADER: &str = "\
/** N. */
#define FASTPAR_N 3u
/** Status. */
typedef int32_t fastpar_status;
/** F. */
typedef int32_t (*fastpar_fn)(void *user_data, const fastpar_s *s);
/** S. */
typedef struct fastpar_s {
  size_t a;
  char text[FASTPAR_N];
  fastpar_fn f;
} fastpar_s;
/** D. */
FASTPAR_API fastpar_status fastpar_d(const fastpar_s *s, void *user_data);
";

    #[test]
    fn every_kind() {
        let text = generate(&parse(HEADER).unwrap()).unwrap();
        for part in [
            "FASTPAR_N: Final = 3\n",
            "(\"text\", ctypes.c_char * FASTPAR_N),\n        (\"f\", fastpar_fn),",
            "fastpar_fn = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.py_object, ctypes.c_void_p)\n",
            "library.fastpar_d.argtypes = (ctypes.c_void_p, ctypes.py_object)\n    library.fastpar_d.restype = ctypes.c_int32\n",
        ] {
            assert!(text.contains(part), "{part}\nis not in\n{text}");
        }
    }

    #[test]
    fn what_ctypes_lacks_is_an_error() {
        assert!(generate(&parse("/** F. */\nFASTPAR_API __int128 fastpar_f(void);\n").unwrap()).is_err());
    }
}
