//! The format and nothing else: headers of frames and blocks, walking over them, the seek table. Nothing is
//! compressed or decompressed here.

pub(crate) mod frame;
pub(crate) mod seek_table;
pub(crate) mod walk;
