//! Files: the one that is read, the one that is written, and what the system says about them.

pub(crate) mod errors;
pub(crate) mod input;
pub(crate) mod output;
