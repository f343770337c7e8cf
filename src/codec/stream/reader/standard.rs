//! The traits of the standard library for readers.
#![forbid(unsafe_code)]

use super::Reader;
use crate::codec::io::errors as io_errors;
use std::io::{self, BufRead, Read};

impl<R: Read> Read for Reader<'_, R> {
    fn read(&mut self, dst: &mut [u8]) -> io::Result<usize> {
        Reader::read(self, dst).map_err(io_errors::to_io)
    }
}

impl<R: Read> BufRead for Reader<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.chunk().map_err(io_errors::to_io)
    }

    fn consume(&mut self, len: usize) {
        Reader::consume(self, len);
    }
}
