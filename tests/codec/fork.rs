//! The child of a fork can use the codec, whatever the parent's threads were doing.

use crate::common::{pack, records};
use crate::support::isolated::Isolated;
use fastpar::codec::Options;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[test]
fn child_compresses_and_decompresses() {
    Isolated::default().foreign().run(|| {
        let data = records(300_000);
        let options = Options { frame_size: 50_000, level: 1, ..Options::default() };
        let expected = pack(&data, &options);
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for max_lanes in [1, 1, 0] {
                let (data, done, options) = (&data, &done, Options { max_lanes, ..options });
                scope.spawn(move || {
                    while !done.load(Ordering::Relaxed) {
                        pack(data, &options);
                    }
                });
            }
            let failures: Vec<String> =
                (0..20).filter_map(|_| fork_and_work(&data, &expected, &options).err()).collect();
            done.store(true, Ordering::Relaxed);
            assert!(failures.is_empty(), "{failures:?}");
        });
    });
}

fn fork_and_work(data: &[u8], expected: &[u8], options: &Options<'_>) -> Result<(), String> {
    // SAFETY: the child only computes, and ends by `_exit`.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let work = || {
            let mut out = vec![0; 2 * data.len()];
            let size = fastpar::codec::compress(data, crate::common::uninit(&mut out), options).ok()?;
            let mut back = vec![0; data.len()];
            fastpar::codec::decompress(&out[..size], crate::common::uninit(&mut back), options).ok()?;
            (out[..size] == *expected && back == data).then_some(())
        };
        let code = if work().is_some() { 0 } else { 1 };
        // SAFETY: ends the child without running anything of the parent's.
        unsafe { libc::_exit(code) }
    }
    assert!(child > 0, "fork");
    let start = Instant::now();
    loop {
        let mut status = 0;
        // SAFETY: waits for the child that was made above.
        if unsafe { libc::waitpid(child, &mut status, libc::WNOHANG) } == child {
            return if status == 0 {
                Ok(())
            } else {
                Err(format!("the child ended with status {status:#x}"))
            };
        }
        if start.elapsed() > Duration::from_secs(60) {
            // SAFETY: ends the child that was made above, and takes note of it.
            unsafe {
                libc::kill(child, libc::SIGKILL);
                libc::waitpid(child, &mut status, 0);
            }
            return Err("the child did not end".into());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}
