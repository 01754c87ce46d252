//! What Grafana's classic dashboards are made of here, and how it becomes JSON.
//!
//! Only what is used: six kinds of panels, queries of one Prometheus, a grid that is filled from left to right.

use serde_json::{Value, json};

use crate::alert::Dashboard;

/// The version of the classic format.
pub const SCHEMA: u32 = 41;
/// What dashboard-linter is not asked for, and why.
pub const EXCLUDED: &str = "\
exclusions:
  template-job-rule:
    reason: A site is one probe, whatever job scrapes it; recording rules drop what Prometheus adds.
  template-instance-rule:
    reason: A site is one probe, whatever pod it runs in; recording rules drop what Prometheus adds.
  target-job-rule:
    reason: As template-job-rule.
  target-instance-rule:
    reason: As template-instance-rule.
";
/// The panels' width in Grafana's units.
const WIDTH: u32 = 24;

/// One dashboard.
pub struct Board {
    pub is: Dashboard,
    pub title: &'static str,
    pub description: &'static str,
    /// How far back it looks at first: `now-6h`.
    pub from: &'static str,
    pub variables: Vec<Variable>,
    pub rows: Vec<(&'static str, Vec<Panel>)>,
    pub annotations: Vec<Annotation>,
}

/// What is chosen at the top.
pub struct Variable {
    pub name: &'static str,
    pub label: &'static str,
    /// `label_values(…)`
    pub query: String,
    /// What stands for all of them.
    pub all: &'static str,
}

/// Marks in the time of every panel.
pub struct Annotation {
    pub name: &'static str,
    pub colour: Colour,
    pub expr: String,
    pub title: &'static str,
    pub text: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    Good,
    Soft,
    Warn,
    Bad,
    /// Not held against the mail service.
    Excused,
    /// The probe lives and did not judge it.
    Unjudged,
    /// Nothing is known.
    Unknown,
    /// A number that is neither good nor bad.
    Plain,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum View {
    Stat,
    Series,
    Stacked,
    /// Squares of states in time.
    States,
    Table,
    Bars,
}

/// One query.
pub struct Query {
    pub expr: String,
    /// `{{site}}`
    pub legend: &'static str,
}

/// A value that has a name of its own.
pub struct Name {
    pub value: i8,
    pub text: &'static str,
    pub colour: Colour,
}

/// Where a click leads.
pub struct Link {
    pub title: &'static str,
    pub to: Dashboard,
    /// Labels of what was clicked that the other dashboard is asked for.
    pub labels: &'static [&'static str],
}

/// One panel.
pub struct Panel {
    pub view: View,
    pub title: &'static str,
    /// What it answers, and what to make of it.
    pub answers: String,
    pub queries: Vec<Query>,
    pub unit: &'static str,
    pub width: u32,
    pub height: u32,
    /// From which value on which colour holds; a number or a knob.
    pub steps: Vec<(&'static str, Colour)>,
    pub base: Colour,
    pub names: &'static [Name],
    pub links: Vec<Link>,
    /// What stands where there is no data.
    pub nothing: &'static str,
    /// Of a table: its labels, and the value's heading where the value says something.
    pub columns: &'static [&'static str],
    pub value: Option<&'static str>,
}

/// A panel without queries.
pub fn panel(view: View, title: &'static str, answers: &str) -> Panel {
    let (width, height) = match view {
        View::Stat => (4, 4),
        View::States => (24, 10),
        View::Series | View::Stacked | View::Table | View::Bars => (12, 8),
    };
    Panel {
        view,
        title,
        answers: answers.to_owned(),
        queries: Vec::new(),
        unit: "short",
        width,
        height,
        steps: Vec::new(),
        base: if view == View::Stat { Colour::Good } else { Colour::Plain },
        names: &[],
        links: Vec::new(),
        nothing: "no data",
        columns: &[],
        value: None,
    }
}

impl Panel {
    pub fn ask(mut self, expr: impl Into<String>, legend: &'static str) -> Self {
        self.queries.push(Query { expr: expr.into(), legend });
        self
    }

