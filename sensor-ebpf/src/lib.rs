//! What the BPF programs and userspace agree on: event layouts, structure offsets, map values and limits.
//!
//! This is the only thing the kernel half and the user half share. Every type is `#[repr(C)]`, holds no
//! pointer and has no padding that carries meaning, so that a record can be read in place from the ring buffer.
#![no_std]

pub mod counter;
pub mod event;
pub mod limit;
pub mod map;
pub mod offsets;
