//! Where files come from: a disk, or memory for tests, build scripts and fuzzers.

use crate::diagnostic::{Diagnostic, Diagnostics};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{ErrorKind, Read},
    path::{Path, PathBuf},
};

/// Largest file that is read at all, in bytes.
pub const MAX_FILE: u64 = 10_000_000;

/// Why a file cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is none of that name.
    #[error("there is no such file")]
    Missing,
    /// It is larger than [`MAX_FILE`].
    #[error("the file is larger than {MAX_FILE} bytes")]
    TooLarge,
    /// The system refuses.
    #[error("the file cannot be read: {0}")]
    Io(#[source] std::io::Error),
}

/// A place that has files.
pub trait Loader {
    /// The bytes of a file.
    ///
    /// # Errors
    /// [`LoadError`] says why there are none.
    fn load(&self, path: &Path) -> Result<Vec<u8>, LoadError>;
}

/// The file system of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Loader for Disk {
    fn load(&self, path: &Path) -> Result<Vec<u8>, LoadError> {
        let file = File::open(path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => LoadError::Missing,
            _ => LoadError::Io(error),
        })?;
        let mut bytes = Vec::new();
        file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(LoadError::Io)?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(LoadError::TooLarge);
        }
        Ok(bytes)
    }
}

/// Files that are in memory, by their paths as they are asked for.
#[derive(Clone, Debug, Default)]
pub struct Memory(BTreeMap<PathBuf, Vec<u8>>);

impl Memory {
    /// Adds a file.
    #[must_use]
    pub fn with(mut self, path: impl Into<PathBuf>, bytes: impl Into<Vec<u8>>) -> Self {
        self.0.insert(path.into(), bytes.into());
        self
    }
}

impl Loader for Memory {
    fn load(&self, path: &Path) -> Result<Vec<u8>, LoadError> {
        self.0.get(path).cloned().ok_or(LoadError::Missing)
    }
}

/// The text of a file, or the one complaint about it.
pub(crate) fn text(loader: &dyn Loader, path: &Path) -> Result<String, Diagnostics> {
    let name = path.display().to_string();
    let bytes = loader.load(path).map_err(|error| {
        let mut complaint = Diagnostic::of_file(&name, error.to_string());
        if matches!(error, LoadError::Missing) {
            complaint.help("look at the spelling of the path and at the directory you are in");
        }
        Diagnostics::of_file(complaint)
    })?;
    utf8(&name, bytes)
}

/// The text in `bytes`, or the complaint that it is none.
pub(crate) fn utf8(name: &str, bytes: Vec<u8>) -> Result<String, Diagnostics> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let before = &error.as_bytes()[..at];
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        let message = format!("the file is not UTF-8: byte {at} in line {line} is no character");
        let mut complaint = Diagnostic::of_file(name, message);
        complaint.help("save it as UTF-8; in an editor this is usually under \"save as\" or \"encoding\"");
        Diagnostics::of_file(complaint)
    })
}

/// The path `written` in the file `from`: relative paths start at that file's directory.
pub(crate) fn beside(from: &str, written: &str) -> PathBuf {
    Path::new(from).parent().unwrap_or(Path::new("")).join(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_start_at_the_directory_of_the_file_that_names_them() {
        assert_eq!(
            beside("profiles/demo.yaml", "../devices/kettle.yaml"),
            Path::new("profiles/../devices/kettle.yaml")
        );
        assert_eq!(beside("demo.yaml", "a.csv"), Path::new("a.csv"));
        assert_eq!(beside("demo.yaml", "/a.csv"), Path::new("/a.csv"));
    }

    #[test]
    fn a_missing_file_is_told_apart_from_other_trouble() {
        assert!(matches!(Disk.load(Path::new("no/such/file.yaml")), Err(LoadError::Missing)));
    }
}
