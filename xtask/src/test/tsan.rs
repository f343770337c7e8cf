//! Suite "tsan": the tests of loops, of the pool's life, of the codec, streams and archives under ThreadSanitizer, which knows what
//! threads do to each other only in code that it compiled. So std and libzstd are built for it too, in a folder of their own.

use super::{instrumented, lines, Case, Context};
use crate::process;
use anyhow::Result;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30 * 60);

const PROGRAMS: [&str; 5] = ["loops", "lifecycle", "codec", "streams", "archives"];

/// Left out: forked children, which may start no threads here; and what takes long by doing the same many times, which other
/// suites do.
const LEFT_OUT: [&str; 8] = [
    "fork::",
    "in_a_forked_child",
    "kill::",
    "file_faults::",
    "capacity::compress_in",
    "single_bit_flips",
    "any_range_of_any_frames",
    "frames_too_large_to_be_kept",
];

pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    if let Some(reason) = context.setup.missing(&["clang"]) {
        return Ok(vec![Case::skipped("tsan", reason)]);
    }
    let mut cargo = match instrumented::sanitized("thread", "tsan", "test") {
        Ok(cargo) => cargo,
        Err(reason) => return Ok(vec![Case::skipped("tsan", reason)]),
    };
    for program in PROGRAMS {
        cargo.args(["--test", program]);
    }
    cargo.args(["--no-fail-fast", "--", "--show-output"]);
    for tests in LEFT_OUT {
        cargo.args(["--skip", tests]);
    }
    cargo.env("TSAN_OPTIONS", "allocator_may_return_null=1");
    let mut finished = process::run(&mut cargo, LIMIT)?;
    // libtest keeps the report of a test that goes on; the process ends with an error all the same.
    let reports = finished.output.matches("WARNING: ThreadSanitizer").count();
    if reports > 0 {
        finished.output += &format!("\n{reports} reports of ThreadSanitizer\n");
    }
    Ok(lines::libtest(&finished))
}
