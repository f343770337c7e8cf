//! The parts of a frame whose blocks were decoded ahead: they are executed in order, by the owner of the
//! pipeline. Where a block is odd, libzstd goes on with the frame.
#![forbid(unsafe_code)]

use super::buffers::{Buffers, Counted};
use super::decompress_stage::{DecodedPart, Decompressed};
use crate::codec::format::bits::Odd;
use crate::codec::frame::blocks::parts::{End, Executor, MOST_IN_PART};
use crate::codec::frame::blocks::{Header, Outside};
use crate::codec::frame::resume::{self, Resumed};
use crate::codec::options::progress::CallProgress;
use crate::error::{ErrorKind, Result};
use crate::trace::{self, Kind, Mark};
use std::ops::Range;

/// See the module.
pub(super) struct Execution {
    decoding: Decoding,
    _counted: Counted,
}

enum Decoding {
    Blocks(Executor),
    Libzstd(Resumed),
}

impl Execution {
    /// At the beginning of a frame.
    pub(super) fn begin(header: &Header, outside: Option<Outside>, counted: Counted) -> Result<Self> {
        let executor = Executor::new(header, MOST_IN_PART, outside)?;
        Ok(Self { decoding: Decoding::Blocks(executor), _counted: counted })
    }

    /// Whether libzstd has gone on with the frame.
    pub(super) fn is_resumed(&self) -> bool {
        matches!(self.decoding, Decoding::Libzstd(_))
    }

    /// Bytes that were executed last.
    pub(super) fn bytes(&self, range: Range<usize>) -> &[u8] {
        match &self.decoding {
            Decoding::Blocks(executor) => executor.bytes(range),
            Decoding::Libzstd(_) => &[],
        }
    }

    /// Executes the next part; returns where its bytes are, unless they are in `result`, which gets the
    /// failure of the frame too.
    pub(super) fn part(
        mut self,
        part: DecodedPart,
        result: &mut Decompressed,
        buffers: &Buffers,
        progress: &CallProgress<'_>,
    ) -> Result<(Self, Option<Range<usize>>)> {
        let DecodedPart { of, data, mut blocks, .. } = part;
        let (mut range, mut failure) = (None, None);
        let mut rest = Some(of.carried.bytes().len());
        if let Decoding::Blocks(mut executor) = self.decoding {
            let mark = Mark::now(trace::CODEC);
            let executed = executor.execute(&mut blocks, data.filled(), of.last);
            let len = executed.range.len() as u64;
            mark.end(Kind::ExecuteBlocks, [len, of.count as u64, 0, 0, 0]);
            (rest, failure) = match executed.end {
                End::Odd(at) => (Some(at), None),
                end => (None, resume::error_at_end(end, &of.frame)),
            };
            self.decoding = match rest {
                None => {
                    range = Some(executed.range);
                    Decoding::Blocks(executor)
                }
                Some(at) => {
                    result.bytes.push(executor.bytes(executed.range))?;
                    let state = executor.into_state(&of.frame, data.filled(), &of.carried, at);
                    let lost = |Odd| of.frame.error(ErrorKind::Internal, "its tables are missing");
                    Decoding::Libzstd(Resumed::new(state.map_err(lost)?)?)
                }
            };
        }
        if let (Decoding::Libzstd(resumed), Some(at)) = (&mut self.decoding, rest) {
            let (mark, before) = (Mark::now(trace::CODEC), result.bytes.len());
            let give = |bytes: &[u8]| {
                progress.add(0)?;
                result.bytes.push(bytes)
            };
            let decoded = resumed.decode(data.filled(), at, of.last, give);
            let sizes = [(data.len() - at) as u64, (result.bytes.len() - before) as u64, 0, 0, 0];
            mark.end(Kind::DecompressPart, sizes);
            match decoded {
                Err(error) if error.kind() == ErrorKind::Cancelled => return Err(error),
                decoded => failure = decoded.err(),
            }
        }
        buffers.put(data);
        result.frames = u64::from(of.last && failure.is_none());
        result.failure = failure;
        Ok((self, range))
    }
}
