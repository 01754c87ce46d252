//! Command line and exit codes; nothing else.

use std::io::{Write as _, stderr, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use mailprobe::{command, config};

/// Synthetic probes for mail services: signs in, sends, awaits, and tells Prometheus.
#[derive(Parser)]
#[command(name = "mailprobe", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve until told to stop.
    Run {
        #[command(flatten)]
        config: ConfigFiles,
    },
    /// The checks' state now: asks the running probe, or with --direct opens sessions of its own.
    ///
    /// Exit status: 0 well, 1 something failed, 2 misconfigured or unreachable, 3 nothing judged.
    Check {
        #[command(flatten)]
        args: command::check::Args,
        /// Open sessions of its own instead of asking a running probe; needs --config.
        #[arg(long, requires = "files")]
        direct: bool,
        #[command(flatten)]
        config: MaybeFiles,
    },
    /// An embedded mail service, a probe on it, and the status page.
    #[cfg(feature = "demo")]
    Demo(command::demo::Args),
    /// Refuse or accept a configuration; show what it runs; its JSON Schema.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// What an administrator does for the test mailboxes.
    #[command(subcommand)]
    Mailbox(MailboxCommand),
    /// What a code that a person sees (0x800CCC0E), or a reason (tls_failed), means, and what to do.
    Explain { word: String },
    /// The documentation that is made from the tables.
    #[command(hide = true)]
    Docs {
        #[arg(long, value_name = "FOLDER", conflicts_with = "check")]
        write: Option<PathBuf>,
        #[arg(long, value_name = "FOLDER", required_unless_present = "write")]
        check: Option<PathBuf>,
    },
}

#[derive(clap::Args)]
struct ConfigFiles {
    /// A file, or a folder of files; later ones win. May be given several times.
    #[arg(long = "config", short, value_name = "PATH", required = true)]
    files: Vec<PathBuf>,
}

#[derive(clap::Args)]
struct MaybeFiles {
    /// A file, or a folder of files; later ones win. May be given several times.
    #[arg(long = "config", short, value_name = "PATH")]
    files: Vec<PathBuf>,
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Refuse or accept: every error with its place.
    Check {
        #[command(flatten)]
        config: ConfigFiles,
        /// Each file is a site of its own: look for accounts that more than one of them uses.
        #[arg(long)]
        all_sites: bool,
    },
    /// What runs and what it costs; secrets hidden.
    Show {
        #[command(flatten)]
        config: ConfigFiles,
        /// Instead: whom the probe will contact (host, port, transport, protocol, for whom), for firewalls and network policies.
        ///
        /// `*`: a host that is told at run time, by resolv.conf, DNS, krb5.conf or a redirect, at its usual port.
        #[arg(long)]
        hosts: bool,
        /// The hosts as JSON.
        #[arg(long, requires = "hosts")]
        json: bool,
    },
    /// The JSON Schema of a configuration file.
    Schema,
}

#[derive(Subcommand)]
enum MailboxCommand {
    /// The commands that make the configured mailboxes fit, for Exchange's PowerShell; mailprobe runs none of them.
    Prepare {
        #[command(flatten)]
        config: ConfigFiles,
        /// Print them.
        #[arg(long, required = true)]
        print: bool,
        /// Those that put back what was there before.
        #[arg(long)]
        undo: bool,
    },
}

fn main() -> ExitCode {
    // Whoever needs TLS is told the provider; this is for libraries that ask for a default.
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok();
    match run(Cli::parse().command) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            writeln!(stderr(), "mailprobe: {}", mailprobe::secret::scrub(&format!("{error:#}"))).ok();
            ExitCode::from(2)
        }
    }
}

fn run(command: Command) -> anyhow::Result<u8> {
    let env = config::environment();
    let (mut out, mut err) = (stdout().lock(), stderr());
    match command {
        Command::Run { config } => {
            drop(out);
            command::run::run(config.files, env)
        }
        Command::Check { args, direct, config } => {
            drop(out);
            command::direct::check(&args, direct, config.files, env)
        }
        #[cfg(feature = "demo")]
        Command::Demo(args) => {
            drop(out);
            command::demo::run(&args)
        }
        Command::Config(ConfigCommand::Check { config, all_sites }) => {
            Ok(command::config::check(&config.files, all_sites, &env, &mut out, &mut err)?)
        }
        Command::Config(ConfigCommand::Show { config, hosts: true, json }) => {
            Ok(command::config::hosts(&config.files, json, &env, &mut out, &mut err)?)
        }
        Command::Config(ConfigCommand::Show { config, .. }) => {
            Ok(command::config::show(&config.files, &env, &mut out, &mut err)?)
        }
        Command::Config(ConfigCommand::Schema) => Ok(command::config::schema(&mut out)?),
        Command::Mailbox(MailboxCommand::Prepare { config, undo, .. }) => {
            Ok(command::mailbox::prepare(&config.files, undo, &env, &mut out, &mut err)?)
        }
        Command::Explain { word } => Ok(command::explain::explain(&word, &mut out)?),
        Command::Docs { write, check } => Ok(match (write, check) {
            (Some(folder), _) => command::docs::write(&folder, &mut out)?,
            (None, Some(folder)) => command::docs::check(&folder, &mut out)?,
            (None, None) => 2,
        }),
    }
}
