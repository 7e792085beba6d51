//! The rules for SMTP settings, written once for the browser and the server.
