//! `mailprobe config check|show|schema`: accept or refuse; what runs and what it costs; the schema.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

use super::show;
use crate::config::hosts::contacts;
use crate::config::{self, Plan, Problems, raw};

/// Accepted.
const WELL: u8 = 0;
/// Refused.
const MISCONFIGURED: u8 = 2;

/// Accepts or refuses a configuration; answers the exit code. With `all_sites` each path is a site's own configuration,
/// and they are compared with each other; else the paths are layers of one.
///
/// # Errors
/// When nothing can be written.
pub fn check(
    paths: &[PathBuf],
    all_sites: bool,
    env: &BTreeMap<String, String>,
    out: &mut impl Write,
    err: &mut impl Write,
) -> io::Result<u8> {
    let mut plans = Vec::new();
    let mut code = WELL;
    let sites: Vec<&[PathBuf]> = if all_sites { paths.chunks(1).collect() } else { vec![paths] };
    for paths in sites {
        match config::load(paths, env) {
            Ok(plan) => plans.push(plan),
            Err(problems) => code = refuse(&problems, err)?,
        }
    }
    for plan in &plans {
        for warning in &plan.warnings {
            writeln!(err, "warning: {warning}")?;
        }
    }
    for warning in shared_accounts(&plans) {
        writeln!(err, "warning: {warning}")?;
    }
    for plan in plans.iter().filter(|_| code == WELL) {
        let (checks, mailboxes) = (plan.checks.len(), plan.mailboxes.len());
        writeln!(out, "{}: well, {checks} checks of {mailboxes} mailboxes", plan.site)?;
    }
    Ok(code)
}

/// Prints what runs, secrets hidden, and what it costs; answers the exit code.
///
/// # Errors
/// When nothing can be written.
pub fn show(
    paths: &[PathBuf],
    env: &BTreeMap<String, String>,
    out: &mut impl Write,
    err: &mut impl Write,
) -> io::Result<u8> {
    match config::load(paths, env) {
        Ok(plan) => {
            out.write_all(show::plan(&plan).as_bytes())?;
            Ok(WELL)
        }
        Err(problems) => refuse(&problems, err),
    }
}

/// Prints whom the probe will contact, a line each or as JSON; answers the exit code.
///
/// # Errors
/// When nothing can be written.
pub fn hosts(
    paths: &[PathBuf],
    json: bool,
    env: &BTreeMap<String, String>,
    out: &mut impl Write,
    err: &mut impl Write,
) -> io::Result<u8> {
    let contacts = match config::load(paths, env) {
        Ok(plan) => contacts(&plan),
        Err(problems) => return refuse(&problems, err),
    };
    if json {
        serde_json::to_writer_pretty(&mut *out, &contacts)?;
        writeln!(out)?;
    } else {
        for contact in &contacts {
            writeln!(out, "{contact}")?;
        }
    }
    Ok(WELL)
}

/// Prints the JSON Schema; answers the exit code.
///
/// # Errors
/// When nothing can be written.
pub fn schema(out: &mut impl Write) -> io::Result<u8> {
    let schema = schemars::schema_for!(raw::Config);
    serde_json::to_writer_pretty(&mut *out, &schema)?;
    writeln!(out)?;
    Ok(WELL)
}

fn refuse(problems: &Problems, err: &mut impl Write) -> io::Result<u8> {
    writeln!(err, "{problems}")?;
    Ok(MISCONFIGURED)
}

