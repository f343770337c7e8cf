//! The Python that runs Python code in parallel, and the packages that fastpar is compared with there.

use crate::process;
use std::path::PathBuf;

/// Packages that fastpar is compared with.
pub(crate) const ZSTANDARD: &str = "zstandard==0.25.0";
pub(crate) const BLOSC2: &str = "blosc2==4.14.1";

/// The free-threaded Python that FASTPAR_PYTHON names, else `python3.14t`; the reason, where there is none.
pub(crate) fn free_threaded() -> Result<PathBuf, &'static str> {
    let named = std::env::var_os("FASTPAR_PYTHON").map(PathBuf::from);
    named
        .or_else(|| process::installed("python3.14t").then(|| "python3.14t".into()))
        .ok_or("there is no free-threaded Python: no python3.14t on PATH, and FASTPAR_PYTHON names none")
}
