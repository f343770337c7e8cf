//! Suite "abi": the library keeps what `tests/abi/baseline` has promised; and the guard notices every kind of
//! change, which is tried on copies of the header.

use super::{Case, Context};
use crate::abi::{self, Baseline, Changes};
use crate::{header, repo};
use anyhow::{ensure, Context as _, Result};
use std::path::Path;

/// A change of the header, and a part of what is said about it.
struct Change {
    name: &'static str,
    old: &'static str,
    new: &'static str,
    told: &'static str,
}

const VERSION: &str = "FASTPAR_API uint32_t fastpar_version(void);";

/// Changes that break programs.
const BREAKING: [Change; 13] = [
    Change {
        name: "another name of a function",
        old: VERSION,
        new: "FASTPAR_API uint32_t fastpar_version_number(void);",
        told: "fastpar_version is gone from the library",
    },
    Change {
        name: "another result",
        old: VERSION,
        new: "FASTPAR_API uint64_t fastpar_version(void);",
        told: "return type changed",
    },
    Change {
        name: "another type of a parameter",
        old: "fastpar_pool_start(const fastpar_pool_options *options,",
        new: "fastpar_pool_start(const fastpar_error *options,",
        told: "parameter 1 of type",
    },
    Change {
        name: "another parameter",
        old: "fastpar_pool_start(const fastpar_pool_options *options,",
        new: "fastpar_pool_start(const fastpar_pool_options *options, int32_t more,",
        told: "parameter",
    },
    Change {
        name: "another type of a callback's parameter",
        old: "(*fastpar_thread_fn)(void *user_data, uint32_t worker);",
        new: "(*fastpar_thread_fn)(void *user_data, uint64_t worker);",
        told: "fastpar_thread_fn",
    },
    Change {
        name: "a wider field",
        old: "  uint32_t lanes;\n} fastpar_chunk;",
        new: "  uint64_t lanes;\n} fastpar_chunk;",
        told: "fastpar_chunk",
    },
    Change {
        name: "a field of the other sign",
        old: "  uint32_t lanes;\n} fastpar_chunk;",
        new: "  int32_t lanes;\n} fastpar_chunk;",
        told: "fastpar_chunk",
    },
    Change {
        name: "another name of a field",
        old: "  uint32_t lanes;\n} fastpar_chunk;",
        new: "  uint32_t members;\n} fastpar_chunk;",
        told: "members",
    },
    Change {
        name: "growth of a struct without a size",
        old: "\n} fastpar_chunk;",
        new: "\n  size_t more;\n} fastpar_chunk;",
        told: "fastpar_chunk",
    },
    Change {
        name: "a field in the middle",
        old: "  size_t struct_size;\n",
        new: "  size_t struct_size;\n  size_t more;\n",
        told: "data member insertion",
    },
    Change {
        name: "another value of a constant",
        old: "#define FASTPAR_ERR_CORRUPT 30",
        new: "#define FASTPAR_ERR_CORRUPT 35",
        told: "FASTPAR_ERR_CORRUPT: its value was 30, and is 35",
    },
    Change {
        name: "a new function that was there before",
        old: VERSION,
        new: "FASTPAR_API uint32_t fastpar_version(void);\n\n/** More. Since: 0.1 */\nFASTPAR_API void fastpar_more(void);",
        told: "fastpar_more is new, so \"Since: 1.0\", not 0.1",
    },
    Change {
        name: "another type of the status",
        old: "typedef int32_t fastpar_status;",
        new: "typedef int64_t fastpar_status;",
        told: "fastpar_status",
    },
];

/// Changes that programs do not notice, but that must be recorded.
const ADDING: [Change; 3] = [
    Change {
        name: "growth of a struct with a size",
        old: "\n} fastpar_zstd_options;",
        new: "\n  size_t more;\n  uint32_t and_more;\n} fastpar_zstd_options;",
        told: "and_more",
    },
    Change {
        name: "a new constant",
        old: "#define FASTPAR_ERR_CORRUPT 30",
        new: "#define FASTPAR_ERR_CORRUPT 30\n/** More. */\n#define FASTPAR_ERR_MORE 99",
        told: "constant FASTPAR_ERR_MORE: value 99",
    },
    Change {
        name: "a new function",
        old: VERSION,
        new: "FASTPAR_API uint32_t fastpar_version(void);\n\n/** More. Since: 1.0 */\nFASTPAR_API void fastpar_more(void);",
        told: "function fastpar_more: Since 1.0",
    },
];

pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    if let Some(reason) = context.setup.install_if_missing(&abi::PROGRAMS) {
        return Ok(vec![Case::skipped("ABI", reason)]);
    }
    let exports = abi::exports(&context.staged()?.shared())?;
    let header = repo::root().join("include/fastpar.h");
    let Changes { mut broken, mut added } = Baseline::committed()?.compare(&header, &exports)?;
    if !broken.is_empty() {
        broken.push(abi::RULE.into());
    }
    if !added.is_empty() {
        added.push(abi::RECORD.into());
    }
    let mut cases = vec![Case::checked("nothing is broken", broken), Case::checked("recorded", added)];
    // What is promised here is what the header says now, so that each change stands alone.
    let folder = tempfile::tempdir()?;
    abi::record(&header, folder.path())?;
    let baseline = Baseline::read(folder.path())?;
    cases.extend(BREAKING.iter().map(|change| {
        Case::of(format!("notices {}", change.name), || {
            let changes = changed(&baseline, folder.path(), change)?;
            ensure!(changes.broken.join("\n").contains(change.told), "{changes:?}");
            Ok(())
        })
    }));
    cases.extend(ADDING.iter().map(|change| {
        Case::of(format!("allows {}", change.name), || {
            let changes = changed(&baseline, folder.path(), change)?;
            ensure!(changes.broken.is_empty(), "{changes:?}");
            ensure!(changes.added.join("\n").contains(change.told), "{changes:?}");
            Ok(())
        })
    }));
    cases.push(Case::of("notices a function that the library lacks", || {
        let mut fewer = exports.clone();
        fewer.remove("fastpar_for");
        let changes = baseline.compare(&header, &fewer)?;
        ensure!(changes.broken.iter().any(|line| line.contains("fastpar_for is gone from the library")));
        Ok(())
    }));
    Ok(cases)
}

/// What is told about a copy of the header with a change.
fn changed(baseline: &Baseline, folder: &Path, change: &Change) -> Result<Changes> {
    let text = repo::read("include/fastpar.h")?;
    ensure!(text.contains(change.old), "the header has no {:?}", change.old);
    let text = text.replacen(change.old, change.new, 1);
    let file = folder.join("changed.h");
    std::fs::write(&file, &text)?;
    let exports = abi::declared(&header::parse(&text).context("the changed header")?);
    baseline.compare(&file, &exports)
}
