//! Small programs that a fuzzer made up, on one thread or on several at once: loops within loops, jobs,
//! teams, groups, pipelines, queues, zstd, cancelling, shutdowns and forks, in any order.
#![no_main]

#[path = "calls/groups.rs"]
mod groups;

use fastpar::codec::{self, Options};
use fastpar::job::{for_each_chunk, prefix, reduce, Control, JobHandle};
use fastpar::plan::Schedule;
use fastpar::queue::Queue;
use fastpar::sort::{self, Format, Key, KeyType};
use fastpar::{pool, team, Error, ErrorKind};
use fastpar_fuzz::{decode, in_child, start_pool, Choices};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicI32, AtomicU64, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::time::Duration;

/// Levels of loops within loops.
const DEPTH: u32 = 4;

/// Operations of one thread.
const MOST: usize = 40;

/// Forks of an input: each takes as long as all else that it does.
const FORKS: usize = 1;

/// What the threads of an input have in common.
struct Shared {
    queue: Queue,
    /// Sums of what went in and what came out.
    pushed: AtomicU64,
    popped: AtomicU64,
    /// Some loops look at it.
    cancel: AtomicI32,
    job: JobHandle,
    forks: AtomicUsize,
}

fn schedule(choices: &mut Choices<'_>) -> Schedule {
    match choices.byte() % 3 {
        0 => Schedule::Segments { segments: usize::from(choices.byte() % 40) },
        1 => Schedule::Grain { grain: usize::from(choices.byte() % 40) },
        _ => Schedule::Guided { grain: usize::from(choices.byte() % 40) },
    }
}

/// A loop whose chunks may hold loops, may fail, may cancel and may fork; every item is counted once, or the
/// loop says why not.
fn a_loop(program: &[u8], depth: u32, shared: &Shared) -> Result<(), Error> {
    let mut choices = Choices(program);
    let plan = schedule(&mut choices);
    let count = choices.below(200);
    let (fails, cancels) = (choices.byte(), choices.byte());
    let own = AtomicI32::new(0);
    let flags = choices.byte();
    let cancel = if flags & 8 == 0 { &own } else { &shared.cancel };
    let control = Control { max_lanes: u32::from(flags % 5), cancel: Some(cancel), ..Control::default() };
    let inner = choices.0;
    let done = AtomicUsize::new(0);
    let result = for_each_chunk(plan, count, &control, |chunk| {
        if chunk.index == usize::from(fails) && fails > 8 {
            return ControlFlow::Break(7);
        }
        if chunk.index == usize::from(cancels) && cancels > 8 {
            cancel.store(1, Relaxed);
        }
        if flags & 0xf4 == 0xf4 && chunk.index == 1 {
            a_fork(inner, shared);
        }
        if depth > 0 && !inner.is_empty() && chunk.index < 3 {
            let _ = a_loop(&inner[1..], depth - 1, shared);
        }
        done.fetch_add(chunk.end - chunk.begin, Relaxed);
        ControlFlow::Continue(())
    });
    match &result {
        Ok(()) => {
            assert_eq!(done.into_inner(), count);
            assert_eq!(own.into_inner(), 0, "a chunk has cancelled the loop");
        }
        Err(error) => match error.kind() {
            ErrorKind::Callback => assert_eq!((error.code(), error.position()), (7, Some(u64::from(fails)))),
            kind => assert!(kind == ErrorKind::Cancelled && cancel.load(Relaxed) == 1),
        },
    }
    result
}

fn a_sum(plan: Schedule, count: usize) -> usize {
    let fold = |chunk: &fastpar::job::Chunk, sum: &mut usize| *sum += chunk.end - chunk.begin;
    let sum = reduce(plan, count, &Control::default(), 0, fold, |a, b| *a += b).unwrap();
    assert_eq!(sum, count);
    sum
}

