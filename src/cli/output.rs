//! Writing results to stdout, as text or as JSON lines.

use serde_json::Value;
use std::io::{self, Write};

/// Writes one line.
///
/// # Errors
/// Those of stdout.
pub(super) fn line(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    // A watcher at the other end of a pipe wants each line when it is written.
    out.flush()
}

/// Writes one JSON object on a line.
///
/// # Errors
/// Those of stdout.
pub(super) fn json(value: &Value) -> io::Result<()> {
    line(&value.to_string())
}
