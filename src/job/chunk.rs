//! What a caller and a body say to each other: chunks, and how a call is bounded, stopped and watched.
#![forbid(unsafe_code)]

use super::claims::Claiming;
use super::progress::Progress;
use crate::pool::Spent;
use crate::trace;
use std::ffi::CStr;
use std::sync::atomic::AtomicI32;

/// A piece of a range, as a callback sees it: items `[begin, end)`. The layout is that of its C form, so that
/// it crosses without a copy.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Its position among the chunks of the plan.
    pub index: usize,
    /// Its first item.
    pub begin: usize,
    /// One past its last item.
    pub end: usize,
    /// A number below `lanes` that no other thread holds while this one works for the job.
    pub lane: u32,
    /// How many lanes there may be.
    pub lanes: u32,
}

/// What a job runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A loop of the program.
    Loop,
    /// The passes of a reduction or a prefix sum.
    Fold,
    Apply,
    /// Tasks of the codec that take long.
    Tasks,
    /// Tasks of the codec of any size.
    SmallTasks,
    /// Tasks that do for the program what its callbacks could do: sorting. With what a trace says of them.
    Steps(trace::Kind),
}

impl Kind {
    pub(super) fn claiming(self) -> Claiming {
        match self {
            Self::Loop | Self::Fold | Self::Apply | Self::SmallTasks => Claiming::InBatches,
            Self::Tasks | Self::Steps(_) => Claiming::Singly,
        }
    }

    /// The categories for which the job is traced, and what a trace says about it, its lanes and what they
    /// claim.
    pub(super) fn traced(self) -> (u32, trace::Kind, trace::Kind, trace::Kind) {
        use trace::Kind as Traced;
        let pass = |kind| (trace::LOOPS | trace::CHUNKS, kind, Traced::Lane, Traced::Chunks);
        let tasks = |kind| (trace::TASKS, kind, Traced::TaskLane, Traced::Task);
        match self {
            Self::Loop => pass(Traced::Loop),
            Self::Fold => pass(Traced::Fold),
            Self::Apply => pass(Traced::Apply),
            Self::Tasks | Self::SmallTasks => tasks(Traced::Tasks),
            Self::Steps(kind) => tasks(kind),
        }
    }

    /// What the time of its lanes counts as.
    #[inline]
    pub(super) fn spent(self) -> Spent {
        match self {
            Self::Loop | Self::Fold | Self::Apply | Self::Steps(_) => Spent::Callbacks,
            Self::Tasks | Self::SmallTasks => Spent::Codec,
        }
    }
}

/// How a parallel call is bounded, stopped and watched. The default asks for nothing.
#[derive(Clone, Copy, Default)]
pub struct Control<'a> {
    /// Threads that may work on it at the same time, the caller included; 0: every thread of the pool.
    pub max_lanes: u32,
    /// Non-zero: no new chunk starts, and the call fails with
    /// [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled).
    pub cancel: Option<&'a AtomicI32>,
    /// Told (items done, items in total).
    pub progress: Option<Progress<'a>>,
    /// What a trace calls it.
    pub name: Option<&'a CStr>,
}
