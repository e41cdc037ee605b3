//! Finding Prosody, and a user without privileges to run it as.

use std::path::{Path, PathBuf};

/// Where programs are looked for after the caller's own `PATH`: Debian keeps servers out of users' search paths.
pub(super) const SEARCH_PATH: &str =
    "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin:/opt/homebrew/bin";

/// A user of the system.
#[derive(Debug, Clone, Copy)]
pub(super) struct User {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// Whom the server runs as: `None` for the caller, unless that is root.
pub(super) fn unprivileged() -> Option<User> {
    if !nix::unistd::geteuid().is_root() {
        return None;
    }
    let user = ["prosody", "nobody"].into_iter().find_map(|name| nix::unistd::User::from_name(name).ok()?);
    // By convention of Linux and the BSDs 65534 is nobody, with or without an entry.
    Some(user.map_or(User { uid: 65_534, gid: 65_534 }, |user| User {
        uid: user.uid.as_raw(),
        gid: user.gid.as_raw(),
    }))
}

/// The full path of a program.
pub(super) fn find_program(name: &str) -> Option<PathBuf> {
    let own = std::env::var_os("PATH").unwrap_or_default();
    let own: Vec<_> = std::env::split_paths(&own).collect();
    own.into_iter()
        .filter(|directory| directory.is_absolute())
        .chain(std::env::split_paths(SEARCH_PATH))
        .map(|directory| directory.join(name))
        .find(|path| is_executable(path))
}

fn is_executable(path: &Path) -> bool {
    path.is_file() && nix::unistd::access(path, nix::unistd::AccessFlags::X_OK).is_ok()
}
