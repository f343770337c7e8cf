//! A column: values of one type, at equal distances.
#![forbid(unsafe_code)]

use crate::error::{Error, ErrorKind, Result};
use crate::sort::KeyType;
use std::ops::Range;

/// Values of one type in bytes of the program's, aligned or not.
#[derive(Clone, Copy, Debug)]
pub struct Column<'a> {
    bytes: &'a [u8],
    count: usize,
    stride: usize,
    kind: KeyType,
}

pub(super) fn invalid<T>(text: impl Into<String>) -> Result<T> {
    Err(Error::new(ErrorKind::InvalidArgument, text.into()))
}

impl<'a> Column<'a> {
    /// `count` values, the first at the begin of `bytes`, and `stride` bytes from each to the next; 0:
    /// they lie one after the other.
    ///
    /// # Errors [`ErrorKind::InvalidArgument`]: values overlap, or there are too few bytes.
    pub fn new(bytes: &'a [u8], count: usize, stride: usize, kind: KeyType) -> Result<Self> {
        match Self::span(count, stride, kind)? {
            span if span <= bytes.len() => {
                let stride = if stride == 0 { kind.size() } else { stride };
                Ok(Self { bytes: &bytes[..span], count, stride, kind })
            }
            span => invalid(format!("{count} values take {span} bytes, and there are {}", bytes.len())),
        }
    }

    /// Bytes from the begin of the first value to the end of the last.
    ///
    /// # Errors [`ErrorKind::InvalidArgument`]: values overlap, or are more than there can be.
    pub fn span(count: usize, stride: usize, kind: KeyType) -> Result<usize> {
        let size = kind.size();
        let stride = if stride == 0 { size } else { stride };
        if size == 0 {
            return invalid("a value has no bytes");
        }
        if stride < size {
            return invalid(format!("stride is {stride}, less than the {size} bytes of a value"));
        }
        let Some(before) = count.checked_sub(1) else { return Ok(0) };
        // No object is larger (C's PTRDIFF_MAX).
        match before.checked_mul(stride).and_then(|bytes| bytes.checked_add(size)) {
            Some(span) if isize::try_from(span).is_ok() => Ok(span),
            _ => invalid(format!("{count} values at a stride of {stride} are more than any buffer can have")),
        }
    }

    /// The number of values.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Their type.
    pub fn kind(&self) -> KeyType {
        self.kind
    }

    /// The bytes from the begin of the first value to the end of the last.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Bytes from a value to the next.
    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    /// The bytes from value `row` on.
    #[inline(always)]
    pub(super) fn tail(&self, row: usize) -> &'a [u8] {
        &self.bytes[row * self.stride..]
    }

    /// The bytes of these rows, in so far as there are such rows.
    pub(super) fn of_rows(&self, rows: Range<usize>) -> &'a [u8] {
        let place = |row: usize| row.saturating_mul(self.stride).min(self.bytes.len());
        &self.bytes[place(rows.start)..place(rows.end)]
    }

    /// Whether its values are fields of the same records as those of another column.
    pub(super) fn shares_records(&self, other: &Self) -> bool {
        let distance = self.bytes.as_ptr().addr().abs_diff(other.bytes.as_ptr().addr());
        self.stride == other.stride && distance < self.stride
    }

    /// The bytes of one value.
    #[inline(always)]
    pub(super) fn value(&self, row: usize) -> &'a [u8] {
        &self.bytes[row * self.stride..][..self.kind.size()]
    }

    /// Whether its values are numbers.
    pub(super) fn is_number(&self) -> bool {
        !matches!(self.kind, KeyType::Bytes(_))
    }
}

/// The number of rows of columns, which all must have.
pub(super) fn rows_of(columns: &[Column<'_>]) -> Result<usize> {
    let Some(first) = columns.first() else { return Ok(0) };
    match columns.iter().position(|column| column.count != first.count) {
        None => Ok(first.count),
        Some(at) => {
            let (other, count) = (columns[at].count, first.count);
            invalid(format!("columns[{at}] has {other} values, and columns[0] has {count}"))
        }
    }
}
