//! Helpers of a pipeline: workers of the pool that run its tasks beside the owner, for as long as there
//! are some.
#![forbid(unsafe_code)]

use super::{Shared, Stage};
use crate::pool::{count, most_lanes, Counter, Pool, Ticket, Turn};
use crate::trace;
use std::sync::Arc;

/// Sends one helper, unless a helper is on its way, or no task can be begun, or there are enough.
pub(super) fn recruit<S: Stage>(shared: &Arc<Shared<S>>, pool: &Pool) {
    let mut state = shared.lock();
    let most = shared.most_helpers.min(most_lanes() - 1);
    if state.on_the_way || state.waiting() == 0 || !state.can_begin() || state.helpers >= most {
        return;
    }
    state.on_the_way = true;
    state.helpers += 1;
    drop(state);
    let traced = trace::begin_helping(trace::TASKS);
    let helper = Helper { shared: Arc::clone(shared), lane: None, traced };
    pool.send(Ticket::Once(Box::new(move |pool| helper.work(pool))));
}

/// A helper, from when it is sent until it leaves.
struct Helper<S: Stage> {
    shared: Arc<Shared<S>>,
    /// Once it has arrived.
    lane: Option<u32>,
    /// Its sender, where that is traced.
    traced: Option<trace::Call>,
}

impl<S: Stage> Helper<S> {
    fn work(mut self, pool: &Pool) {
        let lane = self.shared.lock().arrive();
        self.lane = Some(lane);
        let _traced = self.traced.map(|call| call.begin_lane(trace::Kind::TaskLane, lane));
        let mut helped = false;
        // A pool that is about to end is left: the tasks that are still to come find the next one. Others who
        // wait for a worker get it, too: the next task that is submitted sends for another.
        let turn = Turn::now();
        while !(pool.is_stopping() || helped && pool.needs_room(0, &turn)) {
            let begun = self.shared.lock().begin();
            let Some(begun) = begun else { break };
            recruit(&self.shared, pool);
            self.shared.run(begun, lane, &self.shared.gone);
            helped = true;
        }
        if helped {
            pool.count_helper();
        } else {
            count(Counter::LateHelpers, 1);
        }
    }
}

impl<S: Stage> Drop for Helper<S> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.helpers -= 1;
        match self.lane {
            Some(lane) => state.free_lanes.push(lane),
            None => state.on_the_way = false,
        }
    }
}