    pub fn unit(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }

    pub fn size(self, width: u32, height: u32) -> Self {
        Self { width, height, ..self }
    }

    pub fn from(mut self, value: &'static str, colour: Colour) -> Self {
        self.steps.push((value, colour));
        self
    }

    pub fn base(self, base: Colour) -> Self {
        Self { base, ..self }
    }

    pub fn names(self, names: &'static [Name]) -> Self {
        Self { names, unit: "none", ..self }
    }

    pub fn link(mut self, title: &'static str, to: Dashboard, labels: &'static [&'static str]) -> Self {
        self.links.push(Link { title, to, labels });
        self
    }

    /// Where an empty answer is the good one, or has a reason.
    pub fn nothing(self, nothing: &'static str) -> Self {
        Self { nothing, ..self }
    }

    pub fn columns(self, columns: &'static [&'static str], value: Option<&'static str>) -> Self {
        Self { columns, value, ..self }
    }
}

impl Colour {
    /// Told apart by those who do not see red and green, too; a text stands beside each.
    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "#5aa64b",
            Self::Soft => "#e8c547",
            Self::Warn => "#f08c2e",
            Self::Bad => "#c4162a",
            Self::Excused => "#5794f2",
            Self::Unjudged => "#c3c3c3",
            Self::Unknown => "#8e8e8e",
            Self::Plain => "#6e9fd6",
        }
    }
}

/// The data source that is chosen at the top.
fn source() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

impl Board {
    /// The file, with the knobs still in it.
    pub fn file(&self) -> String {
        let text = serde_json::to_string_pretty(&self.json()).unwrap_or_default();
        // A knob that is a number stands without quotes.
        text.replace("\"<[[", "[[").replace("]]>\"", "]]") + "\n"
    }

    fn json(&self) -> Value {
        json!({
            "annotations": { "list": self.annotations.iter().map(Annotation::json).collect::<Vec<_>>() },
            "description": self.description,
            "editable": false,
            "graphTooltip": 1,
            "links": [{
                "asDropdown": true, "icon": "external link", "includeVars": true, "keepTime": true, "tags": ["mailprobe"],
                "targetBlank": false, "title": "mailprobe", "tooltip": "", "type": "dashboards", "url": "",
            }],
            "panels": self.panels(),
            "refresh": "1m",
            "schemaVersion": SCHEMA,
            "tags": ["mailprobe", "mail"],
            "templating": { "list": self.variables() },
            "time": { "from": self.from, "to": "now" },
            "timepicker": {},
            "timezone": "browser",
            "title": self.title,
            "uid": self.is.uid(),
        })
    }

    fn variables(&self) -> Vec<Value> {
        let mut out = vec![json!({
            "current": { "text": "default", "value": "default" }, "hide": 0, "includeAll": false, "label": "Data source", "multi": false, "name": "datasource",
            "options": [], "query": "prometheus", "refresh": 1, "regex": "", "type": "datasource",
        })];
        out.extend(self.variables.iter().map(|variable| {
            json!({
                "allValue": variable.all, "current": { "selected": true, "text": ["All"], "value": ["$__all"] },
                "datasource": source(), "hide": 0, "includeAll": true, "label": variable.label,
                "multi": true, "name": variable.name, "options": [], "query": variable.query, "refresh": 2, "regex": "",
                "sort": 1, "type": "query",
            })
        }));
        out
    }

