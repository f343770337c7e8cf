//! Writes a C program that calls every function of the header with NULL in every pointer, and with option
//! structs of every size. What must happen is taken from the function's comment ("may be NULL", "must not be
//! NULL"); handles are made by `tests/c/values.h`. A function that this cannot call is an error, so none is
//! left out.

use crate::header::{parameter_text, Header, Item, Kind, Signature, Variable};
use anyhow::{bail, Context, Result};
use std::fmt::Write;

/// Structs that have grown since their first version, and the first field that was added: shorter ones are
/// accepted.
const GROWN: [(&str, &str); 7] = [
    ("fastpar_loop_options", "flags"),
    ("fastpar_team_options", "name"),
    ("fastpar_group_options", "name"),
    ("fastpar_pipeline_options", "name"),
    ("fastpar_scan_options", "name"),
    ("fastpar_zstd_options", "strategy"),
    ("fastpar_pool_stats", "bytes_in"),
];

const HEAD: &str = r#"/* Made from fastpar.h by `cargo xtask test`. */
#include "os.h"
#include "check.h"
#include "values.h"

enum { NONE = -1, ALL = -2 };
/* A struct is passed with a struct_size that is right, or wrong. */
enum { RIGHT, ZERO, TOO_SHORT, TOO_LONG, TOO_LONG_SET, HUGE_SIZE, EMPTY };
/* The size of argument i, where `size` is for argument `at`. */
#define SIZE(i) (at == (i) ? size : RIGHT)
/* The bytes of the buffer that argument i points to. */
#define BYTES(i) (SIZE(i) == EMPTY ? 0 : 16)

/* An argument, or NULL. */
#define PICK(i, value) (null == (i) || null == ALL ? NULL : (value))

/* `first`: what the struct had in its first version. */
static size_t sized(int size, size_t right, size_t first)
{
  switch (size) {
    case ZERO: return 0;
    case TOO_SHORT: return first - 1;
    case TOO_LONG:
    case TOO_LONG_SET: return right + 32;
    case HUGE_SIZE: return SIZE_MAX;
    default: return right;
  }
}

/* A failure is described, a success writes nothing; NULL: the call had no place for it. */
static void check_error(const fastpar_error *error, fastpar_status status)
{
  if (!error) return;
  if (status == FASTPAR_OK) {
    CHECK_EQUAL(error->status, -1);
  } else {
    CHECK_EQUAL(error->status, status);
    CHECK(error->message[0] != 0 && memchr(error->message, 0, sizeof error->message));
  }
}
"#;

/// The program.
pub(super) fn program(header: &Header) -> Result<String> {
    let mut text = HEAD.to_owned();
    for (item, signature) in header.callbacks() {
        let is_it = |parameter: &Variable| parameter.ty == item.name;
        if header.functions().any(|(_, function)| function.parameters.iter().any(is_it)) {
            text.push_str(&callback(item, signature));
        }
    }
    let mut main = String::new();
    for (item, signature) in header.functions() {
        let function = function(header, item, signature);
        text.push_str(
            &function.with_context(|| format!("cannot call {}: teach {} about it", item.name, file!()))?,
        );
        writeln!(main, "  RUN_AS(\"{0}\", test_{0});", item.name)?;
    }
    write!(text, "\nint main(void)\n{{\n{main}  return FINISH();\n}}\n")?;
    Ok(text)
}

/// A callback that does nothing.
fn callback(item: &Item, signature: &Signature) -> String {
    let parameters: Vec<_> = signature.parameters.iter().map(|p| format!("{} {}", p.ty, p.name)).collect();
    let used: String = signature.parameters.iter().map(|p| format!("  (void){};\n", p.name)).collect();
    let result = if signature.result == "void" { "" } else { "  return 0;\n" };
    let parameters = parameters.join(", ");
    format!("\nstatic {} noop_{}({parameters})\n{{\n{used}{result}}}\n", signature.result, item.name)
}

