//! The C header as data: what the tests and the generators know about the ABI, they know from here.
//!
//! [`parse`] reads C declarations in the form that cbindgen and [`render`] write, not C in general.

mod parse;
mod render;

pub(crate) use parse::parse;
pub(crate) use render::item;

use anyhow::{Context, Result};

/// One declaration with its comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) name: String,
    /// Lines of the comment, without the comment's own signs.
    pub(crate) comment: Vec<String>,
    pub(crate) kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `#define NAME value`
    Constant { value: String },
    /// `typedef type name;`
    Alias { ty: String },
    /// `typedef struct name name;`
    Opaque,
    /// `typedef struct name { ... } name;`
    Struct { fields: Vec<Field> },
    /// `typedef result (*name)(...);`
    Callback(Signature),
    /// `FASTPAR_API result name(...);`
    Function(Signature),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) comment: Vec<String>,
    pub(crate) variable: Variable,
    /// What stands between the brackets of an array.
    pub(crate) length: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signature {
    pub(crate) result: String,
    pub(crate) parameters: Vec<Variable>,
}

/// A name and its type, such as `const fastpar_chunk *`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    pub(crate) ty: String,
    pub(crate) name: String,
}

impl Variable {
    /// The type that a pointer points to.
    pub(crate) fn pointee(&self) -> Option<&str> {
        self.ty.strip_suffix('*').map(str::trim_end)
    }
}

/// Everything that a header declares, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) items: Vec<Item>,
}

impl Header {
    /// Reads the committed header.
    pub(crate) fn committed() -> Result<Self> {
        let path = crate::repo::root().join("include/fastpar.h");
        let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        parse(&text)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.name == name)
    }

    pub(crate) fn functions(&self) -> impl Iterator<Item = (&Item, &Signature)> {
        self.items.iter().filter_map(|item| match &item.kind {
            Kind::Function(signature) => Some((item, signature)),
            _ => None,
        })
    }

    pub(crate) fn callbacks(&self) -> impl Iterator<Item = (&Item, &Signature)> {
        self.items.iter().filter_map(|item| match &item.kind {
            Kind::Callback(signature) => Some((item, signature)),
            _ => None,
        })
    }

    pub(crate) fn structs(&self) -> impl Iterator<Item = (&Item, &[Field])> {
        self.items.iter().filter_map(|item| match &item.kind {
            Kind::Struct { fields } => Some((item, fields.as_slice())),
            _ => None,
        })
    }

    /// Whether `ty` is a struct that begins with its own size.
    pub(crate) fn is_sized_struct(&self, ty: &str) -> bool {
        matches!(self.get(ty), Some(Item { kind: Kind::Struct { fields }, .. })
            if fields.first().is_some_and(|field| field.variable.name == "struct_size"))
    }

    pub(crate) fn is_opaque(&self, ty: &str) -> bool {
        matches!(self.get(ty), Some(Item { kind: Kind::Opaque, .. }))
    }
}

/// What a function's comment says about a parameter, in one line.
pub(crate) fn parameter_text(item: &Item, parameter: &str) -> Option<String> {
    let mut lines = item.comment.iter();
    let first = lines.by_ref().find_map(|line| {
        let rest = line.strip_prefix("@param ")?.trim_start();
        let text = rest.strip_prefix(parameter)?;
        (text.is_empty() || text.starts_with(' ')).then(|| text.trim().to_owned())
    })?;
    let more = lines.take_while(|line| line.starts_with("  "));
    Some(more.fold(first, |text, line| format!("{text} {}", line.trim())))
}
