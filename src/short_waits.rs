//! Short waits on Windows. A thread that waits on an address, as for a condition variable, is woken by the
//! system's timer where its time is over, every 16 ms. That timer could be made faster, but for the whole
//! process, and a guest leaves it alone. A waitable timer of high resolution keeps its time to half a
//! millisecond, for its thread only. So where the time is over soon a thread waits for an event or for such a
//! timer, whichever comes first.
//!
//! Nobody sleeps through an end: a wait is announced, then its reason is looked at, then the thread
//! waits; who ends waits has changed something before. Each looks at what the other has written, behind a
//! fence.

use std::os::windows::io::{AsRawHandle, FromRawHandle, OwnedHandle};
use std::sync::atomic::{fence, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::System::Threading::{
    CreateEventW, CreateWaitableTimerExW, SetEvent, SetWaitableTimer, WaitForMultipleObjects,
    CREATE_WAITABLE_TIMER_HIGH_RESOLUTION, TIMER_ALL_ACCESS,
};

/// How late the system's timer may wake a thread.
const TICK: Duration = Duration::from_millis(16);

/// Such waits are short. What is longer is waited for by the system's timer up to a tick before the end.
const SHORT: Duration = Duration::from_millis(32);

/// How long to wait by the system's timer; none where the rest is short.
pub(crate) fn long_part(wait: Duration) -> Option<Duration> {
    (wait > SHORT).then(|| wait - TICK)
}

/// The threads that wait for one thing.
#[derive(Default)]
pub(crate) struct ShortWaits {
    count: AtomicUsize,
    /// Those that were not ended yet, the first one first.
    events: Mutex<Vec<Event>>,
}

/// The handle of an event, as a number; open as long as it is in the list.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Event(usize);

impl Event {
    fn set(self) {
        // SAFETY: who closes it takes it out of the list before, and the caller has the list.
        unsafe { SetEvent(self.0 as HANDLE) };
    }
}

/// The wait of one thread.
pub(crate) struct ShortWait<'w> {
    waits: &'w ShortWaits,
    event: OwnedHandle,
    timer: OwnedHandle,
}

impl ShortWaits {
    /// Announces a wait, which can be ended from now on; none where the system lacks what it takes (the timer
    /// came with Windows 10, 1803).
    pub(crate) fn begin(&self) -> Option<ShortWait<'_>> {
        // SAFETY: no attributes, no name; resets itself, not set yet.
        let event = handle(unsafe { CreateEventW(std::ptr::null(), 0, 0, std::ptr::null()) })?;
        let flags = CREATE_WAITABLE_TIMER_HIGH_RESOLUTION;
        // SAFETY: no attributes, no name.
        let timer = handle(unsafe {
            CreateWaitableTimerExW(std::ptr::null(), std::ptr::null(), flags, TIMER_ALL_ACCESS)
        })?;
        let wait = ShortWait { waits: self, event, timer };
        self.events().push(wait.event());
        self.count.fetch_add(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        Some(wait)
    }

    /// Whether no wait was announced before what the caller has changed.
    pub(crate) fn are_none(&self) -> bool {
        fence(Ordering::SeqCst);
        self.count.load(Ordering::SeqCst) == 0
    }

    /// Ends all waits that were announced.
    pub(crate) fn end_all(&self) {
        if !self.are_none() {
            self.events().drain(..).for_each(Event::set);
        }
    }

    /// Ends the wait that was announced first.
    pub(crate) fn end_one(&self) {
        if self.are_none() {
            return;
        }
        let mut events = self.events();
        if !events.is_empty() {
            events.remove(0).set();
        }
    }

