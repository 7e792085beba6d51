//! What Ownpost knows and decides. Pure: no `async`, no clock, no log, no I/O; the time and randomness are
//! arguments.

pub mod category;
pub mod delivery;
pub mod event;
pub mod expiry;
pub mod failure;
pub mod health;
pub mod limits;
pub mod outcome;
pub mod route;
pub mod seats;
pub mod secret;
pub mod settings;
pub mod story;
pub mod tenant;
pub mod words;

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    #[test]
    fn nothing_here_waits_or_reads_a_clock_or_logs() {
        let mut files = 0;
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/domain")).unwrap() {
            let path = entry.unwrap().path();
            let source = fs::read_to_string(&path).unwrap();
            // This list names what it looks for.
            let source = source.split("#[cfg(test)]").next().unwrap_or_default();
            let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
            for (number, line) in code.enumerate() {
                for word in
                    ["async ", ".await", "::now(", "SystemTime", "Instant", "tracing", "println!", "std::env"]
                {
                    assert!(!line.contains(word), "{}, statement {number}: {line}", path.display());
                }
            }
            files += 1;
        }
        assert!(files > 10, "{files} files");
    }
}
