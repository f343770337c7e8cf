//! The raw layer of C# in two forms: function pointers and LibraryImport for .NET 8 and later, delegates and
//! DllImport for netstandard.

use std::fmt::Write;

const DELEGATE: &str = "internal delegate ";
const FUNCTION: &str = "internal static extern ";
const SUFFIX: &str = "_delegate";

/// The text of csbindgen, with delegates, in both forms. What a callback's type is called is the same in
/// both.
pub(super) fn both(text: &str) -> String {
    let types: Vec<_> = text.lines().filter_map(callback).collect();
    let mut out = String::new();
    let mut import = "";
    for line in text.lines() {
        let trimmed = line.trim();
        if line == "using System;" {
            out.push_str(&aliases(&types));
        }
        if trimmed.starts_with("[DllImport(") {
            import = line;
        } else if trimmed.starts_with(FUNCTION) {
            let line = types.iter().fold(line.to_owned(), |line, callback| {
                line.replace(&format!("{}{SUFFIX} ", callback.name), &format!("{} ", callback.name))
            });
            let library = import.replace("[DllImport(", "[LibraryImport(");
            let library = library.split_once(", CallingConvention").map_or(&*library, |(start, _)| start);
            let partial = line.replace(FUNCTION, "internal static partial ");
            // Writing to a string does not fail.
            let _ = writeln!(out, "#if NET\n{library})]\n{partial}\n#else\n{import}\n{line}\n#endif");
        } else {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

/// The type of a callback.
struct Callback<'a> {
    /// Without its suffix.
    name: &'a str,
    /// The types of its parameters, and then that of its result.
    types: Vec<&'a str>,
}

/// The callback that a line declares.
fn callback(line: &str) -> Option<Callback<'_>> {
    let (result, rest) = line.trim().strip_prefix(DELEGATE)?.split_once(' ')?;
    let (name, parameters) = rest.strip_suffix(");")?.split_once('(')?;
    let parameters = parameters.split(", ").filter_map(|parameter| parameter.rsplit_once(' '));
    let types = parameters.map(|(kind, _)| kind).chain([result]).collect();
    Some(Callback { name: name.strip_suffix(SUFFIX)?, types })
}

/// Names for the types of callbacks, as they differ between the forms.
fn aliases(types: &[Callback<'_>]) -> String {
    let mut net = String::new();
    let mut standard = String::new();
    for Callback { name, types } in types {
        let full = |kind: &&str| {
            if kind.starts_with("fastpar_") {
                format!("Fastpar.{kind}")
            } else {
                (*kind).into()
            }
        };
        let list = types.iter().map(full).collect::<Vec<_>>().join(", ");
        let _ = writeln!(net, "global using unsafe {name} = delegate* unmanaged<{list}>;");
        let _ = writeln!(standard, "global using {name} = Fastpar.NativeMethods.{name}{SUFFIX};");
    }
    format!("#if NET\n{net}#else\n{standard}#endif\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callbacks_and_functions_have_both_forms() {
        let text = "using System;
        internal delegate int fastpar_f_body_delegate(void* user_data, fastpar_chunk* chunk);
        [DllImport(__DllName, EntryPoint = \"fastpar_f\", CallingConvention = CallingConvention.Cdecl)]
        internal static extern int fastpar_f(fastpar_f_body_delegate body, void* user_data);
";
        let expected = "#if NET
global using unsafe fastpar_f_body = delegate* unmanaged<void*, Fastpar.fastpar_chunk*, int>;
#else
global using fastpar_f_body = Fastpar.NativeMethods.fastpar_f_body_delegate;
#endif
using System;
        internal delegate int fastpar_f_body_delegate(void* user_data, fastpar_chunk* chunk);
#if NET
        [LibraryImport(__DllName, EntryPoint = \"fastpar_f\")]
        internal static partial int fastpar_f(fastpar_f_body body, void* user_data);
#else
        [DllImport(__DllName, EntryPoint = \"fastpar_f\", CallingConvention = CallingConvention.Cdecl)]
        internal static extern int fastpar_f(fastpar_f_body body, void* user_data);
#endif
";
        assert_eq!(both(text), expected);
    }
}
