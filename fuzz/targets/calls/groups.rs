//! Groups and pipelines that a fuzzer made up, by the C ABI: whatever fails or is cancelled, each task
//! that was accepted runs or is dropped once, and each item that was fed is taken or dropped once.

use fastpar::ffi::*;
use fastpar_fuzz::Choices;
use std::ffi::c_void;
use std::mem::{size_of, zeroed, MaybeUninit};
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering::SeqCst};
use std::sync::Arc;

/// What a task or a callback fails with.
const CODE: i32 = 7;

/// Tasks of a group, at the most.
const TASKS: usize = 300;

/// What the tasks of a group have in common.
#[derive(Default)]
struct Seen {
    accepted: AtomicUsize,
    ended: AtomicUsize,
    failed: AtomicBool,
    cancel: AtomicI32,
}

/// A task that has not ended, and those around it: how many tasks below have not.
struct Below {
    open: AtomicUsize,
    parent: Option<Arc<Below>>,
}

impl Below {
    /// Counts in the task and all above it.
    fn add(&self, tasks: usize) {
        let mut at = Some(self);
        while let Some(below) = at {
            below.open.fetch_add(tasks, SeqCst); // `usize::MAX` takes one off
            at = below.parent.as_deref();
        }
    }
}

struct Task {
    program: Vec<u8>,
    seen: Arc<Seen>,
    spawner: Option<Arc<Below>>,
}

impl Task {
    fn end(self) {
        if let Some(spawner) = self.spawner {
            spawner.add(usize::MAX);
        }
        self.seen.ended.fetch_add(1, SeqCst);
    }
}

/// A task that runs, as its loops see it.
struct Running<'t> {
    group: *mut fastpar_group,
    program: &'t [u8],
    seen: &'t Arc<Seen>,
    below: &'t Arc<Below>,
}

impl Running<'_> {
    fn spawn(&self, program: &[u8]) {
        if self.seen.accepted.load(SeqCst) >= TASKS {
            return;
        }
        let (seen, spawner) = (Arc::clone(self.seen), Some(Arc::clone(self.below)));
        let item = Box::into_raw(Box::new(Task { program: program.to_vec(), seen, spawner }));
        self.below.add(1);
        self.seen.accepted.fetch_add(1, SeqCst);
        // SAFETY: the group is that of the task that the thread is in.
        let status = unsafe { fastpar_group_spawn(self.group, Some(run_task), item.cast(), null_mut()) };
        if status != FASTPAR_OK {
            assert_eq!(status, FASTPAR_ERR_CANCELLED);
            assert!(self.is_ending());
            self.below.add(usize::MAX);
            self.seen.accepted.fetch_sub(1, SeqCst);
            // SAFETY: it was not taken.
            drop(unsafe { Box::from_raw(item) });
        }
    }

    fn is_ending(&self) -> bool {
        self.seen.failed.load(SeqCst) || self.seen.cancel.load(SeqCst) != 0
    }

    /// What the program says, up to its end; the task's result.
    fn run(&self) -> i32 {
        let mut choices = Choices(self.program);
        while !choices.0.is_empty() {
            match choices.byte() % 12 {
                0..=3 => {
                    let len = choices.below(1 + choices.0.len());
                    self.spawn(choices.bytes(len));
                }
                4..=5 => {
                    // SAFETY: as above.
                    let status = unsafe { fastpar_group_wait(self.group, null_mut()) };
                    match status {
                        FASTPAR_OK => assert_eq!(self.below.open.load(SeqCst), 0),
                        FASTPAR_ERR_CANCELLED => {
                            assert_eq!(self.below.open.load(SeqCst), 0);
                            assert!(self.is_ending());
                        }
                        other => assert_eq!(other, FASTPAR_ERR_LIMIT_EXCEEDED),
                    }
                }
                6 => {
                    let count = choices.below(20);
                    let user_data = std::ptr::from_ref(self).cast_mut().cast();
                    // SAFETY: the loop ends before the task.
                    let status =
                        unsafe { fastpar_for(null(), count, Some(spawn_chunk), user_data, null_mut()) };
                    assert_eq!(status, FASTPAR_OK);
                }
                7 => {
                    let len = usize::from(choices.byte() % 30);
                    a_group(&mut Choices(choices.bytes(len)));
                }
                8 => a_pipeline(&mut Choices(choices.bytes(8))),
                9 if choices.byte() > 200 => {
                    self.seen.failed.store(true, SeqCst);
                    return CODE;
                }
                10 if choices.byte() > 200 => self.seen.cancel.store(1, SeqCst),
                _ => {}
            }
        }
        0
    }
}

