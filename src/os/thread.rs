//! Starting and joining threads.
//!
//! On Linux they are made by the system's own functions: std's end the program where there is no memory for
//! what they keep about a thread, and in a program written in Rust they take a lock that a fork may leave
//! locked in the child.

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) use linux::Thread;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) use other::Thread;

use super::fork::Process;
use std::cell::Cell;
#[cfg(any(
    miri,
    not(any(target_os = "linux", target_os = "android", target_vendor = "apple", windows))
))]
use std::sync::atomic::{AtomicU64, Ordering};

/// The life of a thread.
type Run = Box<dyn FnOnce() + Send>;

#[cfg(any(target_os = "linux", target_os = "android"))]
mod linux {
    use super::Run;
    use crate::os::clock::ThreadClock;
    use crate::os::float_env::FloatEnv;
    use crate::os::scheduling::{self, SignalsBlocked};
    use crate::panics::drop_payload;
    use std::ffi::c_void;
    use std::io;
    use std::mem::MaybeUninit;
    use std::panic::{catch_unwind, AssertUnwindSafe};
    use std::ptr;

    /// Longer names are cut by the system's function; the NUL counts.
    const NAME: usize = 16;

    /// A thread that is to be joined.
    pub(crate) struct Thread(libc::pthread_t);

    // SAFETY: it only names the thread. (With musl the name is a pointer, which C may hand around as well.)
    unsafe impl Send for Thread {}
    // SAFETY: as above; joining takes it.
    unsafe impl Sync for Thread {}

    /// What a new thread is given.
    struct Start {
        name: [u8; NAME],
        run: Run,
        /// The thread is made by the main thread of the process.
        by_main: bool,
    }

    impl Thread {
        /// Starts a thread with so many bytes of stack.
        pub(crate) fn start(name: &str, stack_size: usize, run: Run) -> io::Result<Self> {
            let mut start = Box::new(Start { name: [0; NAME], run, by_main: scheduling::is_main() });
            let kept = name.len().min(NAME - 1);
            start.name[..kept].copy_from_slice(&name.as_bytes()[..kept]);
            let argument = Box::into_raw(start);
            // For the new thread.
            let _blocked = SignalsBlocked::new();
            // SAFETY: `argument` is a new box, given to one thread.
            unsafe { create(stack_size, argument.cast()) }.map_err(|code| {
                // SAFETY: there is no thread that could have it.
                drop(unsafe { Box::from_raw(argument) });
                io::Error::from_raw_os_error(code)
            })
        }

        /// Waits for the end of the thread; false if it ended by a panic.
        pub(crate) fn join(self) -> bool {
            let mut panicked = ptr::null_mut();
            // Miri asks for no result.
            let result = if cfg!(miri) { ptr::null_mut() } else { &raw mut panicked };
            // SAFETY: joined once, as this takes it, and never detached.
            let failed = unsafe { libc::pthread_join(self.0, result) };
            failed == 0 && panicked.is_null()
        }

        /// The clock of the processor time of the thread.
        pub(crate) fn clock(&self) -> Option<ThreadClock> {
            ThreadClock::of(self.0)
        }
    }

    /// # Safety
    /// `argument` is a box of [`Start`], which the thread takes over if this succeeds.
    unsafe fn create(stack_size: usize, argument: *mut c_void) -> Result<Thread, i32> {
        let check = |code: i32| if code == 0 { Ok(()) } else { Err(code) };
        let mut attributes = MaybeUninit::uninit();
        let mut thread = MaybeUninit::uninit();
        if cfg!(miri) {
            // Miri has no attributes.
            // SAFETY: as below.
            return unsafe {
                check(libc::pthread_create(thread.as_mut_ptr(), ptr::null(), run, argument))?;
                Ok(Thread(thread.assume_init()))
            };
        }
        // SAFETY: the attributes are initialised first and destroyed last; the thread is written where this
        // succeeds.
        unsafe {
            check(libc::pthread_attr_init(attributes.as_mut_ptr()))?;
            let created = (|| {
                check(libc::pthread_attr_setstacksize(attributes.as_mut_ptr(), stack_size))?;
                check(libc::pthread_create(thread.as_mut_ptr(), attributes.as_ptr(), run, argument))?;
                Ok(Thread(thread.assume_init()))
            })();
            libc::pthread_attr_destroy(attributes.as_mut_ptr());
            created
        }
    }

