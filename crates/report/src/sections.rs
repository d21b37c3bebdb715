//! The parts of a run's page, one function each.

pub mod classes;
pub mod configuration;
pub mod confusion;
pub mod curves;
pub mod environment;
pub mod kernels;
pub mod pictures;
pub mod summary;
pub mod time;
