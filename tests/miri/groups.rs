//! Groups of tasks and pipelines, by the functions of C. Tasks and items have plain memory: where the library
//! does not order them there is a race, which Miri tells.

use crate::SmallPool;
use fastpar::ffi::*;
use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;

/// A task, and those that it spawns.
#[derive(Default)]
struct Tree {
    below: Vec<Tree>,
    waits: bool,
    fails: bool,
    /// Written by the task, read by the one that waits for it, or after the group.
    tasks: Cell<usize>,
    dropped: Cell<bool>,
}

impl Tree {
    fn new(depth: usize, width: usize, waits: bool) -> Self {
        let width_here = if depth == 0 { 0 } else { width };
        let below = (0..width_here).map(|_| Self::new(depth - 1, width, waits)).collect();
        Self { below, waits, ..Self::default() }
    }

    fn all(&self) -> Vec<&Self> {
        let below = self.below.iter().flat_map(Self::all);
        std::iter::once(self).chain(below).collect()
    }

    fn item(&self) -> *mut c_void {
        ptr::from_ref(self).cast_mut().cast()
    }
}

/// Writes how many tasks this one is with those below, if it waits for them, and else 1.
unsafe extern "C" fn count(tree: *mut c_void, group: *mut fastpar_group, _: u32) -> i32 {
    // SAFETY: a tree of `run`; its cells are this task's until it has ended.
    let tree = unsafe { &*tree.cast_const().cast::<Tree>() };
    for task in &tree.below {
        // SAFETY: the group that this task is of, and a tree that outlives it.
        if unsafe { fastpar_group_spawn(group, Some(count), task.item(), ptr::null_mut()) } != FASTPAR_OK {
            task.dropped.set(true); // it stays this task's
        }
    }
    tree.tasks.set(1);
    // SAFETY: as above.
    if tree.waits && unsafe { fastpar_group_wait(group, ptr::null_mut()) } == FASTPAR_OK {
        tree.tasks.set(1 + tree.below.iter().map(|task| task.tasks.get()).sum::<usize>());
    }
    i32::from(tree.fails)
}

unsafe extern "C" fn drop_task(_: *mut c_void, tree: *mut c_void) {
    // SAFETY: a tree that will have no task.
    unsafe { (*tree.cast_const().cast::<Tree>()).dropped.set(true) };
}

fn run(tree: &Tree) -> fastpar_status {
    // SAFETY: zero is the default of each field.
    let mut options: fastpar_group_options = unsafe { std::mem::zeroed() };
    options.struct_size = size_of_val(&options);
    options.drop = Some(drop_task);
    // SAFETY: the tree lives until the call has returned.
    unsafe { fastpar_group_run(&options, Some(count), tree.item(), ptr::null_mut()) }
}

#[test]
fn tasks_that_wait_see_what_others_wrote() {
    let _pool = SmallPool::start();
    let tree = Tree::new(2, 3, true);
    assert_eq!(run(&tree), FASTPAR_OK);
    assert_eq!(tree.tasks.get(), 1 + 3 + 9);
}

#[test]
fn tasks_that_end_before_those_that_they_spawned() {
    let _pool = SmallPool::start();
    let tree = Tree::new(3, 2, false);
    assert_eq!(run(&tree), FASTPAR_OK);
    assert!(tree.all().iter().all(|task| task.tasks.get() == 1));
}

/// Each task that was accepted is run or dropped.
#[test]
fn groups_that_fail() {
    let _pool = SmallPool::start();
    let mut tree = Tree::new(2, 4, true);
    tree.below[2].fails = true;
    assert_eq!(run(&tree), FASTPAR_ERR_CALLBACK);
    for task in tree.all() {
        let spawned = task.below.iter().filter(|task| (task.tasks.get() > 0) != task.dropped.get()).count();
        assert_eq!(spawned, if task.tasks.get() > 0 { task.below.len() } else { 0 });
    }
}

const ITEMS: usize = 12;

struct Line {
    items: [Cell<usize>; ITEMS],
    fed: Cell<usize>,
    taken: Cell<usize>,
    dropped: Cell<usize>,
    /// The item whose work fails.
    fails: usize,
}

/// # Safety
/// `line` is that of `run_line`.
unsafe fn line<'a>(line: *mut c_void) -> &'a Line {
    // SAFETY: the caller's promise.
    unsafe { &*line.cast_const().cast() }
}

/// # Safety
/// `item` is one of the line's that only this thread has.
unsafe fn add(item: *mut c_void, number: usize) -> usize {
    // SAFETY: the caller's promise.
    let item = unsafe { &*item.cast_const().cast::<Cell<usize>>() };
    item.set(item.get() + number);
    item.get()
}

unsafe extern "C" fn feed(data: *mut c_void, item: *mut *mut c_void) -> i32 {
    // SAFETY: the line; a place for an item.
    unsafe {
        let line = line(data);
        if let Some(next) = line.items.get(line.fed.get()) {
            next.set(line.fed.get());
            *item = ptr::from_ref(next).cast_mut().cast();
            line.fed.set(line.fed.get() + 1);
        }
    }
    0
}

unsafe extern "C" fn work(data: *mut c_void, item: *mut c_void, _: u32) -> i32 {
    // SAFETY: the line, of which `fails` is not written to; an item that this thread has.
    unsafe { i32::from(add(item, 100) == line(data).fails + 100) }
}

unsafe extern "C" fn take(data: *mut c_void, item: *mut c_void, _: u32) -> i32 {
    // SAFETY: as in `feed`; an item that was worked on.
    unsafe {
        let line = line(data);
        let number = line.taken.get();
        line.taken.set(number + 1);
        i32::from(add(item, 1000) != number + 1100)
    }
}

unsafe extern "C" fn drop_item(data: *mut c_void, item: *mut c_void) {
    // SAFETY: as in `feed`; an item that nobody works on any more.
    unsafe {
        let line = line(data);
        line.dropped.set(line.dropped.get() + 1);
        add(item, 0);
    }
}

/// Status, and how many items were taken and dropped.
fn run_line(fails: usize) -> (fastpar_status, usize, usize) {
    let line = Line {
        items: Default::default(),
        fed: Cell::default(),
        taken: Cell::default(),
        dropped: Cell::default(),
        fails,
    };
    // SAFETY: zero is the default of each field.
    let mut options: fastpar_pipeline_options = unsafe { std::mem::zeroed() };
    options.struct_size = size_of_val(&options);
    options.drop = Some(drop_item);
    let data = ptr::from_ref(&line).cast_mut().cast();
    // SAFETY: the line lives until the call has returned.
    let status =
        unsafe { fastpar_pipeline_run(&options, Some(feed), Some(work), Some(take), data, ptr::null_mut()) };
    assert_eq!(line.taken.get() + line.dropped.get(), line.fed.get());
    (status, line.taken.get(), line.dropped.get())
}

#[test]
fn pipelines() {
    let _pool = SmallPool::start();
    assert_eq!(run_line(usize::MAX - 100), (FASTPAR_OK, ITEMS, 0));
}

#[test]
fn pipelines_that_fail() {
    let _pool = SmallPool::start();
    let (status, taken, dropped) = run_line(5);
    assert_eq!((status, taken), (FASTPAR_ERR_CALLBACK, 5));
    assert!(dropped >= 1);
}
