//! Notices changed files: also Kubernetes' way, which swaps a symlink beside them.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

/// Editors and mounts write in several steps.
const SETTLE: Duration = Duration::from_millis(500);
/// Some file systems tell nothing.
const LOOK: Duration = Duration::from_secs(30);

pub(super) struct Watch {
    files: Vec<PathBuf>,
    folders: BTreeSet<PathBuf>,
    seen: u64,
    events: mpsc::UnboundedReceiver<()>,
    watcher: Option<notify::RecommendedWatcher>,
}

impl Watch {
    pub(super) fn start(files: &[PathBuf]) -> Self {
        let (told, events) = mpsc::unbounded_channel();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Our own reading is told too.
            if !event.is_ok_and(|event| event.kind.is_access()) {
                told.send(()).ok();
            }
        })
        .inspect_err(|error| tracing::warn!(%error, "files are looked at every 30 s only"))
        .ok();
        let mut watch = Self { files: Vec::new(), folders: BTreeSet::new(), seen: 0, events, watcher };
        watch.follow(files);
        watch
    }

    /// These files, from now on.
    pub(super) fn follow(&mut self, files: &[PathBuf]) {
        if self.files != files {
            self.files = files.to_vec();
            let folders: BTreeSet<_> = files.iter().map(|file| folder(file)).collect();
            if let Some(watcher) = self.watcher.as_mut() {
                for gone in self.folders.difference(&folders) {
                    watcher.unwatch(gone).ok();
                }
                for new in folders.difference(&self.folders) {
                    watcher.watch(new, RecursiveMode::NonRecursive).ok();
                }
            }
            self.folders = folders;
            self.seen = digest(&self.files);
        }
    }

    /// Returns when the content of one of the files has changed.
    pub(super) async fn changed(&mut self) {
        loop {
            tokio::select! {
                event = self.events.recv() => if event.is_none() {
                    self.events = mpsc::unbounded_channel().1;
                    tokio::time::sleep(LOOK).await;
                },
                () = tokio::time::sleep(LOOK) => {}
            }
            tokio::time::sleep(SETTLE).await;
            while self.events.try_recv().is_ok() {}
            let Some(now) = self.settled().await else { continue };
            if std::mem::replace(&mut self.seen, now) != now {
                return;
            }
        }
    }

    /// The digest, once it stays the same: a file that is being written is empty for a moment.
    async fn settled(&self) -> Option<u64> {
        let mut last = None;
        loop {
            let files = self.files.clone();
            let now = tokio::task::spawn_blocking(move || digest(&files)).await.ok()?;
            if last.replace(now) == Some(now) {
                return Some(now);
            }
            tokio::time::sleep(SETTLE / 5).await;
        }
    }
}

fn folder(file: &Path) -> PathBuf {
    if file.is_dir() {
        return file.to_owned();
    }
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Of all contents; a folder counts by its names.
fn digest(files: &[PathBuf]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.hash(&mut hasher);
        if file.is_dir() {
            let mut names: Vec<_> = std::fs::read_dir(file)
                .into_iter()
                .flatten()
                .flatten()
                .map(|entry| entry.file_name())
                .collect();
            names.sort();
            names.hash(&mut hasher);
        } else {
            std::fs::read(file).ok().hash(&mut hasher);
        }
    }
    hasher.finish()
}
