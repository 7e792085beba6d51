//! Emulated AWS: the effects' contract, the template deployed for real, and the Lambda binary under its Runtime
//! API. `cargo xtask setup` installs the emulators into `tests/.venv`.
#![cfg(feature = "real")]

mod cloud;
mod effects;
mod emulator;
mod environments;
mod guide;
mod path;
mod publish;
mod template;
