//! Suite "tsan": the tests of loops, and C's calls of streams, under ThreadSanitizer, which knows what
//! threads do to each other only in code that it compiled. So std and libzstd are built for it too, in a
//! folder of their own.

use super::{instrumented, lines, Case, Context};
use crate::process;
use anyhow::Result;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30 * 60);

/// Programs, and which of their tests: all of the loops. An instrumented libzstd is so slow that of streams
/// only what passes data between threads through C's functions is run.
const PROGRAMS: [(&str, &[&str]); 2] = [("loops", &[]), ("streams", &["c_calls::"])];

pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    if let Some(reason) = context.setup.missing(&["clang"]) {
        return Ok(vec![Case::skipped("tsan", reason)]);
    }
    let mut cases = Vec::new();
    for (program, tests) in PROGRAMS {
        let mut cargo = match instrumented::sanitized("thread", "tsan", "test") {
            Ok(cargo) => cargo,
            Err(reason) => return Ok(vec![Case::skipped("tsan", reason)]),
        };
        cargo.args(["--test", program, "--no-fail-fast", "--", "--show-output"]).args(tests);
        cargo.env("TSAN_OPTIONS", "allocator_may_return_null=1");
        let mut finished = process::run(&mut cargo, LIMIT)?;
        // libtest keeps the report of a test that goes on; the process ends with an error all the same.
        let reports = finished.output.matches("WARNING: ThreadSanitizer").count();
        if reports > 0 {
            finished.output += &format!("\n{reports} reports of ThreadSanitizer\n");
        }
        cases.extend(lines::libtest(&finished));
    }
    Ok(cases)
}
