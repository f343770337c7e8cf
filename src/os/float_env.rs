//! The floating-point control state of a thread: rounding, flush to zero, denormals as zero, exception masks.
//!
//! A job carries its caller's state to every lane, so that a reduction is the same to the bit on whichever thread a chunk runs.
//! Each lane gets its own state back when it leaves the job. Status flags (what has been rounded, divided by zero, ...) are not
//! carried: a lane starts with none, and keeps its own.

#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
use std::arch::asm;

/// What a thread computes by: MXCSR and the x87 control word, or FPCR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FloatEnv(Registers);

#[cfg(any(target_arch = "x86_64", all(target_arch = "x86", target_feature = "sse")))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Registers {
    mxcsr: u32,
    x87: u16,
}

/// The six status flags in the low bits of MXCSR; the rest is control.
#[cfg(any(target_arch = "x86_64", all(target_arch = "x86", target_feature = "sse")))]
const STATUS_FLAGS: u32 = 0x3f;

#[cfg(any(target_arch = "x86_64", all(target_arch = "x86", target_feature = "sse")))]
impl Registers {
    #[inline]
    fn read() -> Self {
        let (mut mxcsr, mut x87) = (0u32, 0u16);
        // SAFETY: both instructions only store a register of the calling thread into a variable of its size.
        unsafe {
            asm!(
                "stmxcsr [{mxcsr}]",
                "fnstcw [{x87}]",
                mxcsr = in(reg) &mut mxcsr,
                x87 = in(reg) &mut x87,
                options(nostack, preserves_flags),
            );
        }
        Self { mxcsr: mxcsr & !STATUS_FLAGS, x87 }
    }

    #[inline]
    fn write(self) {
        // SAFETY: the values were read from a thread's registers, so no reserved bit is set.
        unsafe {
            asm!(
                "ldmxcsr [{mxcsr}]",
                "fldcw [{x87}]",
                mxcsr = in(reg) &self.mxcsr,
                x87 = in(reg) &self.x87,
                options(nostack, preserves_flags, readonly),
            );
        }
    }
}

#[cfg(target_arch = "aarch64")]
type Registers = u64;

/// `read` and `write` of FPCR, in which aarch64 has all of it; FPSR, the status, stays.
#[cfg(target_arch = "aarch64")]
trait ReadWrite: Sized {
    fn read() -> Self;
    fn write(self);
}

#[cfg(target_arch = "aarch64")]
impl ReadWrite for u64 {
    #[inline]
    fn read() -> Self {
        let fpcr: u64;
        // SAFETY: reads a register of the calling thread.
        unsafe { std::arch::asm!("mrs {}, fpcr", out(reg) fpcr, options(nomem, nostack, preserves_flags)) };
        fpcr
    }

    #[inline]
    fn write(self) {
        // SAFETY: the value was read from a thread's FPCR.
        unsafe { std::arch::asm!("msr fpcr, {}", in(reg) self, options(nomem, nostack, preserves_flags)) };
    }
}

/// Other processors: nothing is known about, and nothing is carried.
#[cfg(not(any(
    target_arch = "x86_64",
    all(target_arch = "x86", target_feature = "sse"),
    target_arch = "aarch64"
)))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Registers;

#[cfg(not(any(
    target_arch = "x86_64",
    all(target_arch = "x86", target_feature = "sse"),
    target_arch = "aarch64"
)))]
impl Registers {
    fn read() -> Self {
        Self
    }

    fn write(self) {}
}

impl FloatEnv {
    /// That of the calling thread.
    #[inline]
    pub(crate) fn current() -> Self {
        Self(if cfg!(miri) { Self::of_miri() } else { Registers::read() })
    }

    /// Runs `work` with this state, and gives the calling thread its own back. `work` must not unwind.
    #[inline]
    pub(crate) fn with<R>(self, work: impl FnOnce() -> R) -> R {
        let own = Self::current();
        // Most threads compute by the defaults: nothing is written then.
        if own == self {
            let result = work();
            // A callback may have changed the state and left it so.
            own.restore();
            return result;
        }
        self.restore();
        let result = work();
        own.restore();
        result
    }

    #[inline]
    fn restore(self) {
        if !cfg!(miri) && Registers::read() != self.0 {
            self.0.write();
        }
    }

    /// Miri interprets no assembly; it computes by the defaults.
    fn of_miri() -> Registers {
        #[cfg(any(target_arch = "x86_64", all(target_arch = "x86", target_feature = "sse")))]
        return Registers { mxcsr: 0x1f80, x87: 0x37f };
        #[cfg(target_arch = "aarch64")]
        return 0;
        #[cfg(not(any(
            target_arch = "x86_64",
            all(target_arch = "x86", target_feature = "sse"),
            target_arch = "aarch64"
        )))]
        return Registers;
    }
}

#[cfg(all(test, target_arch = "x86_64", not(miri)))]
mod tests {
    use super::*;
    use std::hint::black_box;

    /// Rounding up, in both units.
    fn upward() -> FloatEnv {
        let Registers { mxcsr, x87 } = FloatEnv::current().0;
        FloatEnv(Registers { mxcsr: mxcsr & !0x6000 | 0x4000, x87: x87 & !0xc00 | 0x800 })
    }

    fn third() -> u64 {
        (black_box(1.0f64) / black_box(3.0)).to_bits()
    }

    #[test]
    fn is_there_during_the_work_and_gone_after_it() {
        let (before, nearest) = (FloatEnv::current(), third());
        let above = upward().with(|| {
            assert_eq!(FloatEnv::current(), upward());
            third()
        });
        assert_eq!(above, nearest + 1);
        assert_eq!(third(), nearest);
        assert_eq!(FloatEnv::current(), before);
    }

    #[test]
    fn what_the_work_changes_is_taken_back() {
        let before = FloatEnv::current();
        before.with(|| upward().0.write());
        assert_eq!(FloatEnv::current(), before);
    }

    #[test]
    fn status_flags_are_no_part_of_it() {
        let before = FloatEnv::current();
        black_box(black_box(1.0f64) / black_box(3.0)); // inexact
        assert_eq!(FloatEnv::current(), before);
    }
}
