//! From [`Item`] to text.

use super::{Field, Item, Kind, Signature, Variable};

/// Declarations and one-line comments are no longer than this.
const WIDTH: usize = 110;

/// One declaration with its comment.
pub(crate) fn item(item: &Item) -> String {
    let name = &item.name;
    let declaration = match &item.kind {
        Kind::Constant { value } => format!("#define {name} {value}"),
        Kind::Alias { ty } => format!("typedef {ty} {name};"),
        Kind::Opaque => format!("typedef struct {name} {name};"),
        Kind::Struct { fields } => {
            let fields: String = fields.iter().map(field).collect();
            format!("typedef struct {name} {{\n{fields}}} {name};")
        }
        Kind::Callback(signature) => {
            let head = format!("typedef {}(*{name})", spaced(&signature.result));
            call(&head, signature)
        }
        Kind::Function(signature) => {
            let head = format!("FASTPAR_API {}{name}", spaced(&signature.result));
            call(&head, signature)
        }
    };
    format!("{}{declaration}\n", comment("", &item.comment))
}

/// A doc comment: on one line where it fits.
fn comment(indent: &str, lines: &[String]) -> String {
    match lines {
        [] => String::new(),
        [line] if indent.len() + line.len() + 8 <= WIDTH => format!("{indent}/** {line} */\n"),
        lines => {
            let lines: String =
                lines.iter().map(|line| format!("{indent} * {line}").trim_end().to_owned() + "\n").collect();
            format!("{indent}/**\n{lines}{indent} */\n")
        }
    }
}

fn field(field: &Field) -> String {
    let length = field.length.as_ref().map_or(String::new(), |length| format!("[{length}]"));
    format!("{}  {}{length};\n", comment("  ", &field.comment), variable(&field.variable))
}

fn variable(variable: &Variable) -> String {
    format!("{}{}", spaced(&variable.ty), variable.name)
}

/// A type as it stands before a name: no space after a star.
fn spaced(ty: &str) -> String {
    if ty.ends_with('*') {
        ty.to_owned()
    } else {
        format!("{ty} ")
    }
}

/// `head(parameters);` on one line, or with as many parameters on a line as fit below the first.
fn call(head: &str, signature: &Signature) -> String {
    if signature.parameters.is_empty() {
        return format!("{head}(void);");
    }
    let indent = head.len() + 1;
    let mut text = format!("{head}(");
    let mut column = indent;
    let last = signature.parameters.len() - 1;
    for (i, parameter) in signature.parameters.iter().enumerate() {
        let parameter = variable(parameter) + if i == last { ");" } else { "," };
        if column > indent && column + 1 + parameter.len() > WIDTH {
            text.push('\n');
            text.push_str(&" ".repeat(indent));
            column = indent;
        } else if column > indent {
            text.push(' ');
            column += 1;
        }
        column += parameter.len();
        text.push_str(&parameter);
    }
    text
}