    /// Where a thread begins.
    extern "C" fn run(argument: *mut c_void) -> *mut c_void {
        // SAFETY: by the contract of `create`.
        let Start { name, run, by_main } = *unsafe { Box::from_raw(argument.cast::<Start>()) };
        // SAFETY: the calling thread, and a name of at most 16 bytes that ends with a NUL.
        unsafe { libc::pthread_setname_np(libc::pthread_self(), name.as_ptr().cast()) };
        FloatEnv::begin();
        scheduling::join_process(by_main);
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(()) => ptr::null_mut(),
            Err(payload) => {
                drop_payload(payload);
                ptr::dangling_mut::<u8>().cast()
            }
        }
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod other {
    use super::Run;
    use crate::os::clock::ThreadClock;
    use crate::os::scheduling::SignalsBlocked;
    use std::io;
    use std::thread::{Builder, JoinHandle};

    /// A thread that is to be joined.
    pub(crate) struct Thread(JoinHandle<()>);

    impl Thread {
        /// Starts a thread with so many bytes of stack.
        pub(crate) fn start(name: &str, stack_size: usize, run: Run) -> io::Result<Self> {
            let _blocked = SignalsBlocked::new(); // for the new thread
            Builder::new().name(name.to_owned()).stack_size(stack_size).spawn(run).map(Self)
        }

        /// Waits for the end of the thread; false if it ended by a panic.
        pub(crate) fn join(self) -> bool {
            self.0.join().is_ok()
        }

        /// The clock of the processor time of the thread.
        pub(crate) fn clock(&self) -> Option<ThreadClock> {
            ThreadClock::of_joinable(&self.0)
        }
    }
}

/// Whether the program has more rights than its user (set-user-id, capabilities of the file): the environment
/// is not its own.
#[cfg(target_os = "linux")]
pub(crate) fn is_privileged() -> bool {
    // SAFETY: reads what the kernel handed to the process.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

#[cfg(any(target_vendor = "apple", target_os = "freebsd"))]
pub(crate) fn is_privileged() -> bool {
    // SAFETY: has no preconditions.
    unsafe { libc::issetugid() != 0 }
}

/// The calling thread's number: the system's, where the system shows one.
pub(crate) fn number() -> u64 {
    thread_local! {
        /// Of the process that asked: in a forked child the thread has another.
        static KNOWN: Cell<Option<(Process, u64)>> = const { Cell::new(None) };
    }
    let process = Process::current();
    match KNOWN.get() {
        Some((of, number)) if of == process => number,
        _ => {
            let number = ask_number();
            KNOWN.set(Some((process, number)));
            number
        }
    }
}

#[cfg(all(any(target_os = "linux", target_os = "android"), not(miri)))]
fn ask_number() -> u64 {
    // SAFETY: has no preconditions. glibc has a function for it from 2.30 on.
    unsafe { libc::syscall(libc::SYS_gettid) as u64 }
}

#[cfg(windows)]
fn ask_number() -> u64 {
    // SAFETY: has no preconditions.
    u64::from(unsafe { windows_sys::Win32::System::Threading::GetCurrentThreadId() })
}

#[cfg(all(target_vendor = "apple", not(miri)))]
fn ask_number() -> u64 {
    let mut number = 0;
    // SAFETY: 0 is the calling thread; the number is valid for writing.
    unsafe { libc::pthread_threadid_np(0, &mut number) };
    number
}

#[cfg(any(miri, not(any(target_os = "linux", target_os = "android", target_vendor = "apple", windows))))]
fn ask_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The calling thread's name, as far as the system keeps it.
pub(crate) fn name() -> String {
    #[cfg(all(any(target_os = "linux", target_os = "android"), not(miri)))]
    {
        let mut name = [0u8; 16];
        // SAFETY: a name has at most 16 bytes, the NUL included.
        unsafe { libc::prctl(libc::PR_GET_NAME, name.as_mut_ptr()) };
        let len = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
        String::from_utf8_lossy(&name[..len]).into_owned()
    }
    #[cfg(any(miri, not(any(target_os = "linux", target_os = "android"))))]
    std::thread::current().name().map_or_else(|| format!("thread {}", number()), str::to_owned)
}
