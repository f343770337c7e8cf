//! What a group tells the idle-CPU monitor. What tasks do is tested by programs of each language.

use super::*;
use std::sync::atomic::AtomicU32;
use std::thread::{self, ThreadId};

/// Each task adds the next one; looks at the group as the monitor does.
struct Looking {
    caller: ThreadId,
    clock: Option<ThreadClock>,
    ran: AtomicU32,
}

impl Tasks for Looking {
    type Item = u32;

    fn run(&self, left: u32, group: &Group<Self>, _: u32) -> ControlFlow<i32> {
        let begun = self.ran.fetch_add(1, Ordering::Relaxed) + 1;
        assert_eq!(group.claimed(), u64::from(begun));
        assert!(group.callers_clock() == self.clock);
        if thread::current().id() == self.caller {
            assert!(group.callers_clock() == ThreadClock::own());
        }
        if left > 0 {
            Group::spawn(group, left - 1).unwrap();
        }
        ControlFlow::Continue(())
    }

    fn discard(&self, _: u32) {
        unreachable!("nothing fails");
    }
}

/// Else it would take the CPU of the caller, or of tasks that compute, for idle, and send one helper more
/// again and again.
#[test]
fn the_monitor_sees_the_caller_and_each_task() {
    let clock = ThreadClock::own();
    let looking = Looking { caller: thread::current().id(), clock, ran: AtomicU32::new(0) };
    let options = GroupOptions { max_lanes: 1, cancel: None, name: None };
    run_group(looking, &options, 1000).unwrap();
}
