//! The C ABI: the only module that knows C.
//!
//! Every exported function is a plain `extern "C" fn` whose body is one call of [`guard::guard`]. One file per group
//! of functions, named as the group is in the header. The comments of this module are the manual: they become
//! `include/fastpar.h` through `cargo xtask bindings`.
#![allow(non_camel_case_types)]

mod borrow;
mod codec;
mod guard;
mod library;
mod loops;
mod pool;
mod status;

pub use library::*;
pub use loops::*;
pub use pool::*;
pub use status::*;
