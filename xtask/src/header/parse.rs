//! From text to [`Header`].

use super::{Field, Header, Item, Kind, Signature, Variable};
use anyhow::{bail, ensure, Context, Result};

/// Reads every declaration that has a doc comment. What has none (guards, preamble, banners) is passed over.
pub(crate) fn parse(text: &str) -> Result<Header> {
    let mut lines = text.lines();
    let mut items = Vec::new();
    while let Some(line) = lines.next() {
        if line.starts_with("/**") {
            let comment = read_comment(line, &mut lines)?;
            let declaration = read_declaration(&mut lines)?;
            let (name, kind) = declaration_of(&declaration).with_context(|| format!("in: {declaration}"))?;
            items.push(Item { name, comment, kind });
        } else if line.starts_with("/*") && !line.contains("*/") {
            lines.by_ref().find(|line| line.contains("*/")).context("a comment without an end")?;
        } else if line.starts_with("typedef") || line.contains("FASTPAR_API ") && !line.starts_with('#') {
            bail!("a declaration without a comment: {line}");
        }
    }
    Ok(Header { items })
}

/// Reads a doc comment that begins in `first`.
fn read_comment<'a>(first: &str, lines: &mut impl Iterator<Item = &'a str>) -> Result<Vec<String>> {
    let first = first.trim_start().strip_prefix("/**").context("no doc comment")?;
    if let Some(text) = first.strip_suffix("*/") {
        return Ok(vec![text.trim().to_owned()]);
    }
    let mut comment = Vec::new();
    if !first.trim().is_empty() {
        comment.push(first.trim().to_owned());
    }
    for line in lines {
        let line = line.trim_start();
        if line == "*/" {
            return Ok(comment);
        }
        let text = line.strip_prefix('*').with_context(|| format!("not a line of a comment: {line}"))?;
        comment.push(text.strip_prefix(' ').unwrap_or(text).trim_end().to_owned());
    }
    bail!("a doc comment without an end")
}

/// Reads up to the end of a declaration; a struct keeps its lines, the rest becomes one line.
fn read_declaration<'a>(lines: &mut impl Iterator<Item = &'a str>) -> Result<String> {
    let first = lines.next().context("a comment without a declaration")?;
    if first.starts_with("#define ") {
        return Ok(first.to_owned());
    }
    let is_struct = first.starts_with("typedef struct ") && first.ends_with('{');
    let mut text = first.to_owned();
    while !(if is_struct { text.contains("\n}") } else { text.ends_with(';') }) {
        let line = lines.next().context("a declaration without an end")?;
        text.push(if is_struct { '\n' } else { ' ' });
        text.push_str(if is_struct { line } else { line.trim() });
    }
    Ok(text)
}

fn declaration_of(text: &str) -> Result<(String, Kind)> {
    if let Some(define) = text.strip_prefix("#define ") {
        let (name, value) = define.split_once(' ').context("a constant without a value")?;
        return Ok((name.into(), Kind::Constant { value: value.into() }));
    }
    let text = text.strip_suffix(';').context("no ; at the end")?;
    if let Some(function) = text.strip_prefix("FASTPAR_API ") {
        let (head, parameters) = split_parameters(function)?;
        let head = variable(head)?;
        return Ok((head.name, Kind::Function(Signature { result: head.ty, parameters })));
    }
    let text = text.strip_prefix("typedef ").context("neither constant, function nor typedef")?;
    if let Some(body) = text.strip_prefix("struct ").filter(|body| body.contains('{')) {
        return structure(body);
    }
    if let Some((result, rest)) = text.split_once("(*") {
        let (name, parameters) = rest.split_once(')').context("no ) after the name")?;
        let (_, parameters) = split_parameters(parameters)?;
        return Ok((name.into(), Kind::Callback(Signature { result: result.trim().into(), parameters })));
    }
    let head = variable(text)?;
    let opaque = text.starts_with("struct ") && head.ty == head.name;
    Ok((head.name, if opaque { Kind::Opaque } else { Kind::Alias { ty: head.ty } }))
}

