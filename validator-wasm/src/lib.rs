//! The browser surface of the rules.