    /// Tries until there is a result, or the deadline is over, or the system lacks what it takes. Who makes
    /// attempts succeed calls `end_one`; `more` tells whether the next attempt may have a result. Then the
    /// next wait is ended, as that call may have ended this wait, which needed it no more.
    pub(crate) fn attempt<R>(
        &self,
        deadline: Instant,
        attempt: impl Fn() -> Option<R>,
        more: impl Fn() -> bool,
    ) -> Option<R> {
        let rest = || deadline.saturating_duration_since(Instant::now());
        let first = attempt();
        if first.is_some() || rest().is_zero() {
            return first;
        }
        while let Some(wait) = self.begin() {
            let result = attempt();
            let rest = rest();
            if result.is_none() && !rest.is_zero() {
                wait.wait(rest);
                continue;
            }
            drop(wait);
            if more() {
                self.end_one();
            }
            return result;
        }
        None
    }

    fn events(&self) -> MutexGuard<'_, Vec<Event>> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ShortWait<'_> {
    /// Waits until it is ended, at most so long.
    pub(crate) fn wait(self, most: Duration) {
        // In steps of 100 ns, rounded up; below zero: from now on.
        let due = i64::try_from(most.as_nanos().div_ceil(100)).map_or(i64::MIN, |steps| -steps);
        let timer = self.timer.as_raw_handle().cast();
        // SAFETY: the timer is open, the time is valid for reading, and there is no function to call.
        unsafe { SetWaitableTimer(timer, &due, 0, None, std::ptr::null(), 0) };
        let handles = [self.event.as_raw_handle().cast(), timer];
        // The system's timer ends what the other one does not.
        let milliseconds = u32::try_from(most.as_millis()).unwrap_or(u32::MAX - 1).saturating_add(1);
        // SAFETY: the two handles are open.
        unsafe { WaitForMultipleObjects(2, handles.as_ptr(), 0, milliseconds) };
    }

    fn event(&self) -> Event {
        Event(self.event.as_raw_handle() as usize)
    }
}

impl Drop for ShortWait<'_> {
    fn drop(&mut self) {
        let own = self.event();
        self.waits.events().retain(|&event| event != own);
        self.waits.count.fetch_sub(1, Ordering::SeqCst);
    }
}

fn handle(raw: HANDLE) -> Option<OwnedHandle> {
    // SAFETY: the callers give what a function of the system has just made, or NULL.
    (!raw.is_null()).then(|| unsafe { OwnedHandle::from_raw_handle(raw.cast()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    const NEVER: Duration = Duration::from_secs(3600);

    #[test]
    fn a_wait_ends_when_it_is_ended_and_when_its_time_is_over() {
        let waits = ShortWaits::default();
        let begin = Instant::now();
        waits.begin().unwrap().wait(Duration::from_micros(1500));
        assert!(begin.elapsed() >= Duration::from_micros(1500));
        for end in [ShortWaits::end_all, ShortWaits::end_one] {
            let wait = waits.begin().unwrap();
            std::thread::scope(|scope| _ = scope.spawn(|| end(&waits)));
            wait.wait(NEVER);
        }
        assert!(waits.events().is_empty() && waits.count.load(Ordering::SeqCst) == 0);
    }

    /// Of two values that come at once each wakes a thread, and an end that nobody waits for is not kept.
    #[test]
    fn nobody_sleeps_through_what_was_meant_for_another() {
        const EACH: u32 = 500;
        let (waits, values) = (ShortWaits::default(), AtomicU32::new(0));
        let take =
            || values.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).ok();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..EACH {
                        let more = || values.load(Ordering::SeqCst) > 0;
                        waits.attempt(Instant::now() + NEVER, take, more).unwrap();
                    }
                });
            }
            for _ in 0..2 * EACH {
                for _ in 0..2 {
                    values.fetch_add(1, Ordering::SeqCst);
                    waits.end_one();
                }
                std::thread::yield_now();
            }
        });
        assert!(waits.attempt(Instant::now(), take, || true).is_none());
    }

    #[test]
    fn what_is_long_is_short_at_its_end() {
        assert_eq!(long_part(SHORT), None);
        let long = Duration::from_millis(33);
        // The system's timer may be late by a tick: then nothing is left, and no more.
        assert_eq!(long_part(long), Some(long - TICK));
    }
}
