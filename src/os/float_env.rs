//! The floating-point control state of a thread: rounding, flush to zero, denormals as zero, exception masks.
//!
//! A job carries its caller's state to every lane, so that a reduction is the same to the bit on whichever
//! thread a chunk runs. Each lane gets its own state back when it leaves the job. Status flags (what has been
//! rounded, divided by zero, ...) are not carried: where the states differ a lane starts with none, and gets
//! its own back. An old flag of the x87 whose exception is no longer masked would end the process at the next
//! instruction.

#[cfg(any(target_arch = "x86_64", target_arch = "x86", target_arch = "aarch64"))]
use std::arch::asm;
use std::time::Instant;

/// What a thread computes by: MXCSR and the x87 control word, or FPCR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FloatEnv(Registers);

#[cfg(any(target_arch = "x86_64", all(target_arch = "x86", target_feature = "sse")))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Registers {
    mxcsr: u32,
    x87: u16,
}

/// The six status flags in the low bits of MXCSR, and of the status word of the x87; the rest of MXCSR is
/// control.
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

    /// Writes them, with status flags as by `flags`.
    #[inline]
    fn write(self, flags: Flags) {
        let mxcsr = self.mxcsr | flags.sse;
        // What `fnstenv` stores: control word, status word, and five more fields, which stay.
        let mut x87 = [0u32; 7];
        // SAFETY: the instruction stores 28 bytes.
        unsafe { asm!("fnstenv [{x87}]", x87 = in(reg) &mut x87, options(nostack, preserves_flags)) };
        x87[0] = x87[0] & !0xffff | u32::from(self.x87);
        // Besides the flags: a fault of the register stack, and that any of them is unmasked.
        x87[1] = x87[1] & !(STATUS_FLAGS | 0x80c0) | u32::from(flags.x87);
        // SAFETY: the values were read from a thread's registers, so no reserved bit is set.
        unsafe {
            asm!(
                "ldmxcsr [{mxcsr}]",
                "fldenv [{x87}]",
                mxcsr = in(reg) &mxcsr,
                x87 = in(reg) &x87,
                options(nostack, preserves_flags, readonly),
            );
        }
    }
}

/// What has happened since the flags were cleared, in both units.
#[cfg(any(target_arch = "x86_64", all(target_arch = "x86", target_feature = "sse")))]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Flags {
    sse: u32,
    x87: u16,
}

#[cfg(any(target_arch = "x86_64", all(target_arch = "x86", target_feature = "sse")))]
impl Flags {
    fn read() -> Self {
        let (mut mxcsr, mut x87) = (0u32, 0u16);
        // SAFETY: both instructions only store a register of the calling thread into a variable of its size.
        unsafe {
            asm!(
                "stmxcsr [{mxcsr}]",
                "fnstsw [{x87}]",
                mxcsr = in(reg) &mut mxcsr,
                x87 = in(reg) &mut x87,
                options(nostack, preserves_flags),
            );
        }
        Self { sse: mxcsr & STATUS_FLAGS, x87: x87 & STATUS_FLAGS as u16 }
    }
}

#[cfg(target_arch = "aarch64")]
type Registers = u64;

/// `read` and `write` of FPCR, in which aarch64 has all of it; FPSR, the status, stays.
#[cfg(target_arch = "aarch64")]
trait ReadWrite: Sized {
    fn read() -> Self;
    fn write(self, flags: Flags);
}

#[cfg(target_arch = "aarch64")]
impl ReadWrite for u64 {
    #[inline]
    fn read() -> Self {
        let fpcr: u64;
        // SAFETY: reads a register of the calling thread.
        unsafe { asm!("mrs {}, fpcr", out(reg) fpcr, options(nomem, nostack, preserves_flags)) };
        fpcr
    }

    /// No load or store is moved over it: what is computed before and after stays there. An old flag raises
    /// no exception here: only the instruction that computes does.
    #[inline]
    fn write(self, _: Flags) {
        // SAFETY: the value was read from a thread's FPCR.
        unsafe { asm!("msr fpcr, {}", in(reg) self, options(nostack, preserves_flags)) };
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

    fn write(self, _: Flags) {}
}

/// Flags that writing does not change.
#[cfg(not(any(target_arch = "x86_64", all(target_arch = "x86", target_feature = "sse"))))]
#[derive(Clone, Copy, Default)]
struct Flags;

#[cfg(not(any(target_arch = "x86_64", all(target_arch = "x86", target_feature = "sse"))))]
impl Flags {
    fn read() -> Self {
        Self
    }
}

impl FloatEnv {
    /// That of the calling thread.
    #[inline]
    pub(crate) fn current() -> Self {
        Self(if cfg!(miri) { Self::initial() } else { Registers::read() })
    }

