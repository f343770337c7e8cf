//! Differential tests against libzstd.

use super::*;
