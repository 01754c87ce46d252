//! A dashboard drawn as HTML from what its queries answer: an approximation of Grafana, to be looked at where there is none.
//!
//! It reads the committed file alone: places, units, thresholds, names of values, what stands where there is no data.

use std::fmt::Write as _;

use serde_json::Value;

use crate::json::{File, list, text};
use crate::stage::{Series, Stage};
use crate::value::{colour, shown};

/// Pixels of a column and of a line of the grid.
const COLUMN: u64 = 60;
const LINE: u64 = 36;
const SQUARES: f64 = 60.0;
const LINES: &[&str] = &[
    "#3274d9", "#e0b400", "#37872d", "#c4162a", "#8f3bb8", "#fa6400", "#1f9e9e", "#705da0", "#967302",
    "#555555",
];

/// A series with the name that its legend gives it.
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) series: Series,
}

/// The page, of so many seconds until now.
pub(crate) fn page(stage: &Stage, file: &File, seconds: f64) -> String {
    let now = stage.now();
    let mut out = format!(
        "<!doctype html><meta charset=utf-8><title>{title}</title><style>{STYLE}</style><h1>{title}</h1>\
         <p class=note>Drawn by a small program of our own from what the queries answered: an approximation, not Grafana. \
         {seconds:.0} s of three demo sites: faro is well, over SMTP and EWS lisbon's mail service says nothing, porto's probe is gone.</p><main>",
        title = escaped(text(&file.json, "title")),
    );
    let mut bottom = 0;
    for panel in list(&file.json, "panels") {
        let at = |key: &str| panel["gridPos"][key].as_u64().unwrap_or_default();
        bottom = bottom.max(at("y") + at("h"));
        let place = format!(
            "left:{}px;top:{}px;width:{}px;height:{}px",
            at("x") * COLUMN,
            at("y") * LINE,
            at("w") * COLUMN - 8,
            at("h") * LINE - 8
        );
        let title = escaped(text(panel, "title"));
        if panel["type"] == "row" {
            write!(out, "<h2 style='{place}'>{title}</h2>").ok();
            continue;
        }
        let size = (at("w") * COLUMN - 24, at("h") * LINE - 44);
        let named = answers(stage, file, panel, now, seconds);
        let body = body(panel, &named, size, now, seconds);
        write!(out, "<section style='{place}'><h3>{title}</h3>{body}</section>").ok();
    }
    write!(out, "<div style='height:{}px'></div></main>", bottom * LINE).ok();
    out
}

fn answers(stage: &Stage, file: &File, panel: &Value, now: f64, seconds: f64) -> Vec<Named> {
    let step = if panel["type"] == "status-history" { seconds / SQUARES } else { 2.0 };
    let mut out = Vec::new();
    for query in file.queries_of(panel) {
        let expr = file.filled(&query.expr, &format!("{seconds:.0}s"));
        for series in stage.ask(&expr, query.instant, now, seconds, step) {
            out.push(Named { name: legend(&query.legend, &series.labels), series });
        }
    }
    out.sort_by(|a, b| a.name.cmp(&b.name));
    out
}

/// `{{site}} · {{protocol}}` with what the labels say.
fn legend(pattern: &str, labels: &Value) -> String {
    let mut parts = pattern.split("{{");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (label, rest) = part.split_once("}}").unwrap_or((part, ""));
        out += text(labels, label);
        out += rest;
    }
    out
}

fn body(panel: &Value, named: &[Named], size: (u64, u64), now: f64, seconds: f64) -> String {
    let nothing = || {
        let word = escaped(text(&panel["fieldConfig"]["defaults"], "noValue"));
        format!("<p class=nothing>{word}</p>")
    };
    if !named.iter().any(|one| one.series.values.iter().any(|(_, value)| value.is_finite())) {
        return nothing();
    }
    match text(panel, "type") {
        "stat" => stat(panel, named),
        "status-history" => squares(panel, named, size, now, seconds),
        "timeseries" => lines(panel, named, size, now, seconds),
        "bargauge" => bars(panel, named),
        _ => table(panel, named, size),
    }
}

fn last(one: &Named) -> f64 {
    one.series
        .values
        .iter()
        .rev()
        .map(|(_, value)| *value)
        .find(|value| value.is_finite())
        .unwrap_or(f64::NAN)
}

