//! The guardian: a tiny shell process that outlives the program by a moment and cleans up after it.
//!
//! It reads a pipe that only the program holds. When the pipe closes, on a normal stop as well as after a panic or
//! SIGKILL, it kills the server and removes its directory. So there is one road for every end.

use std::{io, path::Path, process::Stdio};
use tokio::process::{Child, Command};

/// Lines it reads: the id of the process to end, replaced by a later one; `-` for none. The end of the pipe is the
/// signal. A directory can resist for a moment while the dying server still writes, hence the attempts.
const SCRIPT: &str = r#"
trap '' HUP INT TERM
server=-
while read -r line; do server=$line; done
[ "$server" = - ] || kill -KILL "$server" 2>/dev/null
for attempt in 1 2 3 4 5; do rm -rf -- "$1" && exit 0; sleep 1; done
exit 1
"#;

/// A running guardian.
#[derive(Debug)]
pub(super) struct Guardian {
    child: Child,
    // Written without a runtime so that telling it can't be cancelled half-way; a line never fills the pipe.
    pipe: Option<io::PipeWriter>,
}

impl Guardian {
    /// Starts a guardian over `directory`.
    pub(super) fn start(directory: &Path) -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        let child = Command::new("/bin/sh")
            .args(["-c", SCRIPT, "thingfleet-guardian"])
            .arg(directory)
            .env_clear()
            .env("PATH", super::privilege::SEARCH_PATH)
            .current_dir("/")
            .stdin(reader)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(Self { child, pipe: Some(writer) })
    }

    /// Tells it which process to end.
    pub(super) fn watch(&mut self, server: Option<u32>) {
        if let Some(id) = server {
            self.tell(&format!("{id}\n"));
        }
    }

    /// Tells it that the process is gone and reaped, so that it does not hit another one with the same id.
    pub(super) fn forget(&mut self) {
        self.tell("-\n");
    }

    /// Tells it to end the server and clean up.
    pub(super) fn dismiss(&mut self) {
        self.pipe = None;
    }

    /// Waits until it has cleaned up; [`Guardian::dismiss`] it first.
    pub(super) async fn finished(&mut self) {
        match self.child.wait().await {
            Ok(status) if status.success() => {}
            Ok(status) => tracing::warn!(%status, "the private server's directory could not be removed"),
            Err(error) => tracing::warn!(%error, "the guardian of the private server is lost"),
        }
    }

    fn tell(&mut self, line: &str) {
        use io::Write;
        if let Some(pipe) = &mut self.pipe
            && let Err(error) = pipe.write_all(line.as_bytes())
        {
            tracing::warn!(%error, "the guardian of the private server does not listen");
        }
    }
}