/// Sums before each chunk, and a sort of what they are.
fn prefix_and_sort(choices: &mut Choices<'_>) {
    let (plan, count) = (schedule(choices), choices.below(200));
    let sums = std::sync::Mutex::new(Vec::new());
    let fold = |chunk: &fastpar::job::Chunk, sum: &mut u64| *sum += (chunk.end - chunk.begin) as u64;
    let apply = |chunk: &fastpar::job::Chunk, before: &u64| {
        assert_eq!(*before, chunk.begin as u64);
        sums.lock().unwrap().push(*before);
    };
    let total = prefix(plan, count, &Control::default(), 0, fold, |a, b| *a += b, apply).unwrap();
    assert_eq!(total, count as u64);
    let mut sums = sums.into_inner().unwrap();
    let descending = choices.byte() % 2 == 1;
    let key = Key { offset: 0, kind: KeyType::U64, descending };
    let mut bytes: Vec<u8> = sums.iter().flat_map(|sum| sum.to_ne_bytes()).collect();
    sort::sort(&mut bytes, &Format::new(8, &[key]).unwrap(), &Control::default()).unwrap();
    sums.sort_unstable();
    if descending {
        sums.reverse();
    }
    assert!(bytes == sums.iter().flat_map(|sum| sum.to_ne_bytes()).collect::<Vec<u8>>());
    // Any format over any bytes: an error, or all of them in order.
    let kinds = [KeyType::U8, KeyType::I16, KeyType::F32, KeyType::F64, KeyType::Bytes(choices.below(20))];
    let keys: Vec<Key> = (0..choices.below(4))
        .map(|_| {
            let kind = kinds[usize::from(choices.byte()) % kinds.len()];
            Key { offset: choices.below(12), kind, descending: choices.byte() % 2 == 1 }
        })
        .collect();
    let size = choices.below(20);
    let Ok(format) = Format::new(size, &keys) else { return };
    let mut records = bytes[..bytes.len() / size * size].to_vec();
    sort::sort(&mut records, &format, &Control::default()).unwrap();
    let counts = |bytes: &[u8]| {
        bytes.iter().fold([0_usize; 256], |mut all, &byte| {
            all[usize::from(byte)] += 1;
            all
        })
    };
    assert!(counts(&records) == counts(&bytes[..records.len()]));
}

/// Text in several frames, there and back.
fn a_round_trip(choices: &mut Choices<'_>) {
    let text: Vec<u8> = (0..choices.below(4000)).map(|i| b"made up, and "[i * i / 97 % 13]).collect();
    let options = Options { level: 1, frame_size: 200 + choices.below(2000), ..Options::default() };
    let packed = codec::compress_to_vec(&text, &options).expect("compresses");
    assert!(decode(&packed, &options, text.len()).as_ref() == Ok(&text), "other bytes");
}

fn a_job(choices: &mut Choices<'_>) -> JobHandle {
    let (count, fails) = (choices.below(300), choices.byte());
    let body = move |chunk: &fastpar::job::Chunk| match chunk.index {
        index if fails > 200 && index == usize::from(fails - 200) => ControlFlow::Break(3),
        _ => ControlFlow::Continue(()),
    };
    JobHandle::start(schedule(choices), count, 0, None, None, Box::new(body)).expect("a job starts")
}

fn wait_for(job: &JobHandle, choices: &mut Choices<'_>) {
    let timeout = Duration::from_millis(u64::from(choices.byte() % 3));
    let (done, total) = job.progress().unwrap();
    assert!(done <= total);
    if let Err(error) = job.wait(Some(timeout)) {
        assert!(matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Callback | ErrorKind::Cancelled));
    }
}

fn a_team(choices: &mut Choices<'_>) {
    let (members, fails) = (1 + u32::from(choices.byte() % 3), u32::from(choices.byte()));
    let arrived = AtomicUsize::new(0);
    let result = team::run(members, &|team, member| {
        if member == fails {
            return ControlFlow::Break(9);
        }
        arrived.fetch_add(1, SeqCst);
        if team.barrier().is_ok() {
            // Whoever failed is not waited for.
            assert!(arrived.load(SeqCst) as u32 >= members - u32::from(fails < members));
        }
        ControlFlow::Continue(())
    });
    assert_eq!(result.is_err(), fails < members);
}

/// A child that works on its own, while its parent is in the middle of something; its exit code says how much
/// it did.
fn a_fork(program: &[u8], shared: &Shared) {
    if shared.forks.fetch_add(1, Relaxed) >= FORKS {
        return;
    }
    let mut choices = Choices(program);
    let count = choices.below(1000);
    let told = in_child(|| {
        assert_eq!(shared.job.wait(None).expect_err("it is the parent's").kind(), ErrorKind::Threads);
        let done = a_sum(Schedule::Grain { grain: 1 + count / 50 }, count);
        a_round_trip(&mut choices);
        let _ = a_loop(choices.0, 2, shared);
        a_job(&mut choices)
            .wait(None)
            .map_or_else(|error| assert_eq!(error.kind(), ErrorKind::Callback), drop);
        match pool::shutdown() {
            Ok(()) => a_round_trip(&mut choices),
            // Forked inside a callback.
            Err(error) => assert_eq!(error.kind(), ErrorKind::Busy),
        }
        code_for(done)
    });
    assert_eq!(told, code_for(count), "what the child came to");
}

/// Not what a process ends with that was ended by a fault.
fn code_for(done: usize) -> u8 {
    100 + (done % 100) as u8
}

/// What one thread does.
struct Program<'s> {
    shared: &'s Shared,
    jobs: Vec<JobHandle>,
    queue: Queue,
    inside: usize,
    closed: bool,
}