/// A function that makes the call, and a test that uses it in every way.
fn function(header: &Header, item: &Item, signature: &Signature) -> Result<String> {
    let name = &item.name;
    let mut before = String::new();
    let mut after = String::new();
    let mut arguments = Vec::new();
    for (i, parameter) in signature.parameters.iter().enumerate() {
        let mut argument = argument(header, name, i, parameter)?;
        if let Some(buffer) = measured_by(signature, i) {
            if promise(item, &signature.parameters[buffer].name) == Promise::IfEmpty {
                argument.value = format!("BYTES({buffer})");
            }
        }
        before.push_str(&argument.before);
        after.push_str(&argument.after);
        arguments.push(argument.value);
    }
    if name == "fastpar_pool_unhook" {
        // Only what was hooked can be taken back.
        writeln!(before, "  fastpar_pool_hook({}, NULL);", arguments[..3].join(", "))?;
    }
    let call = format!("{name}({})", arguments.join(", "));
    let (call, result) = match signature.result.as_str() {
        "void" => (format!("{call};"), "0"),
        pointer if pointer.ends_with('*') => {
            (format!("result = {call} != NULL;\n  CHECK(result);"), "result")
        }
        _ => (format!("result = (int64_t){call};"), "result"),
    };
    let mut text = format!("\nstatic int64_t call_{name}(int null, int at, int size)\n{{\n{before}");
    if result == "result" {
        text.push_str("  int64_t result;\n");
    }
    write!(text, "  (void)null;\n  (void)at;\n  (void)size;\n  {call}\n{after}  return {result};\n}}\n")?;
    write!(text, "\nstatic void all_of_{name}(void)\n{{\n{}}}\n", checks(header, item, signature))?;
    let around = signature.parameters.iter().filter_map(Variable::pointee).map(bare);
    let around = around.filter(|ty| header.is_opaque(ty)).map(|ty| format!("WITH_{ty}")).next();
    let plain = format!("  all_of_{name}();\n");
    let body = match around {
        Some(with) => format!("#ifdef {with}\n  {with}(all_of_{name});\n#else\n{plain}#endif\n"),
        None => plain,
    };
    write!(text, "\nstatic void test_{name}(void)\n{{\n{body}}}\n")?;
    Ok(text)
}

/// The buffer or array of which argument `i` may be the size: the one before it, or before the size of its
/// items.
fn measured_by(signature: &Signature, i: usize) -> Option<usize> {
    let is_item_size = |i: usize| signature.parameters[i].name == "item_size";
    let before = i.checked_sub(1).filter(|_| !is_item_size(i))?;
    if is_item_size(before) {
        before.checked_sub(1)
    } else {
        Some(before)
    }
}

/// An argument, what comes before the call and what after it.
struct Argument {
    before: String,
    value: String,
    after: String,
}

