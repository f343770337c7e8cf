//! Forked children, which tell by their exit code what they came to.

/// More than any child needs, and less than the fuzzer gives an input.
const LIMIT_SECONDS: u32 = 200;

/// Runs `body` in a forked child, and returns what it returned there. A child that panics, crashes or does
/// not end is a finding.
pub fn in_child(body: impl FnOnce() -> u8) -> u8 {
    // SAFETY: the child runs what a program may run after a fork: fastpar, and an allocator that expects
    // forks.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "fork failed");
    if child == 0 {
        // SAFETY: no pointers. The fuzzer's own handler of the signal watches the parent's input.
        unsafe {
            libc::signal(libc::SIGALRM, libc::SIG_DFL);
            libc::alarm(LIMIT_SECONDS);
        }
        let code = body();
        // SAFETY: ends the process, without what the parent has registered for its own end.
        unsafe { libc::_exit(code.into()) }
    }
    let mut status = 0;
    // SAFETY: a child of this process, and a place for its status. The fuzzer's clock interrupts the wait.
    while unsafe { libc::waitpid(child, &mut status, 0) } != child {
        assert_eq!(std::io::Error::last_os_error().kind(), std::io::ErrorKind::Interrupted);
    }
    assert!(libc::WIFEXITED(status), "the child was ended by signal {}", libc::WTERMSIG(status));
    libc::WEXITSTATUS(status) as u8
}