fn structure(body: &str) -> Result<(String, Kind)> {
    let mut lines = body.lines();
    let name = lines.next().and_then(|line| line.strip_suffix(" {")).context("no { after the name")?;
    let mut fields = Vec::new();
    let mut comment = Vec::new();
    while let Some(line) = lines.next() {
        let line = line.trim();
        if line.starts_with("/**") {
            comment = read_comment(line, &mut lines)?;
        } else if let Some(field) = line.strip_suffix(';') {
            let (field, length) = match field.split_once('[') {
                Some((field, length)) => (field, Some(length.trim_end_matches(']').to_owned())),
                None => (field, None),
            };
            fields.push(Field { comment: std::mem::take(&mut comment), variable: variable(field)?, length });
        }
    }
    ensure!(!fields.is_empty(), "{name} has no fields");
    Ok((name.into(), Kind::Struct { fields }))
}

/// Splits `head(parameters)`.
fn split_parameters(text: &str) -> Result<(&str, Vec<Variable>)> {
    let (head, rest) = text.split_once('(').context("no (")?;
    let list = rest.strip_suffix(')').context("no ) at the end")?;
    ensure!(!list.contains('('), "a parameter is a function pointer without a name of its own");
    let parameters = if list.trim() == "void" {
        Vec::new()
    } else {
        list.split(',').map(variable).collect::<Result<_>>()?
    };
    Ok((head, parameters))
}

/// Splits `const struct fastpar_x *name` and leaves the tag out: every struct has a typedef.
fn variable(text: &str) -> Result<Variable> {
    let text = text.trim();
    let at = text.rfind(|c: char| !c.is_alphanumeric() && c != '_').context("no type")? + 1;
    let (ty, name) = text.split_at(at);
    ensure!(!name.is_empty(), "a parameter without a name: {text}");
    let words = ty.split_whitespace().filter(|&word| word != "struct");
    let ty = words.collect::<Vec<_>>().join(" ").replace("* *", "**");
    Ok(Variable { ty, name: name.into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::{item, parameter_text};

    const TEXT: &str = "\
/** One. */
#define FASTPAR_ONE 1

/**
 * A struct.
 *
 * With two lines.
 */
typedef struct fastpar_x {
  /** How many. */
  size_t count;
  const char *text;
  char message[FASTPAR_ONE];
} fastpar_x;

/** Hidden. */
typedef struct fastpar_y fastpar_y;

/** A number. */
typedef int32_t fastpar_status;

/** Called. */
typedef int32_t (*fastpar_fn)(void *user_data, const struct fastpar_x *x);

/**
 * Does it.
 *
 * @param x    may be NULL;
 *             or not
 * @param out  must not be NULL
 */
FASTPAR_API
fastpar_status fastpar_do(const struct fastpar_x *x,
                          struct fastpar_y **out);

/** Nothing. */
FASTPAR_API const char *fastpar_nothing(void);
";

    #[test]
    fn reads_every_kind() {
        let header = parse(TEXT).unwrap();
        let names: Vec<_> = header.items.iter().map(|item| item.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "FASTPAR_ONE",
                "fastpar_x",
                "fastpar_y",
                "fastpar_status",
                "fastpar_fn",
                "fastpar_do",
                "fastpar_nothing"
            ]
        );
        assert!(header.is_opaque("fastpar_y") && !header.is_opaque("fastpar_x"));
        let (function, signature) = header.functions().next().unwrap();
        assert_eq!(signature.parameters[1].ty, "fastpar_y **");
        assert_eq!(signature.parameters[0].pointee(), Some("const fastpar_x"));
        assert_eq!(parameter_text(function, "x").unwrap(), "may be NULL; or not");
        assert_eq!(parameter_text(function, "y"), None);
    }

    #[test]
    fn what_it_renders_reads_the_same() {
        let header = parse(TEXT).unwrap();
        let text: String = header.items.iter().map(|one| item(one) + "\n").collect();
        assert_eq!(parse(&text).unwrap(), header);
        assert!(text.contains("FASTPAR_API fastpar_status fastpar_do(const fastpar_x *x, fastpar_y **out);"));
    }

    #[test]
    fn refuses_a_declaration_without_a_comment() {
        assert!(parse("FASTPAR_API void fastpar_do(void);\n").is_err());
    }
}
