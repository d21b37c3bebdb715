//! What runs are made of: losses, metrics, files, and what keeps a run from beginning.

mod boundary;
mod bright;
mod checkpoint;
mod checkpoint_golden;
mod class_weights;
mod common;
mod confusion;
mod evaluation;
mod last_checkpoint;
mod models;
mod predictions;
mod ranks;
mod run_check;
mod run_folder;
mod seen_alike;
mod shapes;
