//! Paths that begin with `crate`, `super` or `self`, read out of Rust source: of `use`, and of everything
//! else.

/// A path, from the root of the crate on.
pub(super) struct Import {
    pub(super) path: Vec<String>,
    pub(super) line: usize,
}

/// The module that a file is, or a folder: `pool/mod.rs` and `pool/` are `pool`, `lib.rs` is the root.
pub(super) fn module(path: &str) -> Vec<String> {
    let path = path.strip_suffix(".rs").unwrap_or(path);
    let parts = path.split('/').filter(|part| !part.is_empty() && !matches!(*part, "mod" | "lib"));
    parts.map(str::to_owned).collect()
}

/// All paths in the text of a module that name something of this crate.
pub(super) fn imports(text: &str, module: &[String]) -> Vec<Import> {
    let tokens = tokens(text);
    let mut found = Vec::new();
    // The inline modules that a place is in, each with the number of braces around it.
    let mut inside: Vec<(String, isize)> = Vec::new();
    let mut depth = 0isize;
    let mut at = 0;
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                inside.retain(|(_, around)| *around < depth);
            }
            "mod" if tokens.get(at + 2).is_some_and(|token| token.text == "{") => {
                inside.push((tokens[at + 1].text.clone(), depth));
            }
            word @ ("crate" | "super" | "self") if is_separator(&tokens, at + 1) => {
                let mut path: Vec<String> = match word {
                    "crate" => Vec::new(),
                    _ => module.iter().cloned().chain(inside.iter().map(|(name, _)| name.clone())).collect(),
                };
                if word == "super" {
                    path.pop();
                }
                let line = tokens[at].line;
                at = tree(&tokens, at + 1, path, line, &mut found);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// Reads what follows a path's beginning: `::name::name`, `::{a, b::c}`, `::*`. Returns the token after it.
fn tree(
    tokens: &[Token],
    mut at: usize,
    mut path: Vec<String>,
    line: usize,
    found: &mut Vec<Import>,
) -> usize {
    while is_separator(tokens, at) {
        at += 1;
        match tokens.get(at).map(|token| token.text.as_str()) {
            Some("super") => drop(path.pop()),
            Some("self") => {}
            Some("{") => {
                at += 1;
                while let Some(token) = tokens.get(at) {
                    match token.text.as_str() {
                        "}" => return at + 1,
                        "," => at += 1,
                        "as" => at += 2,
                        _ => {
                            let mut inner = path.clone();
                            match token.text.as_str() {
                                "self" | "*" => {}
                                name => inner.push(name.to_owned()),
                            }
                            at = tree(tokens, at + 1, inner, token.line, found);
                        }
                    }
                }
                return at;
            }
            Some(name) if is_name(name) => path.push(name.to_owned()),
            _ => break,
        }
        at += 1;
    }
    found.push(Import { path, line });
    at
}

fn is_separator(tokens: &[Token], at: usize) -> bool {
    tokens.get(at).is_some_and(|token| token.text == "::")
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

struct Token {
    text: String,
    line: usize,
}

/// Names, `::` and single characters, without comments, strings and characters in quotes.
fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let (mut rest, mut line) = (text, 1);
    while let Some(first) = rest.chars().next() {
        let len = match first {
            _ if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            _ if rest.starts_with("/*") => block_comment(rest),
            '"' => string(rest),
            'r' | 'b' | 'c' if raw_string(rest).is_some() => raw_string(rest).unwrap_or(1),
            '\'' => quoted(rest),
            _ => {
                let name = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                let len = if rest.starts_with("::") { 2 } else { name.max(first.len_utf8()) };
                if !first.is_whitespace() {
                    tokens.push(Token { text: rest[..len].to_owned(), line });
                }
                len
            }
        };
        line += rest[..len].matches('\n').count();
        rest = &rest[len..];
    }
    tokens
}

/// The length of a comment that may have others inside.
fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

/// The length of a string in quotes, in which a backslash hides what follows.
fn string(text: &str) -> usize {
    let mut hidden = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if hidden => hidden = false,
            b'\\' => hidden = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of `r#"..."#` and its kin, if the text begins with one.
fn raw_string(text: &str) -> Option<usize> {
    let start = text.find('r').filter(|&at| at <= 1)? + 1;
    let hashes = text[start..].bytes().take_while(|&byte| byte == b'#').count();
    let body = text[start + hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let len = body.find(&end).map_or(body.len(), |at| at + end.len());
    Some(start + hashes + 1 + len)
}

/// The length of a character in quotes; of a lifetime only its quote.
fn quoted(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => text[3..].find('\'').map_or(text.len(), |at| at + 4),
        Some(_) => match chars.next() {
            Some((at, '\'')) => at + 1,
            _ => 1,
        },
        None => 1,
    }
}
