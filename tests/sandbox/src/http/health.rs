//! The page by which load balancers tell whether a protocol is up.

use super::{
    Http,
    reply::{HTML, Reply},
};

/// The folders that have one.
const FOLDERS: [&str; 8] =
    ["owa", "ews", "mapi", "oab", "autodiscover", "ecp", "rpc", "microsoft-server-activesync"];

/// Whether a path lies in one of them; the path is in lower case.
pub(super) fn is_known(path: &str) -> bool {
    path.split('/').nth(1).is_some_and(|folder| FOLDERS.contains(&folder))
}

/// Answers `/FOLDER/healthcheck.htm`; the path is in lower case.
pub(super) fn answer(http: &Http, path: &str) -> Reply {
    let folder = path.strip_prefix('/').and_then(|path| path.strip_suffix("/healthcheck.htm"));
    if folder.is_some_and(|folder| FOLDERS.contains(&folder)) {
        Reply::new(200, HTML, format!("200 OK<br/>{}", http.shared.options.host.to_uppercase()))
    } else {
        Reply::text(404, "There is no such page.\r\n")
    }
}
