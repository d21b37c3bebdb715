//! What data are read as, what is found in them, and what is made of them.

mod as_they_are;
mod augment;
mod census;
mod common;
mod folder;
mod input_rules;
mod layouts;
mod left_out;
mod loader;
mod mask_formats;
mod masks;
mod orientation;
mod picture_formats;
mod pictures;
mod ranges;
mod samples;
mod shapes;