extern "C" fn run_task(item: *mut c_void, group: *mut fastpar_group, lane: u32) -> i32 {
    assert!(lane < fastpar_pool_threads());
    // SAFETY: made by `spawn`, and given back once.
    let task = unsafe { Box::from_raw(item.cast::<Task>()) };
    let below = Arc::new(Below { open: AtomicUsize::new(0), parent: task.spawner.clone() });
    let code = Running { group, program: &task.program, seen: &task.seen, below: &below }.run();
    task.end();
    code
}

extern "C" fn drop_task(drop_data: *mut c_void, item: *mut c_void) {
    assert!(drop_data.is_null());
    // SAFETY: as above.
    unsafe { Box::from_raw(item.cast::<Task>()) }.end();
}

extern "C" fn spawn_chunk(user_data: *mut c_void, chunk: *const fastpar_chunk) -> i32 {
    // SAFETY: what the loop was given, and valid until it ends.
    let (running, chunk) = unsafe { (&*user_data.cast::<Running<'_>>(), &*chunk) };
    for _ in chunk.begin..chunk.end {
        running.spawn(&[]);
    }
    // SAFETY: the group has not ended.
    let status = unsafe { fastpar_group_wait(running.group, null_mut()) };
    assert_eq!(status, FASTPAR_ERR_BUSY);
    0
}

/// A group whose first task does what the bytes say.
pub(super) fn a_group(choices: &mut Choices<'_>) {
    let seen = Arc::new(Seen::default());
    seen.accepted.store(1, SeqCst);
    // SAFETY: integers, pointers and optional functions.
    let mut options: fastpar_group_options = unsafe { zeroed() };
    options.struct_size = size_of::<fastpar_group_options>();
    options.max_lanes = u32::from(choices.byte() % 4);
    options.cancel = seen.cancel.as_ptr();
    options.drop = Some(drop_task);
    options.name = c"tasks".as_ptr();
    let root = Box::new(Task { program: choices.0.to_vec(), seen: Arc::clone(&seen), spawner: None });
    choices.0 = &[];
    // SAFETY: all of it lives until the call ends; the root runs, as nothing has cancelled the group.
    let status =
        unsafe { fastpar_group_run(&options, Some(run_task), Box::into_raw(root).cast(), null_mut()) };
    assert_eq!(seen.ended.load(SeqCst), seen.accepted.load(SeqCst));
    match status {
        FASTPAR_OK => assert!(!seen.failed.load(SeqCst) && seen.cancel.load(SeqCst) == 0),
        FASTPAR_ERR_CANCELLED => assert!(!seen.failed.load(SeqCst) && seen.cancel.load(SeqCst) != 0),
        other => assert!(other == FASTPAR_ERR_CALLBACK && seen.failed.load(SeqCst)),
    }
}

/// What happens to the items of a pipeline.
struct Line {
    count: usize,
    in_flight: usize,
    /// The items whose step fails; what is no item never does.
    fail_feed: usize,
    fail_work: usize,
    fail_take: usize,
    cancel_at: usize,
    cancel: AtomicI32,
    fed: AtomicUsize,
    taken: AtomicUsize,
    dropped: AtomicUsize,
}

/// An item: its number, and how often it was worked on.
struct Item(usize, AtomicUsize);

fn line<'l>(user_data: *mut c_void) -> &'l Line {
    // SAFETY: what the pipeline was given; it lives until that ends.
    unsafe { &*user_data.cast::<Line>() }
}

extern "C" fn feed(user_data: *mut c_void, item: *mut *mut c_void) -> i32 {
    let line = line(user_data);
    let number = line.fed.load(SeqCst);
    assert!(number - line.taken.load(SeqCst) < line.in_flight);
    if number == line.fail_feed {
        return CODE;
    }
    if number < line.count {
        line.fed.store(number + 1, SeqCst);
        // SAFETY: a place for it.
        unsafe { *item = Box::into_raw(Box::new(Item(number, AtomicUsize::new(0)))).cast() };
    }
    0
}

extern "C" fn work(user_data: *mut c_void, item: *mut c_void, lane: u32) -> i32 {
    assert!(lane < fastpar_pool_threads());
    // SAFETY: made by `feed`, and freed when it is taken or dropped.
    let Item(number, worked) = unsafe { &*item.cast::<Item>() };
    worked.fetch_add(1, SeqCst);
    if *number == line(user_data).cancel_at {
        line(user_data).cancel.store(1, SeqCst);
    }
    if *number == line(user_data).fail_work {
        CODE
    } else {
        0
    }
}

extern "C" fn take(user_data: *mut c_void, item: *mut c_void, lane: u32) -> i32 {
    let line = line(user_data);
    // SAFETY: as above.
    let Item(number, worked) = *unsafe { Box::from_raw(item.cast::<Item>()) };
    assert_eq!((lane, worked.into_inner()), (0, 1));
    assert_eq!(number, line.taken.fetch_add(1, SeqCst));
    if number == line.fail_take {
        CODE
    } else {
        0
    }
}

extern "C" fn drop_item(user_data: *mut c_void, item: *mut c_void) {
    // SAFETY: as above.
    drop(unsafe { Box::from_raw(item.cast::<Item>()) });
    line(user_data).dropped.fetch_add(1, SeqCst);
}

/// A pipeline some of whose items fail or cancel it.
pub(super) fn a_pipeline(choices: &mut Choices<'_>) {
    let rare = |choices: &mut Choices<'_>| match choices.byte() {
        byte if byte < 100 => usize::from(byte),
        _ => usize::MAX,
    };
    let count = usize::from(choices.byte() % 80);
    let lanes = u32::from(choices.byte() % 4);
    let in_flight = u32::from(choices.byte() % 9);
    let most = match in_flight {
        0 => usize::MAX,
        some => some as usize,
    };
    let line = Line {
        count,
        in_flight: most,
        fail_feed: rare(choices),
        fail_work: rare(choices),
        fail_take: rare(choices),
        cancel_at: rare(choices),
        cancel: AtomicI32::new(0),
        fed: AtomicUsize::new(0),
        taken: AtomicUsize::new(0),
        dropped: AtomicUsize::new(0),
    };
    let options = fastpar_pipeline_options {
        struct_size: size_of::<fastpar_pipeline_options>(),
        max_lanes: lanes,
        in_flight,
        cancel: line.cancel.as_ptr(),
        drop: Some(drop_item),
        name: c"items".as_ptr(),
    };
    let user_data = std::ptr::from_ref(&line).cast_mut().cast();
    let mut error = MaybeUninit::<fastpar_error>::zeroed();
    let place = error.as_mut_ptr();
    // SAFETY: all of it lives until the call ends.
    let status =
        unsafe { fastpar_pipeline_run(&options, Some(feed), Some(work), Some(take), user_data, place) };
    // SAFETY: integers, which are zero at first.
    let position = unsafe { error.assume_init() }.position as usize;
    let [fed, taken, dropped] = [&line.fed, &line.taken, &line.dropped].map(|count| count.load(SeqCst));
    assert_eq!(fed, taken + dropped);
    match status {
        FASTPAR_OK => assert!(taken == count && line.cancel.load(SeqCst) == 0),
        FASTPAR_ERR_CANCELLED => assert_eq!(line.cancel.load(SeqCst), 1),
        other => {
            assert_eq!(other, FASTPAR_ERR_CALLBACK);
            assert!([line.fail_feed, line.fail_work, line.fail_take].contains(&position));
            assert!(position >= taken || position == line.fail_take);
        }
    }
}
