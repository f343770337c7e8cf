//! Where threads run: a helper must not wait for the processor of the thread that sent it.
//!
//! A system wakes a thread on an idle processor if it sees one. Under a hypervisor it often sees none: Linux takes a virtual
//! processor that sleeps for one that was taken away, and queues the helper behind its sender, until it balances the processors
//! some milliseconds later. So a sender whose helper is late gives it a moment (`job::ticket`), and a helper that finds itself on
//! the processor of its sender moves to another one.

#[cfg(target_os = "linux")]
use super::pin;

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
    let known = |&processor: &usize| processor < libc::CPU_SETSIZE as usize && here() == Some(processor);
    let Some(processor) = processor.filter(known) else { return };
    let Some(all) = pin::allowed() else { return };
    let mut others = all;
    // SAFETY: the processor's number is below CPU_SETSIZE.
    unsafe { libc::CPU_CLR(processor, &mut others) };
    if pin::allow(&others) {
        pin::allow(&all);
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
