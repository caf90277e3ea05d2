//! Parameters that belong to the virtual CPE itself and stand in no file of the phone: a table for
//! each object.

mod catalogue;
mod connection_requests;
mod delivery;
mod device;
mod device_info;
mod inform_parameters;
mod inform_policy;
mod lightweight;
mod management_server;
mod parameter;
mod proxier;
mod transfers;

pub(super) use catalogue::{cpe_parameters, cpe_tables, own_parameter};
pub(super) use parameter::{OwnParameter, Reading, moment};
pub(super) use proxier::{GATEWAY_OUI, GATEWAY_PRODUCT_CLASS, PROXY_PROTOCOL, stands_for};
