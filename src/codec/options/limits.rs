//! What options allow a frame to be.
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
    let log = options.window_log_max();
    if !frame.single_segment && frame.window > 1 << log {
        let what = format!(
            "it needs a window of {} bytes, and window_log {log} allows {}",
            frame.window,
            1u64 << log
        );
        return Err(frame.error(ErrorKind::LimitExceeded, what).with_needed(frame.window));
    }
    Ok(())
}
