//! Dictionaries: content that frames have in common and that is known before they begin. A dictionary is made
//! once, then only read, by any number of threads.
#![forbid(unsafe_code)]

use super::level::{check_level, level_or_default};
use crate::codec::libzstd::calls::{self, Uninit};
use crate::codec::libzstd::cctx::CDict;
use crate::codec::libzstd::errors;
use crate::error::{Error, ErrorKind, Result};
use crate::memory;
use crate::os::float_env::FloatEnv;
use std::fmt;
use std::mem::MaybeUninit;
use std::sync::{Arc, Mutex, PoisonError};
use zstd::zstd_safe::{self, DDict};

/// The magic number of a dictionary that is more than raw content.
const MAGIC: [u8; 4] = [0x37, 0xa4, 0x30, 0xec];
/// The longest dictionary: libzstd's own limits are not far above.
const LONGEST: usize = 1 << 30;
/// The smallest buffer that libzstd trains a dictionary into.
const SMALLEST_TRAINED: usize = 256;
/// With fewer bytes to learn from, libzstd 1.5.7 reads out of bounds.
const LEAST_LEARNED: usize = 8;
/// How many other levels a dictionary stays prepared for.
const OTHER_LEVELS: usize = 4;

/// A dictionary, prepared for both directions. Clones share it.
#[derive(Clone)]
pub struct Dict(Arc<Inner>);

struct Inner {
    content: Box<[u8]>,
    level: i32,
    compress: Arc<CDict<'static>>,
    decompress: Arc<DDict<'static>>,
    /// Prepared for other levels that calls have asked for, the latest at the end.
    others: Mutex<Vec<(i32, Arc<CDict<'static>>)>>,
}

impl Dict {
    /// Prepares a dictionary: one made by [`train`] or by `zstd --train`, or any content that frames are
    /// likely to repeat. `level` is the level to compress at; 0: 3.
    ///
    /// # Errors
    /// [`ErrorKind::Dictionary`]: the content begins like a dictionary, but is damaged.
    /// [`ErrorKind::InvalidArgument`]: the content is empty or longer than 1 GiB, or the level is out of
    /// range. [`ErrorKind::OutOfMemory`].
    pub fn new(content: &[u8], level: i32) -> Result<Self> {
        check_level(level)?;
        if content.is_empty() || content.len() > LONGEST {
            let what = format!("a dictionary of {} bytes, expected 1 to {LONGEST}", content.len());
            return Err(Error::new(ErrorKind::InvalidArgument, what));
        }
        let level = level_or_default(level);
        let mut copy = Vec::new();
        memory::reserve(&mut copy, content.len())?;
        copy.extend_from_slice(content);
        let decompress = DDict::try_create(content).ok_or_else(|| cannot_prepare(content))?;
        Ok(Self(Arc::new(Inner {
            content: copy.into_boxed_slice(),
            level,
            compress: prepare(content, level)?,
            decompress: Arc::new(decompress),
            others: Mutex::new(Vec::new()),
        })))
    }

    /// The number by which frames name the dictionary; 0: raw content, which frames do not name.
    pub fn id(&self) -> u32 {
        zstd_safe::get_dict_id_from_dict(&self.0.content).map_or(0, |id| id.get())
    }

    /// The level that the dictionary was made for.
    pub fn level(&self) -> i32 {
        self.0.level
    }

    /// The content.
    pub(crate) fn content(&self) -> &[u8] {
        &self.0.content
    }

    /// Whether both are one.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The bytes of the content.
    pub(crate) fn len(&self) -> usize {
        self.0.content.len()
    }

    /// The memory that the dictionary takes for compressing at `level`.
    pub(crate) fn memory(&self, level: i32) -> usize {
        let inner = &*self.0;
        let other = if level == inner.level { 0 } else { calls::prepared_size(self.len(), level) };
        self.len() + inner.compress.sizeof() + inner.decompress.sizeof() + other
    }

