//! libzstd: the calls that the `zstd` crate does not offer, and the codes of its errors.

pub(crate) mod calls;
pub(crate) mod cctx;
pub(crate) mod errors;
pub(crate) mod section;
