//! A fleet as an old config server has it, made by a seed: files of four makers' phones, thousands or
//! a million of them, most of them regular and some odd. For `trestle bench` and tests.

mod generator;
mod makers;
mod template;

pub use generator::{Fleet, FleetFile, FleetPhone, Oddity};