    /// The rows one below the other; what does not fit beside the last panel begins a new line.
    fn panels(&self) -> Vec<Value> {
        let mut out = Vec::new();
        let mut top = 0;
        for (title, panels) in &self.rows {
            out.push(json!({
                "collapsed": false, "gridPos": { "h": 1, "w": WIDTH, "x": 0, "y": top }, "id": out.len() + 1, "panels": [],
                "title": title, "type": "row",
            }));
            top += 1;
            let (mut left, mut tall) = (0, 0);
            for panel in panels {
                if left + panel.width > WIDTH {
                    (top, left, tall) = (top + tall, 0, 0);
                }
                let place = json!({ "h": panel.height, "w": panel.width, "x": left, "y": top });
                out.push(panel.json(out.len() + 1, &place));
                (left, tall) = (left + panel.width, tall.max(panel.height));
            }
            top += tall;
        }
        out
    }
}

impl Annotation {
    fn json(&self) -> Value {
        json!({
            "datasource": source(), "enable": true, "expr": self.expr, "hide": false, "iconColor": self.colour.name(),
            "name": self.name, "step": "60s", "tagKeys": "severity", "textFormat": self.text, "titleFormat": self.title,
        })
    }
}

impl Panel {
    fn json(&self, id: usize, place: &Value) -> Value {
        let mut out = json!({
            "datasource": source(),
            "description": self.answers,
            "fieldConfig": { "defaults": self.defaults(), "overrides": self.overrides() },
            "gridPos": place,
            "id": id,
            "options": self.options(),
            "targets": self.targets(),
            "title": self.title,
            "type": self.kind(),
        });
        if self.view == View::States {
            // Grafana refuses to draw more squares than there are pixels.
            out["maxDataPoints"] = json!(60);
        }
        if self.view == View::Table {
            out["transformations"] = self.transformations();
        }
        out
    }

