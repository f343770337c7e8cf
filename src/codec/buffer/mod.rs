//! From memory to memory: one buffer, or many small ones.

pub(crate) mod batch;
pub(crate) mod compress;
pub(crate) mod decompress;

mod frame_groups;
mod frame_layout;
mod output;
mod output_slots;
mod single_frame;
mod table_follower;