fn stat(panel: &Value, named: &[Named]) -> String {
    let boxes: Vec<_> = named
        .iter()
        .map(|one| {
            let value = last(one);
            let name = escaped(&one.name);
            format!(
                "<div style='background:{}'><b>{}</b> {name}</div>",
                colour(panel, value),
                shown(panel, value)
            )
        })
        .collect();
    format!("<div class=stat>{}</div>", boxes.join(""))
}

fn squares(panel: &Value, named: &[Named], (width, height): (u64, u64), now: f64, seconds: f64) -> String {
    let longest = named.iter().map(|one| one.name.chars().count()).max().unwrap_or_default();
    let left = 16.0 + 6.3 * number(longest as u64);
    let rows = named.len();
    let tall = ((number(height) - 44.0) / number(rows as u64)).min(22.0);
    let wide = (number(width) - left) / (SQUARES + 1.0);
    let mut out = format!("<svg width={width} height={}>", height - 22);
    for (row, one) in named.iter().enumerate() {
        let top = number(row as u64) * tall;
        write!(
            out,
            "<text x={} y={} text-anchor=end>{}</text>",
            left - 8.0,
            top + tall * 0.72,
            escaped(&one.name)
        )
        .ok();
        for (time, value) in &one.series.values {
            let at = ((time - (now - seconds)) / (seconds / SQUARES)).round();
            write!(
                out,
                "<rect x={:.1} y={top:.1} width={:.1} height={:.1} fill='{}'/>",
                left + at * wide,
                wide - 1.5,
                tall - 2.0,
                colour(panel, *value)
            )
            .ok();
        }
    }
    let foot = number(rows as u64) * tall + 14.0;
    for part in [0.0, 0.5, 1.0] {
        let x = left + part * wide * SQUARES;
        write!(out, "<text x={x} y={foot} class=axis>{:.0} s ago</text>", seconds * (1.0 - part)).ok();
    }
    out += "</svg><div class=legend>";
    for mapping in list(&panel["fieldConfig"]["defaults"], "mappings").iter().skip(1) {
        for result in mapping["options"].as_object().into_iter().flat_map(|it| it.values()) {
            write!(
                out,
                "<i style='background:{}'></i>{} ",
                text(result, "color"),
                escaped(text(result, "text"))
            )
            .ok();
        }
    }
    out + "</div>"
}

fn lines(panel: &Value, named: &[Named], (width, height): (u64, u64), now: f64, seconds: f64) -> String {
    let keys = named.len().min(8);
    let high = number(height) - 20.0 * number(keys.div_ceil(2) as u64) - 8.0;
    let (left, wide) = (56.0, number(width) - 64.0);
    let finite =
        |one: &Named| one.series.values.iter().copied().filter(|(_, v)| v.is_finite()).collect::<Vec<_>>();
    let most = named.iter().flat_map(finite).map(|(_, value)| value).fold(0.0, f64::max);
    let most = if most > 0.0 { most * 1.1 } else { 1.0 };
    let mut out = format!("<svg width={width} height={high:.0}>");
    for part in [0.0, 0.5, 1.0] {
        let y = (high - 18.0) * (1.0 - part) + 10.0;
        write!(out, "<line x1={left} x2={} y1={y} y2={y} stroke='#ddd'/>", left + wide).ok();
        write!(
            out,
            "<text x={} y={} text-anchor=end class=axis>{}</text>",
            left - 4.0,
            y + 4.0,
            shown(panel, most * part)
        )
        .ok();
    }
    let dashes = list(&panel["fieldConfig"]["defaults"]["thresholds"], "steps").iter().skip(1);
    for (value, of) in dashes.filter_map(|step| Some((step["value"].as_f64()?, text(step, "color")))) {
        let y = (high - 18.0) * (1.0 - value / most) + 10.0;
        if y > 0.0 {
            write!(
                out,
                "<line x1={left} x2={} y1={y} y2={y} stroke='{of}' stroke-dasharray='6 4'/>",
                left + wide
            )
            .ok();
        }
    }
    for (one, stroke) in named.iter().zip(LINES.iter().cycle()) {
        let points: Vec<_> = finite(one)
            .into_iter()
            .map(|(time, value)| {
                let x = left + wide * (1.0 - (now - time) / seconds);
                format!("{x:.1},{:.1}", (high - 18.0) * (1.0 - value / most) + 10.0)
            })
            .collect();
        write!(out, "<polyline points='{}' fill=none stroke='{stroke}' stroke-width=2 />", points.join(" "))
            .ok();
    }
    out += "</svg><div class=keys>";
    for (one, stroke) in named.iter().zip(LINES.iter().cycle()).take(keys) {
        let value = shown(panel, last(one));
        write!(out, "<span><i style='background:{stroke}'></i>{} <b>{value}</b></span>", escaped(&one.name))
            .ok();
    }
    out + "</div>"
}

