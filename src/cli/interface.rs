//! The control interface of a fleet of this process, as the command line asks for it.

use super::{Failure, failure::with_causes};
use clap::Args;
use std::{net::SocketAddr, sync::Arc};
#[cfg(feature = "otlp")]
use thingfleet::otlp::{Endpoint, Export};
use thingfleet::{
    control::{Control, ControlError},
    fleet::Crew,
    load::Board,
};

/// Whether and where there is a control interface.
#[derive(Debug, Args)]
pub(super) struct Interface {
    /// Where the control interface listens; a free port on 127.0.0.1 unless given
    #[arg(long, value_name = "ADDRESS", conflicts_with = "no_control")]
    control: Option<SocketAddr>,
    /// Run without a control interface
    #[arg(long)]
    no_control: bool,
    /// Send metrics to this collector of OpenTelemetry: `http://127.0.0.1:4318`
    #[cfg(feature = "otlp")]
    #[arg(long, value_name = "URL", env = "OTEL_EXPORTER_OTLP_ENDPOINT")]
    otlp: Option<Endpoint>,
}

/// What a fleet of this process is watched and steered through.
#[derive(Debug)]
pub(super) struct Opened {
    control: Option<Control>,
    #[cfg(feature = "otlp")]
    export: Option<Export>,
}

impl Opened {
    /// The control interface, if there is one.
    pub(super) fn control(&self) -> Option<&Control> {
        self.control.as_ref()
    }

    /// Closes it once what was asked is answered.
    pub(super) async fn stop(self) {
        #[cfg(feature = "otlp")]
        if let Some(export) = self.export {
            export.stop().await;
        }
        if let Some(control) = self.control {
            control.stop().await;
        }
    }
}

impl Interface {
    /// Opens it for a fleet, or for the load that it is.
    pub(super) async fn open(&self, crew: &Arc<Crew>, board: Option<Arc<Board>>) -> Result<Opened, Failure> {
        let control = self.control(crew, board.clone()).await?;
        #[cfg(feature = "otlp")]
        let export = self.otlp.clone().map(|to| Export::start(to, Arc::clone(crew), board));
        Ok(Opened {
            control,
            #[cfg(feature = "otlp")]
            export,
        })
    }

    /// Opens the control interface. A run that nobody asked to be steered goes on without it where it cannot be.
    async fn control(&self, crew: &Arc<Crew>, board: Option<Arc<Board>>) -> Result<Option<Control>, Failure> {
        if self.no_control {
            return Ok(None);
        }
        let (address, crew) = (self.control.unwrap_or(Control::ANYWHERE), Arc::clone(crew));
        let started = match board {
            Some(board) => Control::start_load(address, crew, board).await,
            None => Control::start(address, crew).await,
        };
        match started {
            Ok(control) => Ok(Some(control)),
            Err(error) if self.control.is_none() => {
                let why = with_causes(&error);
                tracing::warn!(why, next_step = error.next_step(), "there is no control interface");
                Ok(None)
            }
            Err(error @ ControlError::NotLoopback(_)) => {
                Err(Failure::input(error.to_string()).help(error.next_step()))
            }
            Err(error @ (ControlError::Listen { .. } | ControlError::Card(_))) => {
                Err(Failure::environment(with_causes(&error)).help(error.next_step()))
            }
        }
    }
}
