//! Where threads run: a helper must not wait for the processor of the thread that sent it.
//!
//! A system wakes a thread on an idle processor if it sees one. Under a hypervisor it often sees none: Linux takes a virtual
//! processor that sleeps for one that was taken away, and queues the helper behind its sender, until it balances the processors
//! some milliseconds later. So a sender whose helper is late gives it a moment (`job::ticket`), and a helper that finds itself on
//! the processor of its sender moves to another one.

/// The processor that the calling thread is on; none where the system does not tell, or needs no help.
#[cfg(target_os = "linux")]
pub(super) fn here() -> Option<usize> {
    // SAFETY: no arguments.
    usize::try_from(unsafe { libc::sched_getcpu() }).ok()
}

#[cfg(not(target_os = "linux"))]
pub(super) fn here() -> Option<usize> {
    None
}

/// Moves the calling thread to another processor if it is on this one. Where it may use no other, or the system refuses, it stays.
#[cfg(target_os = "linux")]
pub(super) fn leave(processor: Option<usize>) {
    let Some(processor) = processor.filter(|&processor| here() == Some(processor)) else { return };
    // SAFETY: a cpu_set_t is plain bits, for which zero is valid.
    let mut all: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    let size = size_of_val(&all);
    // SAFETY: `all` is valid for writing `size` bytes.
    if unsafe { libc::sched_getaffinity(0, size, &mut all) } != 0 || processor >= libc::CPU_SETSIZE as usize {
        return;
    }
    let mut others = all;
    // SAFETY: the processor's number is below CPU_SETSIZE; both sets are valid for reading `size` bytes. A set without any
    // processor is refused, and changes nothing.
    unsafe {
        libc::CPU_CLR(processor, &mut others);
        if libc::sched_setaffinity(0, size, &others) == 0 {
            libc::sched_setaffinity(0, size, &all);
        }
    }
}

#[cfg(not(target_os = "linux"))]
pub(super) fn leave(_processor: Option<usize>) {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::{here, leave};
    use crate::pool::pin::cpus;

    #[test]
    fn to_another_processor_and_free_to_come_back() {
        std::thread::spawn(|| {
            let allowed = cpus().unwrap();
            let moves = (0..100).filter(|_| {
                let before = here();
                leave(before);
                assert_eq!(cpus().unwrap(), allowed);
                here() != before // the system may have moved it back already
            });
            assert!(moves.count() > 0 || allowed.len() == 1);
        })
        .join()
        .unwrap();
    }
}
