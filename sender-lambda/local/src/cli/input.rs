//! Documents from a file or standard input, bounded.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use zeroize::Zeroizing;

/// Reads `-` (standard input) or a file, at most `limit` bytes and one more, by which its check sees
/// that it is too large. It may hold a secret.
pub(super) fn read(path: &Path, limit: usize) -> Result<Zeroizing<Vec<u8>>, String> {
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Zeroizing::new(Vec::new());
    let read = if path == Path::new("-") {
        io::stdin().lock().take(most).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes))
    };
    read.map(|_| bytes).map_err(|error| format!("{}: {error}", path.display()))
}
