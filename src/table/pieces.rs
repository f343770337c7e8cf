//! Records that come piece by piece, such as those of an archive: what each piece comes to is made on its
//! own, and put together by whoever gets the pieces, in their order.
#![forbid(unsafe_code)]

use super::aggregate::{Aggregate, Checked, Partial};
use super::column::{invalid, Column};
use super::filter::{Condition, Filter};
use super::group::{GroupKey, Grouping, Map};
use super::mask::Mask;
use crate::error::Result;
use crate::memory;
use crate::sort::KeyType;
use std::ops::Range;

/// A field of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Where it begins in the record.
    pub offset: usize,
    /// Its type.
    pub kind: KeyType,
}

/// What records look like, and which of them are looked at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shape<'s> {
    /// What takes the place of columns.
    pub fields: &'s [Field],
    /// A condition in steps; none: all records.
    pub conditions: &'s [Condition<'s>],
}

/// A shape that has been checked.
pub(crate) struct Records<'s> {
    size: usize,
    fields: &'s [Field],
    filter: Filter<'s>,
}

/// Some records: their columns, and those that pass.
struct Piece<'p> {
    columns: Vec<Column<'p>>,
    rows: usize,
    mask: Option<Vec<u8>>,
}

impl Piece<'_> {
    fn mask(&self) -> Result<Option<Mask<'_>>> {
        self.mask.as_deref().map(|bytes| Mask::new(bytes, self.rows)).transpose()
    }
}

impl<'s> Records<'s> {
    /// Of records of `size` bytes.
    ///
    /// # Errors [`ErrorKind::InvalidArgument`](crate::ErrorKind::InvalidArgument): a field does not lie in
    /// the record, or a condition.
    pub(crate) fn new(size: usize, shape: &Shape<'s>) -> Result<Self> {
        let mut kinds = Vec::new();
        memory::reserve(&mut kinds, shape.fields.len())?;
        for (at, field) in shape.fields.iter().enumerate() {
            let bytes = field.kind.size();
            if bytes == 0 || field.offset.checked_add(bytes).is_none_or(|end| end > size) {
                let offset = field.offset;
                return invalid(format!(
                    "fields[{at}]: {bytes} bytes at {offset} do not lie in a record of {size} (record_size)"
                ));
            }
            kinds.push(field.kind);
        }
        Ok(Self { size, fields: shape.fields, filter: Filter::new(&kinds, shape.conditions)? })
    }

    fn columns<'p>(&self, bytes: &'p [u8]) -> Result<Vec<Column<'p>>> {
        let rows = bytes.len() / self.size;
        let mut columns = Vec::new();
        memory::reserve(&mut columns, self.fields.len())?;
        for field in self.fields {
            let bytes = bytes.get(field.offset..).unwrap_or_default();
            columns.push(Column::new(bytes, rows, self.size, field.kind)?);
        }
        Ok(columns)
    }

    fn piece<'p>(&self, bytes: &'p [u8]) -> Result<Piece<'p>> {
        let (columns, rows) = (self.columns(bytes)?, bytes.len() / self.size);
        let mask = self.filter.mask(&columns, rows)?;
        Ok(Piece { columns, rows, mask })
    }

    /// Aggregates of no records.
    ///
    /// # Errors
    /// As [`aggregate`](super::aggregate()): an aggregate.
    pub(crate) fn no_aggregates(&self, aggregates: &[Aggregate]) -> Result<Partial> {
        self.aggregate(&[], aggregates)
    }

    /// Aggregates of the records that pass.
    pub(crate) fn aggregate(&self, bytes: &[u8], aggregates: &[Aggregate]) -> Result<Partial> {
        let piece = self.piece(bytes)?;
        let checked = Checked::new(&piece.columns, aggregates, std::iter::empty())?;
        let mut found = Partial::new(&checked)?;
        found.add(&checked, 0..piece.rows, piece.mask()?)?;
        Ok(found)
    }

    /// What groups are made by.
    ///
    /// # Errors
    /// As [`group`](super::group()): a key or an aggregate.
    pub(crate) fn grouping<'g>(
        &self,
        keys: &'g [GroupKey],
        aggregates: &'g [Aggregate],
        max_memory: u64,
    ) -> Result<Grouping<'g>> {
        Grouping::new(&self.columns(&[])?, keys, aggregates, max_memory)
    }

    /// Groups of the records that pass, of which the first has this number.
    pub(crate) fn group<'g>(&self, bytes: &[u8], first: u64, grouping: &'g Grouping<'_>) -> Result<Map<'g>> {
        let piece = self.piece(bytes)?;
        let mut map = grouping.no_groups();
        grouping.add(&piece.columns, 0..piece.rows, first, piece.mask()?, &mut map)?;
        Ok(map)
    }

    /// Gives out the records that pass, neighbours together.
    pub(crate) fn take(&self, bytes: &[u8], mut give: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let piece = self.piece(bytes)?;
        let Some(mask) = piece.mask()? else { return give(bytes) };
        for Range { start, end } in mask.runs() {
            give(&bytes[start * self.size..end * self.size])?;
        }
        Ok(())
    }
}