    fn kind(&self) -> &'static str {
        match self.view {
            View::Stat => "stat",
            View::Series | View::Stacked => "timeseries",
            View::States => "status-history",
            View::Table => "table",
            View::Bars => "bargauge",
        }
    }

    fn targets(&self) -> Vec<Value> {
        let instant = matches!(self.view, View::Table | View::Bars);
        let format = if self.view == View::Table { "table" } else { "time_series" };
        let letters = 'A'..='Z';
        self.queries
            .iter()
            .zip(letters)
            .map(|(query, letter)| {
                json!({
                    "datasource": source(), "editorMode": "code", "expr": query.expr, "format": format, "instant": instant,
                    "legendFormat": query.legend, "range": !instant, "refId": letter.to_string(),
                })
            })
            .collect()
    }

    fn defaults(&self) -> Value {
        let steps: Vec<_> = std::iter::once(json!({ "color": self.base.name(), "value": null }))
            .chain(
                self.steps
                    .iter()
                    .map(|(from, colour)| json!({ "color": colour.name(), "value": number(from) })),
            )
            .collect();
        let mut out = json!({
            "color": { "mode": if self.judges() { "thresholds" } else { "palette-classic" } },
            "custom": self.custom(),
            "links": self.links.iter().map(|link| link.json(self.view)).collect::<Vec<_>>(),
            "mappings": self.mappings(),
            "noValue": self.nothing,
            "thresholds": { "mode": "absolute", "steps": steps },
            "unit": self.unit,
        });
        // No duration, share or count of ours is below zero; a share of budget may be.
        if matches!(self.unit, "s" | "short" | "bytes") && self.names.is_empty() {
            out["min"] = json!(0);
        }
        out
    }

    fn judges(&self) -> bool {
        !matches!(self.view, View::Series | View::Stacked)
    }

    fn mappings(&self) -> Vec<Value> {
        let mut out = vec![json!({
            "type": "special",
            "options": { "match": "null+nan", "result": { "color": Colour::Unknown.name(), "index": 0, "text": self.nothing } },
        })];
        for (at, name) in self.names.iter().enumerate() {
            let result = json!({ "color": name.colour.name(), "index": at + 1, "text": name.text });
            out.push(json!({ "type": "value", "options": { name.value.to_string(): result } }));
        }
        out
    }

    fn custom(&self) -> Value {
        match self.view {
            View::Series | View::Stacked => json!({
                "drawStyle": "line", "fillOpacity": if self.view == View::Stacked { 40 } else { 0 }, "lineWidth": 2,
                "showPoints": "auto", "spanNulls": false,
                "stacking": { "group": "A", "mode": if self.view == View::Stacked { "normal" } else { "none" } },
                "thresholdsStyle": { "mode": if self.steps.is_empty() { "off" } else { "dashed" } },
            }),
            View::States => json!({ "fillOpacity": 90, "lineWidth": 1 }),
            View::Table => json!({ "align": "auto", "filterable": true, "inspect": false }),
            View::Stat | View::Bars => json!({}),
        }
    }

    fn options(&self) -> Value {
        let reduce = json!({ "calcs": ["lastNotNull"], "fields": "", "values": false });
        let tooltip = json!({ "mode": "multi", "sort": "desc" });
        match self.view {
            View::Stat => json!({
                "colorMode": "background", "graphMode": "none", "justifyMode": "auto", "orientation": "auto",
                "percentChangeColorMode": "standard", "reduceOptions": reduce, "showPercentChange": false,
                "textMode": "auto", "wideLayout": true,
            }),
            View::Series | View::Stacked => json!({
                "legend": { "calcs": ["lastNotNull", "max"], "displayMode": "table", "placement": "bottom", "showLegend": true },
                "tooltip": tooltip,
            }),
            View::States => json!({
                "colWidth": 0.95, "legend": { "calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": true },
                "perPage": 60, "rowHeight": 0.9, "showValue": "never", "tooltip": tooltip,
            }),
            View::Table => {
                json!({ "cellHeight": "sm", "enablePagination": true, "frameIndex": 0, "showHeader": true })
            }
            View::Bars => json!({
                "displayMode": "basic", "legend": { "calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": false },
                "maxVizHeight": 300, "minVizHeight": 16, "minVizWidth": 8, "namePlacement": "left", "orientation": "horizontal",
                "reduceOptions": reduce, "showUnfilled": true, "sizing": "auto", "valueMode": "color",
            }),
        }
    }

    /// The value of a table alone has a colour.
    fn overrides(&self) -> Vec<Value> {
        let Some(heading) = self.value.filter(|_| self.view == View::Table) else { return Vec::new() };
        vec![json!({
            "matcher": { "id": "byName", "options": heading },
            "properties": [{ "id": "custom.cellOptions", "value": { "type": "color-text" } }],
        })]
    }

    /// The labels in their order, under their own names, which links need; not the time.
    fn transformations(&self) -> Value {
        let mut order = serde_json::Map::new();
        let mut headings = serde_json::Map::new();
        for (at, label) in self.columns.iter().enumerate() {
            order.insert((*label).to_owned(), json!(at));
        }
        let mut hidden = json!({ "Time": true });
        match self.value {
            Some(heading) => _ = headings.insert("Value".to_owned(), json!(heading)),
            None => hidden["Value"] = json!(true),
        }
        order.insert("Value".to_owned(), json!(self.columns.len()));
        json!([{
            "id": "organize",
            "options": { "excludeByName": hidden, "includeByName": {}, "indexByName": order, "renameByName": headings },
        }])
    }
}

impl Link {
    fn json(&self, view: View) -> Value {
        let label = |label: &str| match view {
            View::Table => format!("${{__data.fields.{label}}}"),
            _ => format!("${{__field.labels.{label}}}"),
        };
        let variables: String = self.labels.iter().map(|of| format!("&var-{of}={}", label(of))).collect();
        json!({
            "targetBlank": false,
            "title": self.title,
            "url": format!("/d/{}?${{__url_time_range}}&${{datasource:queryparam}}{variables}", self.to.uid()),
        })
    }
}

/// A knob is filled in later, and is a number then.
fn number(text: &str) -> Value {
    match text.parse::<f64>() {
        Ok(number) => json!(number),
        Err(_) => json!(format!("<{text}>")),
    }
}
