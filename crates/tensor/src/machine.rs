//! What touches the machine: instruction sets, vector registers and unchecked addresses. All unsafe
//! code of the workspace is in this folder, behind functions that check what they are given.
//!
//! - [`allocator`]: what happens where there is no memory;
//! - [`arena`]: memory handed out in blocks; without the feature of that name, what the system's allocator gives;
//! - [`gemm`]: matrixmultiply over checked views;
//! - [`isa`]: which instruction sets there are, and how a routine is compiled for each;
//! - [`lanes`]: a vector register and what can be done with it;
//! - [`prefetch`]: reading ahead;
//! - [`product`]: the micro-kernel, a product of a picture and a panel;
//! - [`stream`]: writing past the caches;
//! - [`transpose`]: rows to columns;
//! - [`peak`]: what the machine could do at best.

// Registers and unchecked addresses cannot be had without; each block says why it is sound.
#![allow(unsafe_code, reason = "the crate denies it, and this is the one folder that may")]

pub(crate) mod allocator;
#[cfg_attr(not(feature = "arena"), path = "machine/system.rs")]
pub(crate) mod arena;
pub(crate) mod gemm;
pub(crate) mod isa;
pub(crate) mod lanes;
pub(crate) mod peak;
pub(crate) mod prefetch;
pub(crate) mod product;
pub(crate) mod stream;
pub(crate) mod transpose;
