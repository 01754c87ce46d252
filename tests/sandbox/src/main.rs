//! The sandbox as a program of its own: it is told what to do line by line on standard input.

use std::{
    io::{self, BufRead as _, Write as _},
    process::ExitCode,
};

use mailprobe_sandbox::{
    Counts, Entry, ExchangeOptions, ExtendedProtection, Fault, Listener, Options, Ports, Protocol, Sandbox,
    Scheme, SessionCounts,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

const USAGE: &str =
    "usage: mailprobe-sandbox [--port-base N] [--user NAME:PASSWORD]... [--token NAME:TOKEN]... \
[--ca-file PATH] [--schemes NAME,NAME] [--extended-protection off|allow|require] [--stdin-eof-ends]

With --port-base N the ports are N+587 (submission), N+465 (submissions), N+143 (imap), N+993 (imaps),
N+110 (pop3), N+995 (pop3s), N+443 (https) and N+80 (http); without it they are free ones. --schemes are the
ways to sign in over HTTP: Negotiate, NTLM, Basic, Bearer. The addresses are printed as one line of JSON.
Then commands are read, one a line, each answered by one line of JSON:
  fault PROTOCOL FAULT    heal PROTOCOL    scenario NAME    status    counts    log
  messages USER FOLDER    deliver USER FOLDER TEXT    remove USER FOLDER
  calendar USER           user NAME PASSWORD      token NAME TOKEN      quit";

#[derive(Default)]
struct Arguments {
    ports: Ports,
    users: Vec<(String, String)>,
    tokens: Vec<(String, String)>,
    ca_file: Option<String>,
    exchange: ExchangeOptions,
    eof_ends: bool,
    help: bool,
}

fn arguments(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut arguments = Arguments::default();
    while let Some(word) = words.next() {
        let (flag, inline) = match word.split_once('=') {
            Some((flag, value)) => (flag.to_owned(), Some(value.to_owned())),
            None => (word, None),
        };
        let mut value =
            || inline.clone().or_else(|| words.next()).ok_or_else(|| format!("{flag} needs a value"));
        let pair = |text: String| {
            let (name, secret) = text.split_once(':').ok_or("a name, a colon and a secret are needed")?;
            Ok::<_, String>((name.to_owned(), secret.to_owned()))
        };
        match flag.as_str() {
            "--port-base" => {
                let base: u16 = value()?.parse().map_err(|_| "--port-base needs a number".to_owned())?;
                let above = Ports::above(base).ok_or("--port-base is too high")?;
                arguments.ports = if base == 0 { Ports::default() } else { above };
            }
            "--user" => arguments.users.push(pair(value()?)?),
            "--token" => arguments.tokens.push(pair(value()?)?),
            "--ca-file" => arguments.ca_file = Some(value()?),
            "--schemes" => arguments.exchange.schemes = schemes(&value()?)?,
            "--extended-protection" => arguments.exchange.extended_protection = protection(&value()?)?,
            "--stdin-eof-ends" => arguments.eof_ends = true,
            "--help" | "-h" => arguments.help = true,
            _ => return Err(format!("unknown argument `{flag}`")),
        }
    }
    Ok(arguments)
}

fn schemes(names: &str) -> Result<Vec<Scheme>, String> {
    let read = |name: &str| Scheme::parse(name.trim()).ok_or_else(|| format!("no scheme `{name}`"));
    names.split(',').map(read).collect()
}

fn protection(name: &str) -> Result<ExtendedProtection, String> {
    match name {
        "off" => Ok(ExtendedProtection::Off),
        "allow" => Ok(ExtendedProtection::Allow),
        "require" => Ok(ExtendedProtection::Require),
        _ => Err(format!("--extended-protection is off, allow or require, and not `{name}`")),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let ended = match arguments(std::env::args().skip(1)) {
        Ok(arguments) if arguments.help => writeln!(io::stdout(), "{USAGE}").map_err(|e| e.to_string()),
        Ok(arguments) => run(arguments).await.map_err(|error| error.to_string()),
        Err(wrong) => {
            writeln!(io::stderr(), "{wrong}\n{USAGE}").ok();
            return ExitCode::from(2);
        }
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            writeln!(io::stderr(), "mailprobe-sandbox: {error}").ok();
            ExitCode::FAILURE
        }
    }
}

fn print(value: &Value) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{value}")?;
    out.flush()
}

/// The lines of standard input; a thread reads them, for a read cannot be given up.
fn lines() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(16);
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

