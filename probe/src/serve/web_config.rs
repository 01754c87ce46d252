//! `web_config_file`: TLS, basic authentication and headers, in the format of the Prometheus exporters.
//!
//! <https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md>; what is not supported is
//! refused by name, never silently left out. Read again when a file changes; a bad change leaves all as it was.

mod read;
mod users;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::http::HeaderMap;
use rustls::ServerConfig;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

pub(super) use users::Users;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(5);

/// Why a `web_config_file` is refused.
#[derive(Debug, thiserror::Error)]
#[error("{}: {what}", .file.display())]
pub struct WebConfigError {
    pub file: PathBuf,
    pub what: String,
}

/// The web configuration in force.
pub struct Web {
    file: ArcSwap<Option<PathBuf>>,
    current: ArcSwap<Settings>,
}

/// What a `web_config_file` says.
#[derive(Default)]
pub(super) struct Settings {
    tls: Option<Arc<ServerConfig>>,
    pub headers: HeaderMap,
    pub users: Users,
    /// Of the file and of those that it names.
    fingerprint: u64,
}

impl Web {
    /// Plain HTTP for everybody where no file is given.
    ///
    /// # Errors
    /// When the file, or one that it names, cannot be used.
    pub fn load(file: Option<&Path>) -> Result<Arc<Self>, WebConfigError> {
        let web = Arc::new(Self {
            file: ArcSwap::from_pointee(file.map(Path::to_path_buf)),
            current: ArcSwap::default(),
        });
        web.current.store(Arc::new(settings(file)?));
        Ok(web)
    }

    /// Another file, for a plan that names another; an error leaves all as it was.
    ///
    /// # Errors
    /// When the file, or one that it names, cannot be used.
    pub fn apply(&self, file: Option<&Path>) -> Result<(), WebConfigError> {
        let new = settings(file)?;
        self.file.store(Arc::new(file.map(Path::to_path_buf)));
        self.current.store(Arc::new(new));
        Ok(())
    }

    /// Reads the files again when they change, until `stop`.
    pub async fn watch(self: Arc<Self>, stop: CancellationToken) {
        let mut refused = None;
        while stop.run_until_cancelled(sleep(LOOK)).await.is_some() {
            let file = self.file.load_full();
            let Some(path) = file.as_ref().clone() else { continue };
            let Ok(read) = tokio::task::spawn_blocking(move || settings(Some(&path))).await else { continue };
            match read {
                Ok(new) if new.fingerprint != self.current.load().fingerprint => {
                    self.current.store(Arc::new(new));
                    tracing::info!("the web configuration was read again");
                    refused = None;
                }
                Ok(_) => refused = None,
                Err(error) => {
                    let error = error.to_string();
                    if refused.as_ref() != Some(&error) {
                        tracing::error!(%error, "the changed web configuration is refused, the old one stays");
                    }
                    refused = Some(error);
                }
            }
        }
    }

    /// Whether clients must speak TLS.
    pub fn serves_tls(&self) -> bool {
        self.tls().is_some()
    }

    pub(super) fn tls(&self) -> Option<Arc<ServerConfig>> {
        self.current.load().tls.clone()
    }

    pub(super) fn settings(&self) -> Arc<Settings> {
        self.current.load_full()
    }
}

fn settings(file: Option<&Path>) -> Result<Settings, WebConfigError> {
    let Some(file) = file else { return Ok(Settings::default()) };
    read::settings(file).map_err(|what| WebConfigError { file: file.to_owned(), what })
}
