//! A rendered pod's files on this machine, so that the probe's own binary judges its configuration.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use mailprobe_tests::{Ca, FLEET_KEY, mailprobe, repository};

use crate::helm::{Case, list, text};

const SECRETS: &str = "/run/secrets/mailprobe/";

/// The folders of a pod, below a folder of our own.
pub(crate) struct Files {
    folder: tempfile::TempDir,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Files {
    /// As the kubelet would lay them out.
    pub(crate) fn of(case: &Case) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut files = Self { folder, arguments: Vec::new(), environment: Vec::new() };
        let pod = &case.workload()["spec"]["template"]["spec"];
        let container = &pod["containers"][0];
        let mut told = String::new();
        for argument in list(container, "args").iter().filter_map(|argument| argument.as_str()) {
            if let Some(path) = argument.strip_prefix("--config=") {
                let name = path.strip_prefix("/etc/mailprobe/").expect("a path below /etc/mailprobe");
                let content = layer(case, name);
                told += &content;
                files.write(path, &content);
                files.arguments.push(format!("--config={}", files.here(path)));
            }
        }
        assert!(files.arguments.len() >= 2, "{}: {:?}", case.name, files.arguments);
        for path in referred(&told, SECRETS) {
            is_mounted(case, &path);
            files.write(&path, FLEET_KEY);
            if path.ends_with(".keytab") {
                let keytab = repository().join("probe/tests/config/keytab");
                std::fs::copy(keytab, files.here(&path)).expect("the keytab");
            }
        }
        for path in referred(&told, "/run/token/") {
            files.write(&path, "token");
        }
        files.write("/etc/mailprobe-ca/ca.crt", Ca::new("a company").pem());
        files.write("/etc/mailprobe-web/web.yml", "basic_auth_users: {}\n");
        for variable in list(container, "env") {
            let value = text(variable, "value");
            files.environment.push((text(variable, "name").to_owned(), files.moved(value)));
        }
        files
    }

    fn here(&self, path: &str) -> String {
        format!("{}{path}", self.folder.path().display())
    }

    /// The folders of the pod are ours.
    fn moved(&self, content: &str) -> String {
        ["/etc/mailprobe", "/run/secrets/", "/run/token/"]
            .iter()
            .fold(content.to_owned(), |content, path| content.replace(path, &self.here(path)))
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.here(path);
        let folder = Path::new(&path).parent().expect("a folder");
        std::fs::create_dir_all(folder).expect("the folder is made");
        std::fs::write(&path, self.moved(content)).expect("the file is written");
    }

    /// Runs the probe's binary on the configuration, as that shard or as all of them.
    pub(crate) fn run(&self, command: &[&str], shard: Option<u64>) -> Output {
        let is_of_shard = |name: &str| name.starts_with("MAILPROBE__SHARD__");
        let mut run = Command::new(mailprobe());
        run.args(command).args(&self.arguments);
        run.envs(self.environment.iter().filter(|(name, _)| !is_of_shard(name)).cloned());
        if let Some(shard) = shard {
            run.envs(self.environment.iter().filter(|(name, _)| is_of_shard(name)).cloned());
            run.env("MAILPROBE__SHARD__INDEX", shard.to_string());
        }
        run.output().expect("mailprobe runs")
    }
}

/// A file of the folder /etc/mailprobe; where the configuration is another's, the sample stands for it.
fn layer(case: &Case, name: &str) -> String {
    let maps = case.of("ConfigMap").map(|map| &map["data"][name]);
    let secrets = case.of("Secret").map(|secret| &secret["stringData"][name]);
    match maps.chain(secrets).find_map(|content| content.as_str()) {
        Some(content) => content.to_owned(),
        None => {
            assert_eq!((name, text(&case.values, "config")), ("mailprobe.yaml", ""), "{}", case.name);
            let sample = repository().join("probe/mailprobe.sample.yaml");
            std::fs::read_to_string(sample).expect("the sample")
        }
    }
}

/// The paths in a text that begin so.
fn referred(text: &str, prefix: &str) -> BTreeSet<String> {
    let is_end = |c: char| c.is_whitespace() || "\"',}]".contains(c);
    let rests = text.split(prefix).skip(1);
    rests.map(|rest| format!("{prefix}{}", rest.split(is_end).next().unwrap_or_default())).collect()
}

/// Some Secret of the pod has, or may have, that file.
fn is_mounted(case: &Case, path: &str) {
    let (_, pod) = &case.pods()[0];
    let volume =
        list(pod, "volumes").iter().find(|volume| volume["name"] == "secrets").expect("a volume of secrets");
    let name = path.strip_prefix(SECRETS).expect("a path of a secret");
    let fits = |source: &serde_json::Value| {
        let items = list(&source["secret"], "items");
        items.is_empty() || items.iter().any(|item| item["path"] == name)
    };
    assert!(list(&volume["projected"], "sources").iter().any(fits), "{}: nothing mounts {path}", case.name);
}
