//! Debian's Chromium, driven through chromium-driver: a page as a person sees it.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::http::request;
use crate::wait::{LOOK, secs};

const DRIVER: &str = "/usr/bin/chromedriver";
const CHROMIUM: &str = "/usr/bin/chromium";

/// A browser window. Dropped, it is closed.
pub struct Browser {
    driver: Child,
    address: SocketAddr,
    session: String,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// A new window, so many CSS pixels wide and high, with an empty profile.
    pub fn start(width: u32, height: u32) -> Self {
        for file in [DRIVER, CHROMIUM] {
            let there = std::path::Path::new(file).exists();
            assert!(there, "{file} is missing: apt-get install chromium chromium-driver");
        }
        let profile = tempfile::tempdir().expect("a temporary folder");
        let mut driver = Command::new(DRIVER)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver starts");
        let port = started(&mut driver);
        let mut browser = Self {
            driver,
            address: (Ipv4Addr::LOCALHOST, port).into(),
            session: String::new(),
            _profile: profile,
        };
        let folder = browser._profile.path().display();
        let capabilities = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": { "binary": CHROMIUM, "args": [
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
                "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
                "--hide-scrollbars", format!("--user-data-dir={folder}"),
            ] },
        } } });
        let answer = browser.call("POST", "/session", &capabilities);
        browser.session = answer["sessionId"].as_str().expect("a session").to_owned();
        browser.resize(width, height);
        browser
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let text = (method == "POST").then(|| body.to_string());
        let answer = request(self.address, method, path, text.as_deref(), secs(60))
            .unwrap_or_else(|error| panic!("chromedriver: {method} {path}: {error}"));
        let value: Value = serde_json::from_str(&answer.body).expect("JSON from chromedriver");
        assert!(answer.status == 200, "chromedriver: {method} {path}: {}", value["value"]["message"]);
        value["value"].clone()
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.call("POST", &format!("/session/{}{path}", self.session), body)
    }

    fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.post("/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    /// The page's size in CSS pixels, independent of any window's least width. Below 600 it is a phone.
    pub fn resize(&self, width: u32, height: u32) {
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// `dark` or `light`: what the person prefers.
    pub fn colour_scheme(&self, scheme: &str) {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", &features);
    }

    /// Loads a page.
    pub fn open(&self, url: &str) {
        self.post("/url", &json!({ "url": url }));
    }

    /// The value of a script's `return`.
    pub fn script(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// All text that shows.
    pub fn text(&self) -> String {
        self.script("return document.body ? document.body.innerText : ''")
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// The text of the first element that the selector finds.
    pub fn text_of(&self, selector: &str) -> Option<String> {
        let found = self.post(
            "/execute/sync",
            &json!({ "script": "const e = document.querySelector(arguments[0]); return e && e.innerText", "args": [selector] }),
        );
        found.as_str().map(str::to_owned)
    }

    /// Clicks on the first element that the selector finds.
    pub fn click(&self, selector: &str) {
        let element = self.post("/element", &json!({ "using": "css selector", "value": selector }));
        let id = element
            .as_object()
            .and_then(|it| it.values().next())
            .and_then(Value::as_str)
            .expect("an element")
            .to_owned();
        self.post(&format!("/element/{id}/click"), &json!({}));
    }

    /// Waits until that text shows.
    pub fn wait_for_text(&self, text: &str, deadline: Duration) {
        self.wait(&format!("the text {text:?}"), deadline, || self.text().contains(text));
    }

    /// Waits until the selector finds an element.
    pub fn wait_for(&self, selector: &str, deadline: Duration) {
        self.wait(&format!("an element {selector}"), deadline, || self.text_of(selector).is_some());
    }

    fn wait(&self, what: &str, deadline: Duration, mut condition: impl FnMut() -> bool) {
        let end = Instant::now() + deadline;
        while !condition() {
            assert!(
                Instant::now() < end,
                "waited {deadline:?} in vain for {what}; the page says:\n{}",
                self.text()
            );
            std::thread::sleep(LOOK);
        }
    }

    /// By how many pixels the page is wider than the window: 0, or a person has to scroll sideways.
    pub fn overflow(&self) -> i64 {
        self.script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
            .as_i64()
            .expect("a number")
    }

    /// What the page wrote to its console since the last call: errors of scripts, refused requests.
    pub fn console(&self) -> Vec<String> {
        let entries = self.post("/se/log", &json!({ "type": "browser" }));
        let entries = entries.as_array().cloned().unwrap_or_default();
        entries.iter().map(|entry| format!("{}: {}", entry["level"], entry["message"])).collect()
    }

    /// The whole page, also what lies below the window, as PNG.
    pub fn png(&self) -> Vec<u8> {
        let shot = self
            .devtools("Page.captureScreenshot", &json!({ "format": "png", "captureBeyondViewport": true }));
        let data = shot["data"].as_str().expect("a picture");
        base64::engine::general_purpose::STANDARD.decode(data).expect("base64")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            // Closes Chromium itself, which outlives its driver.
            request(self.address, "DELETE", &format!("/session/{}", self.session), None, secs(10)).ok();
        }
        self.driver.kill().ok();
        self.driver.wait().ok();
    }
}

/// The port that chromedriver chose.
fn started(driver: &mut Child) -> u16 {
    let mut lines = BufReader::new(driver.stdout.take().expect("its standard output")).lines();
    let port = loop {
        let line = lines.next().and_then(Result::ok).expect("chromedriver ended before it told its port");
        if let Some((_, port)) = line.split_once("started successfully on port ") {
            break port.trim_end_matches('.').parse().expect("a port");
        }
    };
    // Read on: a full pipe would stop it.
    std::thread::spawn(move || lines.for_each(drop));
    port
}
