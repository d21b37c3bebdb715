//! What the whole program does: commands as a user gives them, runs from the first step to the page, and numbers of
//! other frameworks.

mod article;
mod check_data;
mod cli;
mod commands;
mod corpus;
mod docs;
mod double_backward;
mod export;
mod folder;
mod golden_dialects;
mod golden_fcn;
mod golden_layers;
mod golden_unet;
mod kills;
mod memory;
mod norms;
mod numpy;
mod op_fuzz;
mod pairs;
mod pictures;
mod report;
mod resume;
mod runs;
mod sizes;
mod split;
mod threads;
mod trainer;
mod training;
mod trilinear;
mod voc;
mod weights;