impl Program<'_> {
    fn run(mut self, choices: &mut Choices<'_>) {
        for _ in 0..MOST {
            if choices.0.is_empty() {
                break;
            }
            match choices.byte() % 18 {
                0..=2 => {
                    let len = usize::from(choices.byte() % 60);
                    let _ = a_loop(choices.bytes(len), DEPTH, self.shared);
                }
                3 => self.jobs.push(a_job(choices)),
                4 => {
                    if let Some(job) = self.jobs.get(choices.below(self.jobs.len().max(1))) {
                        wait_for(job, choices);
                    }
                }
                5 => {
                    if !self.jobs.is_empty() {
                        let job = self.jobs.swap_remove(choices.below(self.jobs.len()));
                        if choices.byte() % 2 == 0 {
                            job.cancel();
                        }
                    }
                }
                6 => a_team(choices),
                7 => self.push(choices.number()),
                8 => self.pop(),
                9 if choices.0.len() % 2 == 0 => prefix_and_sort(choices),
                9 => drop(a_sum(schedule(choices), choices.below(1000))),
                10 => a_round_trip(choices),
                11 => self.shared.push(choices),
                12 => _ = self.shared.pop(),
                13 => wait_for(&self.shared.job, choices),
                14 => self.seldom(choices),
                15 => {
                    let len = usize::from(choices.byte() % 80);
                    groups::a_group(&mut Choices(choices.bytes(len)));
                }
                16 => groups::a_pipeline(choices),
                _ => {
                    if choices.byte() % 16 == 0 {
                        self.queue.close();
                        self.closed = true;
                    }
                }
            }
        }
    }

    fn push(&mut self, value: u64) {
        match self.queue.push(value, Some(Duration::ZERO)) {
            Ok(()) => self.inside += 1,
            Err(error) => assert_eq!(error.kind(), self.why()),
        }
    }

    fn pop(&mut self) {
        match self.queue.pop(Some(Duration::ZERO)) {
            Ok(_) => self.inside -= 1,
            Err(error) => {
                assert_eq!(self.inside, 0);
                assert_eq!(error.kind(), self.why());
            }
        }
    }

    /// Why its queue refuses.
    fn why(&self) -> ErrorKind {
        if self.closed {
            ErrorKind::Closed
        } else {
            ErrorKind::Timeout
        }
    }

    /// What disturbs everybody else.
    fn seldom(&mut self, choices: &mut Choices<'_>) {
        match choices.byte() {
            0..=31 => pool::shutdown().unwrap(),
            32..=35 => a_fork(choices.0, self.shared),
            36..=67 => self.shared.job.cancel(),
            68..=99 => self.shared.cancel.store(1, Relaxed),
            100..=131 => self.shared.queue.close(),
            _ => {}
        }
    }
}

impl Shared {
    fn new(choices: &mut Choices<'_>) -> Self {
        Self {
            queue: Queue::new(1 + choices.below(10)).unwrap(),
            pushed: AtomicU64::new(0),
            popped: AtomicU64::new(0),
            cancel: AtomicI32::new(0),
            job: a_job(choices),
            forks: AtomicUsize::new(0),
        }
    }

    fn push(&self, choices: &mut Choices<'_>) {
        let value = choices.number() >> 16;
        match self.queue.push(value, Some(Duration::from_millis(u64::from(choices.byte() % 2)))) {
            Ok(()) => _ = self.pushed.fetch_add(value, Relaxed),
            Err(error) => assert!(matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Closed)),
        }
    }

    /// False: there is nothing.
    fn pop(&self) -> bool {
        match self.queue.pop(Some(Duration::ZERO)) {
            Ok(value) => _ = self.popped.fetch_add(value, Relaxed),
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Closed));
                return false;
            }
        }
        true
    }

    /// What went into the queue comes out.
    fn finish(self) {
        while self.pop() {}
        assert_eq!(self.pushed.into_inner(), self.popped.into_inner());
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    start_pool();
    let mut choices = Choices(data);
    let threads = 1 + usize::from(choices.byte() % 3);
    let shared = Shared::new(&mut choices);
    let mut programs = choices.0.chunks(choices.0.len().div_ceil(threads).max(1)).map(|part| {
        let mut choices = Choices(part);
        let queue = Queue::new(1 + choices.below(50)).unwrap();
        let program = Program { shared: &shared, jobs: Vec::new(), queue, inside: 0, closed: false };
        move || program.run(&mut choices)
    });
    let first = programs.next();
    std::thread::scope(|scope| {
        for program in programs {
            scope.spawn(program);
        }
        first.map(|first| first());
    });
    shared.finish();
});