fn bars(panel: &Value, named: &[Named]) -> String {
    let most = named.iter().map(last).fold(f64::MIN_POSITIVE, f64::max);
    let bar = |one: &Named| {
        let value = last(one);
        let width = 50.0 * (value / most).clamp(0.0, 1.0);
        let (name, of) = (escaped(&one.name), colour(panel, value));
        format!(
            "<p>{name} <span style='display:inline-block;height:12px;width:{width}%;background:{of}'></span> {}</p>",
            shown(panel, value)
        )
    };
    named.iter().map(bar).collect()
}

fn table(panel: &Value, named: &[Named], (_, height): (u64, u64)) -> String {
    let options = &panel["transformations"][0]["options"];
    let mut columns: Vec<_> = options["indexByName"].as_object().into_iter().flatten().collect();
    columns.sort_by_key(|(_, at)| at.as_u64());
    columns.retain(|(name, _)| options["excludeByName"][name.as_str()] != true);
    let heading = |name: &str| escaped(options["renameByName"][name].as_str().unwrap_or(name));
    let mut out = "<table><tr>".to_owned();
    for (name, _) in &columns {
        write!(out, "<th>{}</th>", heading(name)).ok();
    }
    let fit = usize::try_from(height / 24).unwrap_or(1).saturating_sub(2);
    for one in named.iter().take(fit) {
        out += "<tr>";
        for (name, _) in &columns {
            let cell = match name.as_str() {
                "Value" => {
                    format!("<b style='color:{}'>{}</b>", colour(panel, last(one)), shown(panel, last(one)))
                }
                label => escaped(text(&one.series.labels, label)),
            };
            write!(out, "<td>{cell}</td>").ok();
        }
    }
    out += "</table>";
    if named.len() > fit {
        write!(out, "<p class=axis>and {} more</p>", named.len() - fit).ok();
    }
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// Pixels and rows are few.
fn number(of: u64) -> f64 {
    f64::from(u32::try_from(of).unwrap_or(u32::MAX))
}

const STYLE: &str = "body{font:13px system-ui,sans-serif;margin:16px;background:#f4f5f5;width:1440px;color:#222}\
h1{font-size:20px;margin:0 0 4px}.note{margin:0 0 12px;padding:6px 10px;background:#fff3cd;border:1px solid #e0c060}\
main{position:relative}section,h2{position:absolute;box-sizing:border-box;overflow:hidden}\
section{background:#fff;border:1px solid #ddd;padding:6px 8px}h2{margin:0;font-size:15px;padding-top:8px}\
h3{margin:0 0 4px;font-size:13px;white-space:nowrap}.nothing{color:#8e8e8e;font-size:18px;text-align:center;margin:18px 0}\
.stat{display:flex;flex-direction:column;gap:2px;height:calc(100% - 22px)}.stat div{flex:1;color:#fff;display:flex;align-items:center;justify-content:center;gap:8px}\
.stat b{font-size:26px}svg text{font-size:12px}.axis,svg .axis{font-size:11px;fill:#666;color:#666}\
.legend{font-size:12px}.legend i,.keys i{display:inline-block;width:11px;height:11px;margin:0 4px 0 8px}\
.keys{display:grid;grid-template-columns:1fr 1fr;font-size:12px;line-height:19px}table{border-collapse:collapse;width:100%}\
th,td{text-align:left;padding:3px 6px;border-bottom:1px solid #eee;white-space:nowrap;font-size:12px}";
