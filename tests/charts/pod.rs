//! A rendered pod's files on this machine, laid out as the kubelet would, so that the probe's own binary judges its configuration.

use std::path::Path;
use std::process::{Command, Output};

use mailprobe_tests::{Ca, FLEET_KEY, mailprobe, repository};
use serde_json::Value;

use crate::helm::{Case, list, text};

/// ConfigMaps and Secrets that somebody else makes, and their keys.
const OTHERS: &[(&str, &[&str])] = &[
    ("corporate-ca", &["ca.crt", "bundle.pem"]),
    ("fleet", &["fleet-key"]),
    ("krb5", &["krb5.conf"]),
    ("mailprobe-config", &["config.yaml"]),
    ("mailprobe-fleet", &["fleet-key", "fleet-key-before", "signing"]),
    ("mailprobe-mailboxes", &["alice", "bob"]),
    ("probe", &["a", "b"]),
    ("probe-accra", &["alice", "carol", "proxy"]),
    ("probe-bern", &["alice.keytab"]),
    ("probe-head-office", &["alice"]),
    ("probe-lisbon", &["a", "alice", "b"]),
    ("probe-lisbon-cloud", &["carol"]),
    ("probe-oslo", &["alice"]),
    ("probe-porto-a", &["alice"]),
    ("probe-porto-b", &["bob"]),
    ("probe-web", &["web.yml"]),
];

/// What stands below such a key.
fn content(key: &str) -> Vec<u8> {
    let file = |path: &str| std::fs::read(repository().join(path)).expect("the file");
    match key {
        "ca.crt" | "bundle.pem" => Ca::new("a company").pem().as_bytes().to_vec(),
        "config.yaml" => file("probe/mailprobe.sample.yaml"),
        "web.yml" => b"basic_auth_users: {}\n".to_vec(),
        key if key.ends_with(".keytab") => file("probe/tests/config/keytab"),
        _ => FLEET_KEY.as_bytes().to_vec(),
    }
}

/// The folders of a pod, below a folder of our own.
pub(crate) struct Files {
    folder: tempfile::TempDir,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Files {
    pub(crate) fn of(case: &Case) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut files = Self { folder, arguments: Vec::new(), environment: Vec::new() };
        let pod = &case.workload()["spec"]["template"]["spec"];
        let container = &pod["containers"][0];
        for mount in list(container, "volumeMounts") {
            let volume = list(pod, "volumes").iter().find(|volume| volume["name"] == mount["name"]);
            let volume = volume.unwrap_or_else(|| panic!("{}: no volume for {mount}", case.name));
            let at = text(mount, "mountPath");
            for (name, content) in of_volume(case, volume) {
                files.write(&format!("{at}/{name}"), &content);
            }
            // The container beside writes it.
            if volume["name"] == "token" {
                files.write(&format!("{at}/carol"), b"a token");
            }
        }
        let config = |argument: &Value| Some(files.here(argument.as_str()?.strip_prefix("--config=")?));
        let configs = list(container, "args").iter().filter_map(config);
        files.arguments = configs.map(|path| format!("--config={path}")).collect();
        let variable = |of: &Value| (text(of, "name").to_owned(), files.moved(text(of, "value")));
        files.environment = list(container, "env").iter().map(variable).collect();
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

    fn write(&self, path: &str, content: &[u8]) {
        let path = self.here(path);
        std::fs::create_dir_all(Path::new(&path).parent().expect("a folder")).expect("the folder is made");
        let moved = std::str::from_utf8(content).map(|text| self.moved(text).into_bytes());
        std::fs::write(&path, moved.unwrap_or_else(|_| content.to_vec())).expect("the file is written");
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

/// Names and contents of a volume's files.
fn of_volume(case: &Case, volume: &Value) -> Vec<(String, Vec<u8>)> {
    let sources = list(&volume["projected"], "sources");
    sources.iter().chain([volume]).flat_map(|source| of_source(case, source)).collect()
}

fn of_source(case: &Case, source: &Value) -> Vec<(String, Vec<u8>)> {
    let (kind, field, from) = match (&source["configMap"], &source["secret"]) {
        (Value::Null, Value::Null) => return Vec::new(),
        (Value::Null, secret) => ("Secret", "stringData", secret),
        (map, _) => ("ConfigMap", "data", map),
    };
    let name = if from["name"].is_null() { text(from, "secretName") } else { text(from, "name") };
    let own = case.of(kind).find(|object| object["metadata"]["name"] == name);
    let mut keys: Vec<(String, Vec<u8>)> = match own {
        Some(object) => {
            let data = object[field].as_object().expect("its keys");
            data.iter()
                .map(|(key, of)| (key.clone(), of.as_str().expect("a text").as_bytes().to_vec()))
                .collect()
        }
        None => {
            let others = OTHERS.iter().find(|(other, _)| *other == name);
            let (_, keys) = others.unwrap_or_else(|| panic!("{}: nobody makes {kind} {name}", case.name));
            keys.iter().map(|key| ((*key).to_owned(), content(key))).collect()
        }
    };
    let items = list(from, "items");
    if items.is_empty() {
        return keys;
    }
    let take = |item: &Value| {
        let at = keys.iter().position(|(key, _)| *key == text(item, "key"));
        // The pod would not start.
        let at = at.unwrap_or_else(|| panic!("{}: {kind} {name} has no {}", case.name, item["key"]));
        (text(item, "path").to_owned(), std::mem::take(&mut keys[at].1))
    };
    items.iter().map(take).collect()
}