fn argument(header: &Header, function: &str, i: usize, parameter: &Variable) -> Result<Argument> {
    let mut argument = Argument { before: String::new(), value: String::new(), after: String::new() };
    let place = format!("a{i}");
    let pick = |value: &str| format!("PICK({i}, {value})");
    let Some(pointee) = parameter.pointee() else {
        argument.value = match header.get(&parameter.ty).map(|item| &item.kind) {
            Some(Kind::Callback(_)) => pick(&format!("noop_{}", parameter.ty)),
            _ => number(parameter)?.to_owned(),
        };
        return Ok(argument);
    };
    let ty = bare(pointee);
    if ty == "void" || ty == "uint8_t" {
        argument.before = format!("  static uint64_t {place}[512];\n");
        if parameter.name == "src" {
            argument.before += &format!("  memcpy({place}, values_frame, sizeof values_frame);\n");
        }
        argument.value = pick(&if ty == "void" { place } else { format!("({ty} *){place}") });
    } else if ty == "char" && parameter.name == "src_path" {
        argument.value = pick("values_source()");
    } else if ty == "char" && parameter.name == "dst_path" {
        argument.value = pick("values_target()");
    } else if ty == "char" {
        argument.value = pick("\"name\"");
    } else if parameter.name == "paths" {
        argument.before = format!("  const char *{place}[16];\n");
        argument.before += &format!("  for (int i = 0; i < 16; i++) {place}[i] = values_source();\n");
        argument.value = pick(&place);
    } else if let Some(handle) = ty.strip_suffix('*').map(str::trim_end) {
        argument.before = format!("  {handle} *{place} = NULL;\n");
        argument.value = pick(&format!("&{place}"));
        argument.after = free(header, handle, &place);
    } else if header.is_opaque(ty) {
        argument.before = format!("  {ty} *{place} = PICK({i}, make_{ty}());\n");
        argument.value.clone_from(&place);
        // These two release the handle themselves.
        if ![format!("{ty}_free"), format!("{ty}_detach")].contains(&function.to_string()) {
            argument.after = free(header, ty, &place);
        }
    } else if ty == "fastpar_error" {
        argument.before = format!("  fastpar_error {place} = {{-1, 0, 0, \"\"}};\n");
        argument.value = pick(&format!("&{place}"));
        if !pointee.starts_with("const ") {
            argument.after = format!("  check_error(PICK({i}, &{place}), (fastpar_status)result);\n");
        }
    } else if header.is_sized_struct(ty) {
        let first = match GROWN.iter().find(|grown| grown.0 == ty) {
            Some((_, field)) => format!("offsetof({ty}, {field})"),
            None => format!("sizeof {place}.value"),
        };
        argument.before = format!(
            "  struct {{ {ty} value; unsigned char tail[32]; }} {place};
  memset(&{place}, 0, sizeof {place});
  {place}.value.struct_size = sized(SIZE({i}), sizeof {place}.value, {first});
  if (SIZE({i}) == TOO_LONG_SET) {place}.tail[31] = 1;\n"
        );
        if ty == "fastpar_table" {
            // Keys of groups are of a field.
            argument.before += &format!("  {place}.value.fields = &values_field;\n");
            argument.before += &format!("  {place}.value.fields_count = 1;\n");
        }
        argument.value = pick(&format!("&{place}.value"));
        if !pointee.starts_with("const ") {
            argument.after = format!("  if (result == FASTPAR_OK) CHECK_EQUAL({place}.tail[31], 0);\n");
        }
    } else {
        // One, or the first of as many as `number` tells.
        argument.before = format!("  {ty} {place}[16];\n");
        argument.before += &format!("  memset({place}, 0, sizeof {place});\n");
        if ["fastpar_sort_key", "fastpar_column"].contains(&bare(ty)) {
            // Zero is no type of a key or of a column.
            argument.before += &format!("  for (int i = 0; i < 16; i++) {place}[i].type = FASTPAR_U8;\n");
        }
        argument.value = pick(&place);
    }
    Ok(argument)
}

/// A number that is valid for every function.
fn number(parameter: &Variable) -> Result<&'static str> {
    Ok(match (parameter.name.as_str(), parameter.ty.as_str()) {
        ("index", _) => "0",
        // Of bytes.
        ("key", _) => "1",
        ("shards", _) => "1",
        // The columns have no rows.
        ("rows_count", _) => "0",
        ("low", "double") => "0.0",
        ("high", "double") => "1.0",
        ("item_size", _) => "sizeof(fastpar_batch_item)",
        (_, "size_t") => "16",
        (_, "uint64_t" | "int64_t" | "int32_t") => "0",
        (_, "uint32_t") => "1",
        (_, "fastpar_status") => "FASTPAR_ERR_INTERNAL",
        (_, ty) => bail!("no value for {ty} {}", parameter.name),
    })
}

fn bare(ty: &str) -> &str {
    ty.strip_prefix("const ").unwrap_or(ty)
}

/// Releases a handle after the call, if there is a function for it.
fn free(header: &Header, handle: &str, place: &str) -> String {
    let free = format!("{handle}_free");
    header.get(&free).map_or(String::new(), |_| format!("  {free}({place});\n"))
}

