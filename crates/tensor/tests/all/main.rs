//! What kernels compute, against definitions.

mod accuracy;
mod arrays;
mod common;
mod conv;
mod dialects;
mod geometry;
mod normalize;
mod pooling;
mod random;
mod resample;
mod scores;
mod threads;
