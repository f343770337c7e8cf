//! The format and nothing else: headers of frames and blocks, walking over them, the seek table. For the
//! block decoder: tables, literals and sequences of blocks, each block by itself. What of a block is decoded
//! here libzstd would decode to the same, or it is not decoded at all ([`bits::Odd`]).

pub(crate) mod bits;
pub(crate) mod dictionary;
pub(crate) mod frame;
mod fse;
pub(crate) mod header;
pub(crate) mod huffman;
mod huffman_streams;
#[cfg(test)]
mod huffman_tests;
pub(crate) mod literals;
mod repeat_offsets;
pub(crate) mod seek_table;
mod sequence_bits;
mod sequence_reader;
pub(crate) mod sequence_tables;
pub(crate) mod sequences;
pub(crate) mod walk;
pub(crate) mod xxh64;