/// The body of the test.
fn checks(header: &Header, item: &Item, signature: &Signature) -> String {
    let name = &item.name;
    let fails = signature.result == "fastpar_status";
    let mut text = String::new();
    let mut check = |null: &str, size: &str, expected: Option<&str>| {
        let call = format!("call_{name}({null}, {size})");
        text.push_str(&match expected {
            Some(expected) => format!("  CHECK({call} {expected});\n"),
            None => format!("  {call};\n"),
        });
    };
    let valid = fails.then_some("!= FASTPAR_ERR_INVALID_ARGUMENT");
    let invalid = Some("== FASTPAR_ERR_INVALID_ARGUMENT");
    check("NONE", "NONE, RIGHT", valid);
    check("ALL", "NONE, RIGHT", None);
    for (i, parameter) in signature.parameters.iter().enumerate() {
        let index = i.to_string();
        let is_callback = matches!(header.get(&parameter.ty), Some(Item { kind: Kind::Callback(_), .. }));
        if parameter.pointee().is_none() && !is_callback {
            continue;
        }
        let expected = match promise(item, &parameter.name) {
            Promise::Never | Promise::IfEmpty if fails => invalid,
            Promise::Always if fails => valid,
            _ => None,
        };
        check(&index, "NONE, RIGHT", expected);
        if promise(item, &parameter.name) == Promise::IfEmpty {
            check(&index, &format!("{i}, EMPTY"), valid);
        }
        let Some(ty) = parameter.pointee().filter(|ty| header.is_sized_struct(bare(ty))) else { continue };
        for size in ["ZERO", "TOO_SHORT", "HUGE_SIZE"] {
            check("NONE", &format!("{i}, {size}"), invalid);
        }
        check("NONE", &format!("{i}, TOO_LONG"), Some("!= FASTPAR_ERR_INVALID_ARGUMENT"));
        let set = if ty.starts_with("const ") { "== FASTPAR_ERR_UNSUPPORTED" } else { "== FASTPAR_OK" };
        check("NONE", &format!("{i}, TOO_LONG_SET"), Some(set));
    }
    text
}

/// What a comment says about NULL.
#[derive(Debug, PartialEq)]
enum Promise {
    Always,
    Never,
    /// If its size, the next argument (after that of its items), is 0.
    IfEmpty,
    Sometimes,
}

fn promise(item: &Item, parameter: &str) -> Promise {
    let text = parameter_text(item, parameter).unwrap_or_default();
    let returns = item.comment.join("\n").contains(&format!("`{parameter}` is NULL"));
    if text.contains("must not be NULL") || text.contains("Must not be NULL") || returns {
        Promise::Never
    } else if text.contains("may be NULL if") && text.contains("is 0") {
        Promise::IfEmpty
    } else if text.contains("may be NULL") && !text.contains("not both") {
        Promise::Always
    } else {
        Promise::Sometimes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::parse;

    const TEXT: &str = "\
/**
 * Does.
 *
 * @param x    must not be NULL
 * @param y    may be NULL:
 *             nothing
 * @param n    in items
 * @return FASTPAR_OK
 */
FASTPAR_API fastpar_status fastpar_do(const int64_t *x, void *y, size_t n);
";

    #[test]
    fn promises_are_read() {
        let header = parse(TEXT).unwrap();
        let item = &header.items[0];
        assert_eq!(promise(item, "x"), Promise::Never);
        assert_eq!(promise(item, "y"), Promise::Always);
        let program = program(&header).unwrap();
        assert!(program.contains("CHECK(call_fastpar_do(0, NONE, RIGHT) == FASTPAR_ERR_INVALID_ARGUMENT);"));
        assert!(program.contains("CHECK(call_fastpar_do(1, NONE, RIGHT) != FASTPAR_ERR_INVALID_ARGUMENT);"));
    }

    #[test]
    fn an_empty_buffer_may_be_null() {
        let text = TEXT
            .replace("must not be NULL", "may be NULL if `n` is 0")
            .replace("const int64_t *x, void *y", "void *x");
        let program = program(&parse(&text).unwrap()).unwrap();
        assert!(program.contains("fastpar_do(PICK(0, a0), BYTES(0))"));
        assert!(program.contains("CHECK(call_fastpar_do(0, NONE, RIGHT) == FASTPAR_ERR_INVALID_ARGUMENT);"));
        assert!(program.contains("CHECK(call_fastpar_do(0, 0, EMPTY) != FASTPAR_ERR_INVALID_ARGUMENT);"));
    }

    #[test]
    fn what_it_cannot_call_is_an_error() {
        let text = TEXT.replace("size_t n", "long n");
        assert!(program(&parse(&text).unwrap()).is_err());
    }
}
