//! A background job, as the workers see it that come to help.
#![forbid(unsafe_code)]

use super::Background;
use crate::job::helpers::{recruit_more, work_as_helper, Share};
use crate::pool::{self, most_lanes, Counter, Help, Pool, Seat, Ticket, Turn, Visit};
use std::sync::Arc;

impl Help for Background {
    fn help(&self, shared: &Arc<dyn Help>, pool: &Pool, turn: Turn) -> Visit {
        let lane = if let Some(seat) = turn.seat {
            self.gate.enter_again().then_some(seat.lane)
        } else {
            self.gate.ticket_arrived();
            self.gate.enter(most_lanes()).map(|(_, entered)| entered - 1)
        };
        let mut left = false;
        if let Some(lane) = lane {
            let more = || {
                recruit_more(pool, &self.gate, most_lanes(), Share::Fair(0), || {
                    Ticket::Shared(Arc::clone(shared))
                })
            };
            let pending = if self.job.wants_help() { more() } else { None };
            let needs_room = || pool.needs_room(self.gate.coming(), &turn);
            let work = || left = work_as_helper(&self.job, lane, pending, needs_room);
            self.work(work);
            if turn.seat.is_none() {
                pool.count_helper();
            }
            self.gate.leave();
        } else if turn.seat.is_none() {
            // Every lane is given out. But the waiter's lane may be free again: a waiter whose time was over
            // left it.
            if self.help_as_waiter(None) {
                pool.count_helper();
            } else {
                pool::count(Counter::LateHelpers, 1);
            }
        }
        self.finish(); // this is a worker, so no other has to be sent
        match lane {
            Some(lane) if left => Visit::Left(Seat { job: 0, lane }),
            _ => Visit::Over,
        }
    }

    fn end_watch(&self) -> bool {
        self.gate.end_watch();
        self.job.wants_help() && self.gate.claim_ticket(1)
    }

    fn keep_watch(&self) -> bool {
        self.gate.end_watch();
        self.job.wants_help() && self.gate.claim_watch()
    }

    fn claimed(&self) -> u64 {
        self.job.claimed()
    }
}