async fn run(arguments: Arguments) -> io::Result<()> {
    let mut terminated = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let sandbox = Sandbox::start(Options {
        ports: arguments.ports,
        exchange: arguments.exchange.clone(),
        ..Options::default()
    })
    .await?;
    for (name, password) in &arguments.users {
        sandbox.add_user(name, password);
    }
    for (name, token) in &arguments.tokens {
        sandbox.set_token(name, token);
    }
    if let Some(path) = &arguments.ca_file {
        std::fs::write(path, sandbox.ca_pem())?;
    }
    let addresses: serde_json::Map<String, Value> = Listener::ALL
        .into_iter()
        .map(|listener| (listener.name().to_owned(), json!(sandbox.address(listener).to_string())))
        .collect();
    print(&Value::Object(addresses))?;
    let mut commands = lines();
    let mut open = true;
    loop {
        tokio::select! {
            _ = terminated.recv() => break,
            interrupted = tokio::signal::ctrl_c() => {
                interrupted?;
                break;
            }
            line = commands.recv(), if open => match line {
                Some(line) if line.trim() == "quit" => break,
                Some(line) if line.trim().is_empty() => {}
                Some(line) => {
                    let answer = obey(&sandbox, &line).unwrap_or_else(|wrong| json!({ "error": wrong }));
                    print(&answer)?;
                }
                None if arguments.eof_ends => break,
                None => open = false,
            },
        }
    }
    sandbox.shutdown().await;
    Ok(())
}

fn protocol(name: &str) -> Result<Protocol, String> {
    let names = Protocol::ALL.map(Protocol::name).join(", ");
    Protocol::parse(name).ok_or_else(|| format!("no protocol `{name}`; there are {names}"))
}

fn obey(sandbox: &Sandbox, line: &str) -> Result<Value, String> {
    let words: Vec<&str> = line.trim().splitn(4, ' ').collect();
    match words[..] {
        ["fault", name, fault] => {
            let fault = Fault::parse(fault).map_err(|error| error.to_string())?;
            sandbox.set_fault(protocol(name)?, Some(fault));
            Ok(status(sandbox))
        }
        ["heal", name] => {
            sandbox.set_fault(protocol(name)?, None);
            Ok(status(sandbox))
        }
        ["scenario", name] => {
            sandbox.set_scenario(name).map_err(|error| error.to_string())?;
            Ok(status(sandbox))
        }
        ["status"] => Ok(status(sandbox)),
        ["counts"] => Ok(counts(&sandbox.counts())),
        ["log"] => Ok(json!(sandbox.log())),
        ["messages", user, folder] => {
            let stored = sandbox.messages(user, folder);
            Ok(stored.iter().map(|raw| json!(String::from_utf8_lossy(raw))).collect())
        }
        ["deliver", user, folder, text] => {
            let raw = text.replace("\\r\\n", "\n").replace("\\n", "\n").replace('\n', "\r\n");
            sandbox.deliver(user, folder, raw.as_bytes());
            Ok(json!({ "messages": sandbox.messages(user, folder).len() }))
        }
        ["calendar", user] => Ok(sandbox.calendar(user).iter().map(entry).collect()),
        ["remove", user, folder] => Ok(json!({ "removed": sandbox.remove_all(user, folder) })),
        ["user", name, password] => Ok(json!({ "address": sandbox.add_user(name, password) })),
        ["token", name, token] => {
            sandbox.set_token(name, token);
            Ok(json!({ "token": name }))
        }
        _ => Err(format!("not understood: `{line}`")),
    }
}

fn entry(entry: &Entry) -> Value {
    json!({
        "uid": entry.uid,
        "subject": entry.subject,
        "location": entry.location,
        "start": entry.start.to_string(),
        "end": entry.end.to_string(),
        "busy": entry.busy,
        "cancelled": entry.cancelled,
        "attendees": entry.attendees,
    })
}

fn status(sandbox: &Sandbox) -> Value {
    let mut faults = serde_json::Map::new();
    for protocol in Protocol::ALL {
        let fault = sandbox.fault(protocol).map(|fault| fault.to_string());
        faults.insert(protocol.name().to_owned(), json!(fault));
    }
    json!({ "scenario": sandbox.scenario(), "faults": faults })
}

fn counts(counts: &Counts) -> Value {
    let session = |s: &SessionCounts| json!({ "connections": s.connections, "signed_in": s.signed_in, "refused": s.refused });
    json!({
        "smtp": session(&counts.smtp),
        "imap": session(&counts.imap),
        "pop3": session(&counts.pop3),
        "ews": session(&counts.ews),
        "autodiscover": session(&counts.autodiscover),
        "owa": session(&counts.owa),
        "caldav": session(&counts.caldav),
        "accepted": counts.accepted,
        "delivered": counts.delivered,
        "deferred": counts.deferred,
        "lost": counts.lost,
        "doubled": counts.doubled,
    })
}
