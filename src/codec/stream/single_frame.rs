//! A single frame that is compressed in parts. The bytes depend on the parts, so all have one size, however
//! the caller cuts its writes.
#![forbid(unsafe_code)]

use super::buffers;
use super::buffers::Meter;
use crate::codec::context::contexts::Compressor;
use crate::codec::context::encode::{Recipe, BLOCK};
use crate::codec::context::in_use::InUse;
use crate::codec::libzstd::cctx::CCtx;
use crate::codec::libzstd::errors;
use crate::codec::options::progress::CallProgress;
use crate::error::Result;
use crate::memory;
use crate::trace::{self, Kind, Mark};
use std::sync::{Arc, Mutex, PoisonError};
use zstd::zstd_safe::zstd_sys::ZSTD_EndDirective;
use zstd::zstd_safe::{InBuffer, OutBuffer};

/// Room that is added when none is left: one block at least.
const MORE: usize = 192 << 10;

/// What follows a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// Another part.
    Go,
    /// Another part; everything up to here must be decodable already.
    Flush,
    /// The end of the frame.
    End,
}

/// See the module.
pub(crate) struct SingleFrame {
    recipe: Recipe,
    len: Option<u64>,
    /// Lives from the first part to the last.
    context: Mutex<Option<(InUse<Compressor>, buffers::Counted)>>,
}

impl SingleFrame {
    /// A frame of `len` bytes, if they are known.
    pub(crate) fn new(recipe: Recipe, len: Option<u64>) -> Self {
        Self { recipe, len, context: Mutex::new(None) }
    }

    /// Compresses the next part; what libzstd gives out is added to `out`.
    pub(crate) fn part(
        &self,
        part: &[u8],
        then: Then,
        out: &mut Vec<u8>,
        meter: &Arc<Meter>,
        progress: &CallProgress<'_>,
    ) -> Result<()> {
        let mut context = self.context.lock().unwrap_or_else(PoisonError::into_inner);
        if context.is_none() {
            *context = Some((self.begin()?, meter.hold(self.recipe.memory())));
        }
        let Some((in_use, _)) = context.as_mut() else { return Ok(()) };
        let (mark, before) = (Mark::now(trace::CODEC), out.len());
        let compressor = in_use.begin(0);
        for step in part.chunks(BLOCK) {
            feed(compressor, step, ZSTD_EndDirective::ZSTD_e_continue, out)?;
            progress.add(0)?;
        }
        // No input together with the end: libzstd would cut it into blocks in another way where there is more
        // room.
        match then {
            Then::Go => {}
            Then::Flush => feed(compressor, &[], ZSTD_EndDirective::ZSTD_e_flush, out)?,
            Then::End => {
                feed(compressor, &[], ZSTD_EndDirective::ZSTD_e_end, out)?;
                *context = None;
            }
        }
        mark.end(Kind::CompressPart, [part.len() as u64, (out.len() - before) as u64, 0, 0, 0]);
        Ok(())
    }

    fn begin(&self) -> Result<InUse<Compressor>> {
        // Of unknown length: the context is new, and is not used again, so that its positions cannot
        // overflow.
        let len = self.len.unwrap_or(u64::MAX);
        let mut in_use = InUse::<Compressor>::take(self.recipe.memory(), self.recipe.bytes(len))?;
        let context = self.recipe.begin(&mut in_use, 0, len)?;
        context.set_pledged_src_size(self.len).map_err(|code| errors::encoding(code, 0))?;
        Ok(in_use)
    }
}

/// Gives `input` to libzstd, and makes room for what comes out.
fn feed(context: &mut CCtx<'_>, input: &[u8], todo: ZSTD_EndDirective, out: &mut Vec<u8>) -> Result<()> {
    let mut input = InBuffer::around(input);
    loop {
        let at = out.len();
        let left = {
            let mut output = OutBuffer::around_pos(out, at);
            context
                .compress_stream2(&mut output, &mut input, todo)
                .map_err(|code| errors::encoding(code, 0))?
        };
        let done = match todo {
            ZSTD_EndDirective::ZSTD_e_continue => input.pos == input.src.len(),
            _ => left == 0,
        };
        if done {
            return Ok(());
        }
        if out.len() == out.capacity() || out.len() == at {
            memory::reserve(out, MORE)?;
        }
    }
}
