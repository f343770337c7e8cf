//! Compression levels.
#![forbid(unsafe_code)]

use crate::error::{Error, ErrorKind, Result};
use std::ops::RangeInclusive;
use zstd::zstd_safe;

/// The level that 0 stands for.
const DEFAULT_LEVEL: i32 = 3;

/// The levels that libzstd has, from fastest to smallest.
pub fn level_range() -> RangeInclusive<i32> {
    zstd_safe::min_c_level()..=zstd_safe::max_c_level()
}

/// Refuses levels that libzstd does not have.
pub(crate) fn check_level(level: i32) -> Result<()> {
    if level == 0 || level_range().contains(&level) {
        return Ok(());
    }
    let levels = level_range();
    let what = format!("level is {level}, expected {} to {}", levels.start(), levels.end());
    Err(Error::new(ErrorKind::InvalidArgument, what))
}

/// A level, with the default filled in.
pub(crate) fn level_or_default(level: i32) -> i32 {
    if level == 0 {
        DEFAULT_LEVEL
    } else {
        level
    }
}