    /// The dictionary prepared for compressing at `level`: at once for its own level, after some milliseconds
    /// for another.
    pub(crate) fn for_compressing(&self, level: i32) -> Result<Arc<CDict<'static>>> {
        let inner = &*self.0;
        if level == inner.level {
            return Ok(inner.compress.clone());
        }
        // The lock is held while the dictionary is prepared: other lanes of the call wait for the same level.
        let mut others = inner.others.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = others.iter().find(|(known, _)| *known == level) {
            return Ok(known.clone());
        }
        let fresh = prepare(&inner.content, level)?;
        if others.len() == OTHER_LEVELS {
            others.remove(0);
        }
        others.push((level, fresh.clone()));
        Ok(fresh)
    }

    /// The dictionary prepared for decompressing.
    pub(crate) fn for_decompressing(&self) -> Arc<DDict<'static>> {
        self.0.decompress.clone()
    }
}

impl fmt::Debug for Dict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dict")
            .field("id", &self.id())
            .field("len", &self.len())
            .field("level", &self.level())
            .finish()
    }
}

fn prepare(content: &[u8], level: i32) -> Result<Arc<CDict<'static>>> {
    CDict::try_create(content, level).map(Arc::new).ok_or_else(|| cannot_prepare(content))
}

/// The error when libzstd cannot prepare a dictionary; libzstd does not say why.
fn cannot_prepare(content: &[u8]) -> Error {
    if content.starts_with(&MAGIC) {
        let what = "it begins like a dictionary, but its tables are damaged";
        return Error::new(ErrorKind::Dictionary, what);
    }
    Error::new(ErrorKind::OutOfMemory, "no memory for a dictionary")
}

/// The bytes that libzstd learns from; it tests the result on the other samples.
fn learned_from(sizes: &[usize]) -> usize {
    let learned = sizes.len() - sizes.len().div_ceil(4);
    sizes[..learned].iter().sum() // at most the sum of all sizes, which is known
}

/// Makes a dictionary from samples that lie in `samples` one after the other; returns how many bytes of `dst`
/// the dictionary takes.
///
/// # Errors
/// [`ErrorKind::BufferTooSmall`]: `dst` has less than 256 bytes. [`ErrorKind::InvalidArgument`]: the sizes do
/// not add up to the samples, or the samples are too few or too small to learn from.
/// [`ErrorKind::OutOfMemory`].
pub fn train(samples: &[u8], sizes: &[usize], dst: &mut [MaybeUninit<u8>]) -> Result<usize> {
    if dst.len() < SMALLEST_TRAINED {
        let what = format!("dict holds {} bytes, a dictionary takes at least {SMALLEST_TRAINED}", dst.len());
        return Err(Error::new(ErrorKind::BufferTooSmall, what).with_needed(SMALLEST_TRAINED as u64));
    }
    let total = sizes.iter().try_fold(0usize, |total, &size| total.checked_add(size));
    if total != Some(samples.len()) || sizes.len() > u32::MAX as usize {
        let what =
            format!("{} sizes that do not add up to the {} bytes of the samples", sizes.len(), samples.len());
        return Err(Error::new(ErrorKind::InvalidArgument, what));
    }
    if learned_from(sizes) < LEAST_LEARNED {
        let what = format!(
            "{} samples with {} bytes in all are too little to learn from",
            sizes.len(),
            samples.len()
        );
        return Err(Error::new(ErrorKind::InvalidArgument, what));
    }
    // It computes with fractions.
    let trained =
        FloatEnv::for_ourselves(|| zstd_safe::train_from_buffer(&mut Uninit::new(dst), samples, sizes));
    trained.map_err(|code| {
        let name = zstd_safe::get_error_name(code);
        let kind =
            if errors::is_out_of_memory(code) { ErrorKind::OutOfMemory } else { ErrorKind::InvalidArgument };
        let what = format!(
            "no dictionary can be made from {} samples with {} bytes in all: {name}",
            sizes.len(),
            samples.len()
        );
        Error::new(kind, what).with_code(errors::number(code))
    })
}
