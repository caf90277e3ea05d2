//! `trestle demo`: the main job on loopback, told step by step.

mod command;
mod stage;
mod story;
mod tree;

pub(super) use command::run;