    /// Runs `work`, which computes for the library itself, with the state that a program begins with: the
    /// caller's may have any rounding, and exceptions that end the process. `work` must not unwind.
    pub(crate) fn for_ourselves<R>(work: impl FnOnce() -> R) -> R {
        Self(Self::initial()).with(work)
    }

    /// The seconds since a moment.
    pub(crate) fn seconds_since(moment: Instant) -> f64 {
        Self::for_ourselves(|| moment.elapsed().as_secs_f64())
    }

    /// Gives the calling thread the state that a program begins with. (A new thread of Linux has that of its
    /// maker.)
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(crate) fn begin() {
        Self(Self::initial()).restore_here();
    }

    /// Gives the calling thread this state back, where callbacks have changed it.
    #[inline]
    pub(crate) fn restore_here(self) {
        self.restore(Flags::default());
    }

    /// Runs `work` with this state, and gives the calling thread its own back. `work` must not unwind.
    #[inline]
    pub(crate) fn with<R>(self, work: impl FnOnce() -> R) -> R {
        let own = Self::current();
        // Most threads compute by the defaults: nothing is written then.
        if own == self {
            let result = work();
            own.restore_here();
            return result;
        }
        let flags = Self::flags();
        self.restore(Flags::default());
        let result = work();
        own.restore(flags);
        result
    }

    #[inline]
    fn restore(self, flags: Flags) {
        if !cfg!(miri) && Registers::read() != self.0 {
            self.0.write(flags);
        }
    }

    fn flags() -> Flags {
        if cfg!(miri) {
            Flags::default()
        } else {
            Flags::read()
        }
    }

    /// What every program begins with; Miri, which interprets no assembly, always computes by it.
    fn initial() -> Registers {
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

#[cfg(all(test, any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
mod tests {
    use super::*;
    use std::hint::black_box;

    /// Rounding up.
    #[cfg(target_arch = "aarch64")]
    fn upward() -> FloatEnv {
        FloatEnv(FloatEnv::current().0 & !0xc0_0000 | 0x40_0000)
    }

    /// Rounding up, in both units.
    #[cfg(target_arch = "x86_64")]
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
        before.with(|| upward().0.write(Flags::default()));
        assert_eq!(FloatEnv::current(), before);
    }

    /// Divides by zero in the x87: its flag is up afterwards.
    #[cfg(target_arch = "x86_64")]
    fn divide_by_zero() {
        // SAFETY: leaves the stack of the x87 as it was, empty.
        unsafe {
            asm!("fld1", "fldz", "fdivp", "fstp st(0)", out("st(0)") _, out("st(1)") _, out("st(2)") _, out("st(3)") _,
                out("st(4)") _, out("st(5)") _, out("st(6)") _, out("st(7)") _, options(nomem, nostack));
        }
    }

    /// What the thread has divided by zero before is nothing to a caller that wants to be interrupted then.
    #[test]
    #[cfg(target_arch = "x86_64")]
    fn old_flags_raise_no_exceptions() {
        const ZERO_DIVIDE: u16 = 4;
        let Registers { mxcsr, x87 } = FloatEnv::current().0;
        let trapping = FloatEnv(Registers { mxcsr: mxcsr & !0x200, x87: x87 & !ZERO_DIVIDE });
        // SAFETY: touches nothing but the status of this thread's x87; raises an exception that is pending.
        let wait = || unsafe { asm!("fwait", options(nomem, nostack, preserves_flags)) };
        divide_by_zero();
        let own = Flags::read();
        assert_eq!(own.x87 & ZERO_DIVIDE, ZERO_DIVIDE);
        trapping.with(|| {
            wait();
            assert_eq!(Flags::read(), Flags::default());
            // The other way round, too.
            let Registers { mxcsr, x87 } = upward().0;
            FloatEnv(Registers { mxcsr: mxcsr | 0x200, x87: x87 | ZERO_DIVIDE }).with(divide_by_zero);
            wait();
        });
        assert_eq!(Flags::read(), own);
    }

    #[test]
    fn status_flags_are_no_part_of_it() {
        let before = FloatEnv::current();
        black_box(black_box(1.0f64) / black_box(3.0)); // inexact
        assert_eq!(FloatEnv::current(), before);
    }
}
