//! One line of the log.

use serde::Serializer as _;
use serde::ser::SerializeMap as _;
use tracing::Level;

use crate::clock;
use crate::config::plan::LogFormat;
use crate::export::state::Stamp;
use crate::secret;

/// A value's most; what a server said is cut long before.
const MOST: usize = 2048;

/// Fields in the order in which they are put.
pub(super) struct Line {
    fields: Vec<(&'static str, Value)>,
}

enum Value {
    Text(String),
    Whole(u32),
    Number(f64),
}

impl Line {
    pub(super) fn new(level: Level) -> Self {
        let mut line = Self { fields: Vec::with_capacity(40) };
        line.put("ts", &Stamp::new(clock::wall()).to_string());
        line.put(
            "level",
            match level {
                Level::ERROR => "error",
                Level::WARN => "warn",
                Level::INFO => "info",
                _ => "debug",
            },
        );
        line
    }

    /// An empty value is left out.
    pub(super) fn put(&mut self, name: &'static str, value: &str) {
        if value.is_empty() {
            return;
        }
        let mut end = value.len().min(MOST);
        while !value.is_char_boundary(end) {
            end -= 1;
        }
        // Before it is escaped: a secret with a quote in it would not be found afterwards.
        let value = secret::scrub(value.get(..end).unwrap_or_default());
        self.fields.push((name, Value::Text(value)));
    }

    pub(super) fn whole(&mut self, name: &'static str, value: u32) {
        self.fields.push((name, Value::Whole(value)));
    }

    pub(super) fn number(&mut self, name: &'static str, value: f64) {
        self.fields.push((name, Value::Number(value)));
    }

    pub(super) fn text(&self, format: LogFormat) -> String {
        let mut text = match format {
            LogFormat::Json => self.json(),
            LogFormat::Logfmt => self.logfmt(),
        };
        text.push('\n');
        text
    }

    fn logfmt(&self) -> String {
        let mut out = String::new();
        for (name, value) in &self.fields {
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(name);
            out.push('=');
            match value {
                Value::Whole(number) => out.push_str(&number.to_string()),
                Value::Number(number) => out.push_str(&number.to_string()),
                Value::Text(text) if plain(text) => out.push_str(text),
                // The escapes of JSON are those of logfmt.
                Value::Text(text) => out.push_str(&serde_json::to_string(text).unwrap_or_default()),
            }
        }
        out
    }

    fn json(&self) -> String {
        let mut out = Vec::new();
        let mut serializer = serde_json::Serializer::new(&mut out);
        let written = (|| {
            let mut map = serializer.serialize_map(None)?;
            for (name, value) in &self.fields {
                match value {
                    Value::Text(text) => map.serialize_entry(name, text)?,
                    Value::Whole(number) => map.serialize_entry(name, number)?,
                    Value::Number(number) => map.serialize_entry(name, number)?,
                }
            }
            map.end()
        })();
        // Text and finite numbers: it cannot fail, and a log may not panic.
        if written.is_err() {
            return "{}".to_owned();
        }
        String::from_utf8(out).unwrap_or_default()
    }
}

fn plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'=' | b'\\'))
}
