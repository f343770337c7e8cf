//! Signals whose handlers interrupt system calls, as handlers without SA_RESTART do.

use crate::common::records;
use crate::files::unix::fifo;
use crate::files::Place;
use crate::support::{sleeps, thread_number};
use fastpar::codec::{compress_file, decompress_file, Options};
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

static HANDLED: AtomicUsize = AtomicUsize::new(0);

extern "C" fn count(_: libc::c_int) {
    HANDLED.fetch_add(1, Ordering::SeqCst);
}

/// Opening a FIFO waits for a reader, and goes on waiting after a signal.
#[test]
fn waiting_for_a_reader_of_a_fifo_goes_on() {
    let data = records(1 << 20);
    let place = Place::new(&data);
    compress_file(&place.input, &place.output, &Options::default()).unwrap();
    let Some(fifo) = fifo("waiting_for_a_reader_of_a_fifo_goes_on", &place) else { return };
    // SAFETY: a handler that only counts; the struct is plain data.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = count as extern "C" fn(libc::c_int) as libc::sighandler_t;
        assert_eq!(libc::sigaction(libc::SIGUSR2, &action, std::ptr::null_mut()), 0);
    }
    std::thread::scope(|scope| {
        let (tell, told) = mpsc::channel();
        let (place, target) = (&place, &fifo);
        let call = scope.spawn(move || {
            tell.send(thread_number()).unwrap();
            decompress_file(&place.output, target, &Options::default())
        });
        let thread = told.recv().unwrap();
        for _ in 0..20 {
            while !sleeps(thread) && !call.is_finished() {
                std::thread::yield_now();
            }
            let before = HANDLED.load(Ordering::SeqCst);
            // SAFETY: numbers; the thread may have ended, which the system says.
            let sent = unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), thread, libc::SIGUSR2) } == 0;
            while sent && HANDLED.load(Ordering::SeqCst) == before && !call.is_finished() {
                std::thread::yield_now();
            }
        }
        assert!(!call.is_finished(), "{:?}", call.join().unwrap());
        let read = fs::read(&fifo).unwrap();
        call.join().unwrap().unwrap();
        assert!(read == data);
    });
}
