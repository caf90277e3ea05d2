//! trestle carries phone fleets that are provisioned by files over to TR-069 (CWMP).
//!
//! It reads the tree of a config server, keeps one normalized model per phone, goes on serving
//! each phone its file, and shows every phone to an ACS as a virtual CPE of its own. What the ACS
//! sets becomes a lossless edit of the phone's native file.
//!
//! The modules stand on floors; an upper floor uses lower ones, never the reverse
//! (`ARCHITECTURE.md` draws the house, `tests/architecture` holds it up).

pub mod acs;
pub mod admin;
pub mod app;
pub mod cli;
pub mod cwmp;
pub mod datamodel;
pub mod device;
pub mod gateway;
pub mod mapping;
pub mod native;
pub mod phone;
pub mod sim;
pub mod store;
pub mod wire;
