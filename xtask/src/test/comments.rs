//! Suite "comments": the header is the manual, so what every comment must say is checked.

use super::{Case, Context};
use crate::header::{parameter_text, Header, Item, Signature};
use anyhow::Result;

pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    let header = context.header()?;
    let functions = header.functions().map(|(item, signature)| (item, function(header, item, signature)));
    let callbacks = header.callbacks().map(|(item, signature)| (item, callback(item, signature)));
    let fields = header.structs().map(|(item, fields)| {
        let bare = fields.iter().filter(|field| field.comment.is_empty());
        (item, bare.map(|field| format!("{} has no comment", field.variable.name)).collect())
    });
    let all = functions.chain(callbacks).chain(fields);
    Ok(all
        .map(|(item, complaints)| Case::checked(&item.name, [complaints, general(item)].concat()))
        .collect())
}

/// What holds for every comment.
fn general(item: &Item) -> Vec<String> {
    let text = item.comment.join("\n");
    let mut complaints = Vec::new();
    if !item.comment.first().is_some_and(|line| line.ends_with(['.', ':'])) && item.comment.len() < 2 {
        complaints.push("the first line is not a sentence".into());
    }
    for rust in ["[`", "::", "Result<", "Option<"] {
        if text.contains(rust) {
            complaints.push(format!("{rust} is Rust, not C"));
        }
    }
    complaints
}

fn function(header: &Header, item: &Item, signature: &Signature) -> Vec<String> {
    let text = item.comment.join(" ");
    let mut complaints = callback(item, signature);
    if !text.contains("Since: ") {
        complaints.push("no Since:".into());
    }
    if !["called from", "Only for", "threads and nesting: as"].iter().any(|words| text.contains(words)) {
        complaints.push("does not say from which threads it may be called".into());
    }
    for parameter in &signature.parameters {
        // A callback's data is not looked at: NULL is as good as anything.
        let passed_on = parameter.name == "user_data";
        let pointer = parameter.ty.ends_with('*')
            || header.callbacks().any(|(callback, _)| callback.name == parameter.ty);
        let own = parameter_text(item, &parameter.name);
        let elsewhere = text.contains(&format!("`{}` is NULL", parameter.name));
        if pointer && !passed_on && !elsewhere && own.is_some_and(|text| !text.contains("NULL")) {
            complaints.push(format!("@param {}: may it be NULL?", parameter.name));
        }
    }
    complaints
}

fn callback(item: &Item, signature: &Signature) -> Vec<String> {
    let text = item.comment.join(" ");
    let parameters =
        signature.parameters.iter().filter(|parameter| parameter_text(item, &parameter.name).is_none());
    let mut complaints: Vec<_> =
        parameters.map(|parameter| format!("no @param {}", parameter.name)).collect();
    let says_return = text.contains("@return") || text.starts_with("Returns ");
    if signature.result != "void" && !says_return {
        complaints.push("no @return".into());
    }
    let names_status = ["@return FASTPAR_", "@return as `fastpar_"].iter().any(|words| text.contains(words));
    if signature.result == "fastpar_status" && !names_status {
        complaints.push("@return does not begin with a status".into());
    }
    complaints
}
