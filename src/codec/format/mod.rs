//! The format of zstd's blocks by RFC 8878: headers, tables, literals and sequences, each block by itself.
//!
//! What is decoded here is decoded as libzstd would decode it, or not at all ([`bits::Odd`]).

pub(in crate::codec) mod bits;
mod fse;
pub(in crate::codec) mod huffman;
pub(in crate::codec) mod literals;
pub(in crate::codec) mod sequence_tables;
pub(in crate::codec) mod sequences;
pub(in crate::codec) mod xxh64;
