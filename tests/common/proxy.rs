//! A TCP proxy whose connections can be cut at will.

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// Passes connections on to one port of this machine.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    cut: watch::Sender<u32>,
}

impl Proxy {
    pub(crate) async fn to(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (cut, cuts) = watch::channel(0);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut cuts = cuts.clone();
                cuts.mark_unchanged();
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(("127.0.0.1", target)).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut server) => {}
                        _ = cuts.changed() => {
                            // Both sides see a reset, as when a router forgets a connection.
                            let _ = (client.set_zero_linger(), server.set_zero_linger());
                        }
                    }
                });
            }
        });
        Self { port, cut }
    }

    /// Cuts all connections there are; new ones are passed on.
    pub(crate) fn cut(&self) {
        self.cut.send_modify(|count| *count += 1);
    }
}
