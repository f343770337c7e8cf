//! Limits that options set for a frame.
#![forbid(unsafe_code)]

use super::dict::Dict;
use super::reference::Dicts;
use super::Options;
use crate::codec::format::frame::Frame;
use crate::error::{Error, ErrorKind, Result};

/// Refuses frames that need another dictionary than is given, or a larger window than is allowed.
pub(crate) fn check(frame: &Frame, options: &Options<'_>) -> Result<()> {
    if frame.dictionary != 0 && options.references().named(frame.dictionary).is_none() {
        return Err(wrong_dictionary(frame, options));
    }
    if frame.single_segment {
        return Ok(()); // the window is the content itself
    }
    check_window(frame, options, "")
}

#[cold]
fn wrong_dictionary(frame: &Frame, options: &Options<'_>) -> Error {
    let others = options.dicts.map_or(0, Dicts::count);
    let given = match options.dict.map(Dict::id) {
        _ if others > 0 => format!("none of the {others} in dicts has that id"),
        None => "none was given".to_owned(),
        Some(0) => "one of raw content, without an id, was given".to_owned(),
        Some(id) => format!("dictionary {id} was given"),
    };
    let what = format!("it needs dictionary {}, and {given}", frame.dictionary);
    frame.error(ErrorKind::Dictionary, what).with_code(frame.dictionary as i32) // the same bits
}

/// Refuses a frame that needs a larger window than the options allow; `when` says in the error why it needs a
/// window.
pub(crate) fn check_window(frame: &Frame, options: &Options<'_>, when: &str) -> Result<()> {
    let log = options.window_log_max();
    let limit = (1u64 << log) + options.references().prefix_len() as u64;
    if frame.window <= limit {
        return Ok(());
    }
    let window = frame.window;
    let what = format!("{when}it needs a window of {window} bytes, and window_log {log} allows {limit}");
    Err(frame.error(ErrorKind::LimitExceeded, what).with_needed(window))
}
