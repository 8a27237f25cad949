//! Set-up, demo, tests and docs of Darkroom: cargo xtask ….
