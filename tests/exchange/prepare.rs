//! `mailprobe mailbox prepare`: scripts that PowerShell's grammar takes, for the right mailboxes.

use std::io::Write as _;
use std::process::{Command, Stdio};

use mailprobe_tests::{Scene, mailprobe, python, repository};

/// What the grammar has against a script.
fn judged(script: &str) -> (bool, String) {
    let mut judge = python()
        .arg(repository().join("tests/servers/powershell.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python runs");
    judge.stdin.take().expect("its input").write_all(script.as_bytes()).expect("it is read");
    let output = judge.wait_with_output().expect("it ends");
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

fn printed(scene: &Scene, more: &[&str]) -> String {
    let config = scene.file("config.yaml", &scene.yaml());
    let output = Command::new(mailprobe())
        .args(["mailbox", "prepare", "--print", "--config", &config])
        .args(more)
        .output()
        .expect("mailprobe runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn the_scripts_are_powershell_and_name_the_mailboxes_of_exchange_alone() {
    let mut scene = Scene::new();
    scene.mail_service("hq", "preset: exchange, host: mail.contoso.example");
    scene.mail_service("lab", "imap: { address: \"localhost:993\" }");
    scene.mailbox("alice", "hq", "\"o'neil@contoso.example\"");
    scene.mailbox("bob", "hq", "bob@contoso.example");
    scene.mailbox("carol", "lab", "carol@lab.example");
    scene.check("login: { mailbox: alice, protocols: [ews, pop3], every: 60s }");
    scene.check("directory: { mailbox: alice, of: bob, protocols: [ews], every: 15m }");
    scene.check("login: { mailbox: carol, protocols: [imap], every: 60s }");
    let prepare = printed(&scene, &[]);
    let undo = printed(&scene, &["--undo"]);
    for script in [&prepare, &undo] {
        let (well, words) = judged(script);
        assert!(well, "{words}\n{script}");
        assert!(
            script.contains("'o''neil@contoso.example'") && script.contains("bob@contoso.example"),
            "{script}"
        );
        assert!(!script.contains("carol"), "{script}");
        // One that is cut is noticed.
        let half = script.lines().take(script.lines().count() / 2).collect::<Vec<_>>().join("\n");
        assert!(!judged(&half).0);
    }
    assert!(prepare.contains("'alice' = @{ PopEnabled = $true; EwsEnabled = $true }"), "{prepare}");
    assert!(prepare.contains("$listed = @('bob')"), "{prepare}");
    // Each cmdlet that sets something has its match in the undo.
    let cmdlets = |script: &str| {
        let words = script.split(|c: char| !(c.is_alphanumeric() || c == '-'));
        let set = words.filter(|word| word.starts_with("Set-")).map(str::to_owned);
        set.collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(cmdlets(&prepare), cmdlets(&undo));
}
