//! `trestle bench`: a made-up fleet, a gateway in a process of its own, and what it takes, each figure
//! beside a limit or a peer of the same run.

mod command;
mod cores;
mod fleet_run;
mod limits;
mod lookups;
mod machine;
mod peer;
mod process;
mod soak;
mod table;
mod workshop;

pub(super) use command::{BenchArguments, run};
