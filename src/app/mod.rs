//! Wiring: settings, the clock, telemetry, the gateway with its doors, start and stop.

mod acs_section;
mod clock;
mod control_section;
mod doors;
mod gateway;
mod open_files;
mod phones_section;
mod serve;
mod settings;
mod space_watch;
mod syslog_section;
mod telemetry;

pub use acs_section::{AcsSection, AlsoSection};
pub use clock::SystemClock;
pub use control_section::{ControlSection, LoginSection, RouteSection, SipSection};
pub use gateway::{OpenError, load_packs, load_profiles, open_gateway, open_gateway_by};
pub use open_files::raise_open_files;
pub use serve::{Addresses, ServeError, Server};
pub use settings::{Settings, SettingsError};
pub use telemetry::start_telemetry;