/// Accounts that more than one site uses: their probes would disturb, and sweep, each other.
fn shared_accounts(plans: &[Plan]) -> Vec<String> {
    let mut users: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for plan in plans {
        for mailbox in plan.mailboxes.values() {
            let hosts: Vec<_> = mailbox.mail_service.endpoints.values().map(|end| &*end.host).collect();
            let account = (mailbox.address.to_string(), hosts.join(" "));
            let user = format!("{} ({})", plan.site, mailbox.name);
            users.entry(account).or_default().push(user);
        }
    }
    users
        .into_iter()
        .filter(|(_, users)| users.len() > 1)
        .map(|((address, _), users)| {
            format!(
                "the account {address} is used more than once: {}; one account, one site",
                users.join(", ")
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn sample(dir: &Path, site: &str) -> PathBuf {
        for name in ["fleet-key", "alice", "bob"] {
            std::fs::write(dir.join(name), format!("{name}-0123456789abcdef\n")).unwrap();
        }
        let text = include_str!("../../mailprobe.sample.yaml")
            .replace("/run/secrets/mailprobe/", "")
            .replace("site: lisbon", &format!("site: {site}"))
            .replace("probe-${site}-b", "shared");
        let path = dir.join(format!("{site}.yaml"));
        std::fs::write(&path, text).unwrap();
        path
    }

    fn run(run: impl FnOnce(&mut Vec<u8>, &mut Vec<u8>) -> io::Result<u8>) -> (u8, String, String) {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = run(&mut out, &mut err).unwrap();
        (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
    }

    #[test]
    fn accounts_of_two_sites_are_warned_of() {
        let dir = tempfile::tempdir().unwrap();
        let paths = [sample(dir.path(), "lisbon"), sample(dir.path(), "oslo")];
        let (code, out, err) = run(|out, err| check(&paths, true, &BTreeMap::new(), out, err));
        assert_eq!(code, WELL);
        assert_eq!(out, "lisbon: well, 4 checks of 2 mailboxes\noslo: well, 4 checks of 2 mailboxes\n");
        assert_eq!(
            err,
            "warning: the account shared@example.com is used more than once: lisbon (bob), oslo (bob); one account, one site\n"
        );
    }

    #[test]
    fn a_refused_configuration_is_exit_code_2() {
        let paths = [PathBuf::from("tests/config/empty.yaml")];
        let (code, out, err) = run(|out, err| check(&paths, false, &BTreeMap::new(), out, err));
        assert_eq!((code, out.as_str()), (MISCONFIGURED, ""));
        assert_eq!(err, "tests/config/empty.yaml: found an empty file, expected a configuration\n");
    }

    #[test]
    fn what_is_shown_has_costs_and_no_secret() {
        let dir = tempfile::tempdir().unwrap();
        let path = sample(dir.path(), "lisbon");
        let more = dir.path().join("more.yaml");
        std::fs::write(&more, "mailboxes: { bob: { auth: { password_file: null, password: hunter2 } } }")
            .unwrap();
        let paths = [path, more];
        let (code, out, _) = run(|out, err| show(&paths, &BTreeMap::new(), out, err));
        assert_eq!(code, WELL);
        assert!(!out.contains("hunter2") && !out.contains("0123456789abcdef"), "{out}");
        assert!(out.contains("password: <hidden>"), "{out}");
        let cost = "    roundtrip-alice-bob-smtp: { every: 1m, messages_per_hour: 60, messages_per_day: 1440, \
                    sessions_per_hour: 122, kept_sessions: 1, series:";
        assert!(out.contains(cost), "{out}");
        // What is shown is YAML, and what was written: it reads back.
        assert!(config::load_str("shown.yaml", &out).unwrap_err().to_string().contains("costs"), "{out}");
    }

    #[test]
    fn contacts_are_lines_or_json() {
        let dir = tempfile::tempdir().unwrap();
        let paths = [sample(dir.path(), "lisbon")];
        let (code, out, _) = run(|out, err| hosts(&paths, false, &BTreeMap::new(), out, err));
        assert_eq!(code, WELL);
        assert!(
            out.starts_with("* 53 tcp dns hq\n* 53 udp dns hq\nmail.example.com 587 tcp smtp hq\n"),
            "{out}"
        );
        let (_, out, _) = run(|out, err| hosts(&paths, true, &BTreeMap::new(), out, err));
        let listed: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(listed[0]["host"], serde_json::Value::Null);
        let smtp = serde_json::json!(
            { "host": "mail.example.com", "port": 587, "transport": "tcp", "protocol": "smtp", "of": "hq" }
        );
        assert_eq!(listed[2], smtp);
        let paths = [PathBuf::from("tests/config/empty.yaml")];
        assert_eq!(run(|out, err| hosts(&paths, true, &BTreeMap::new(), out, err)).0, MISCONFIGURED);
    }

    #[test]
    fn the_schema_knows_the_keys_and_their_meaning() {
        let (code, out, _) = run(|out, _| schema(out));
        assert_eq!(code, WELL);
        let schema: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(schema["additionalProperties"], false);
        assert!(schema["properties"]["auth_pause"]["description"].as_str().unwrap().contains("35m"));
        assert!(schema["$defs"]["Roundtrip"]["properties"]["views"].is_object());
    }
}
