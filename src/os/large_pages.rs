//! Large pages for large buffers, where the system gives them on request only.

/// From so many bytes on allocators map a block by itself (glibc from 32 MiB at the most), so that the
/// request ends with the block.
const OWN_MAPPING: usize = 64 << 20;

/// Large pages begin at multiples of this, or of less.
const ALIGNMENT: usize = 2 << 20;

/// Asks for large pages for memory that was just allocated: fresh pages of 4 KiB take longer than
/// sorting what is written to them. Nothing happens if there are none.
pub(crate) fn ask_for(memory: &mut [u8]) {
    if memory.len() < OWN_MAPPING || cfg!(miri) {
        return;
    }
    let skipped = memory.as_ptr().align_offset(ALIGNMENT);
    let whole = memory.len().saturating_sub(skipped) / ALIGNMENT * ALIGNMENT;
    if let Some(pages) = memory.get_mut(skipped..skipped.saturating_add(whole)) {
        advise(pages);
    }
}

#[cfg(target_os = "linux")]
fn advise(pages: &mut [u8]) {
    // SAFETY: whole pages that the caller has for itself; the advice does not change what is in them.
    unsafe { libc::madvise(pages.as_mut_ptr().cast(), pages.len(), libc::MADV_HUGEPAGE) };
}

#[cfg(not(target_os = "linux"))]
fn advise(_: &mut [u8]) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_changes_nothing() {
        let mut memory = vec![0; OWN_MAPPING + 5];
        let last = memory.len() - 1;
        memory[0] = 1;
        memory[last] = 2;
        ask_for(&mut memory);
        assert_eq!((memory[0], memory[last], memory[OWN_MAPPING / 2]), (1, 2, 0));
        ask_for(&mut memory[..100]);
        ask_for(&mut []);
    }
}
