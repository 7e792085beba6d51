//! What Ownpost knows and decides. Pure: no `async`, no clock, no log, no I/O; the time and randomness are
//! arguments.

pub mod brand;
pub mod category;
pub mod delivery;
pub mod describe;
pub mod due;
pub mod event;
pub mod expiry;
pub mod failure;
pub mod health;
pub mod limits;
pub mod line;
pub mod outcome;
pub mod percent;
pub mod refusals;
pub mod report;
pub mod route;
pub mod seats;
pub mod secret;
pub mod settings;
pub mod tenant;
pub mod time;
pub mod timeline;
