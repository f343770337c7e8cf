//! The codec, from memory to memory: what it writes others can read, what others write it can read, and
//! nothing that it is given makes it fail in another way than documented.

mod bad_input;
mod c_calls;
mod capacity;
mod common;
mod control;
#[cfg(unix)]
mod fork;
mod format;
mod frame_read;
mod interop;
mod round_trip;
mod rsyncable;
mod sections;
mod seek_tables;
mod single_frames;
#[path = "../support/mod.rs"]
mod support;
mod threads;
mod written_seek_tables;
