//! Limits that options set for a frame.
#![forbid(unsafe_code)]

use super::dict::Dict;
use super::Options;
use crate::codec::format::frame::Frame;
use crate::error::{ErrorKind, Result};

/// Refuses frames that need another dictionary than is given, or a larger window than is allowed.
pub(crate) fn check(frame: &Frame, options: &Options<'_>) -> Result<()> {
    let given = options.dict.map(Dict::id);
    if frame.dictionary != 0 && given != Some(frame.dictionary) {
        let given = match given {
            None => "none was given".to_owned(),
            Some(0) => "one of raw content, without an id, was given".to_owned(),
            Some(id) => format!("dictionary {id} was given"),
        };
        let what = format!("it needs dictionary {}, and {given}", frame.dictionary);
        return Err(frame.error(ErrorKind::Dictionary, what));
    }
    if frame.single_segment {
        return Ok(()); // the window is the content itself
    }
    check_window(frame, options.window_log_max(), "")
}

/// Refuses a frame that needs a larger window than 2 to the power of `log`; `when` says in the error why it
/// needs a window.
pub(crate) fn check_window(frame: &Frame, log: u32, when: &str) -> Result<()> {
    if frame.window <= 1 << log {
        return Ok(());
    }
    let window = frame.window;
    let what =
        format!("{when}it needs a window of {window} bytes, and window_log {log} allows {}", 1u64 << log);
    Err(frame.error(ErrorKind::LimitExceeded, what).with_needed(window))
}
