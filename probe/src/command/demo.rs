//! `mailprobe demo`: an embedded mail service, a probe on it, the status page.

/// The arguments of `mailprobe demo`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// What the mail service is like; it can be changed on the page.
    #[arg(long, default_value = "healthy")]
    pub scenario: String,
}

/// # Errors
/// What stands in the way.
pub fn run(_: &Args) -> anyhow::Result<u8> {
    anyhow::bail!("not yet")
}
