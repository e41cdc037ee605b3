//! A JSON file of the state directory, with the version of its layout: read whole, replaced whole.

use super::{StateError, VERSION};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

/// Reads a file; `None` if it is not there.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, StateError> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(StateError::Io { path: path.to_owned(), source }),
    };
    let damaged = |source| StateError::Damaged { path: path.to_owned(), source };
    // The version first, since a newer layout may not look like ours at all.
    let value: serde_json::Value = serde_json::from_slice(&text).map_err(damaged)?;
    match value.get("version").and_then(serde_json::Value::as_u64).and_then(|v| u32::try_from(v).ok()) {
        Some(version) if version > VERSION => Err(StateError::TooNew { path: path.to_owned(), version }),
        _ => serde_json::from_value(value).map(Some).map_err(damaged),
    }
}

/// Puts a file in the place of the one that is there, readable by nobody else.
pub(super) fn write<T: Serialize>(path: &Path, document: &T) -> Result<(), StateError> {
    let text = serde_json::to_vec_pretty(document).expect("maps of texts are JSON");
    let directory = path.parent().expect("the file is in the state directory");
    let replace = || -> io::Result<()> {
        // `tempfile` makes it with mode 0600, and removes it if anything below fails.
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        file.write_all(&text)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        File::open(directory)?.sync_all()
    };
    replace().map_err(|source| StateError::Io { path: path.to_owned(), source })
}
