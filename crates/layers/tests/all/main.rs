//! What layers, optimizers and models do.

mod contribution;
mod fcn;
mod init;
mod layers;
mod optim;
mod probe;
mod schedule;
mod sizes;
mod weights;
mod wrong_shapes;
