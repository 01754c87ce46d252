//! An alert with its condition broken.

use mailprobe_dashboards::alert::Alert;

/// Comparisons and what they are turned into; the longer first.
const TURNED: &[(&str, &str)] =
    &[(">=", "<"), ("<=", ">"), ("==", "!="), ("!=", "=="), (">", "<="), ("<", ">=")];

/// Never true, and each comparison turned round; with a word on what was done.
pub(crate) fn mutants(alert: &Alert) -> Vec<(String, Alert)> {
    let never = format!("({}) unless on () vector(1)", alert.expr);
    let mut all = vec![("never true".to_owned(), with(alert, never))];
    for (at, from, to) in comparisons(&alert.expr) {
        let (before, rest) = alert.expr.split_at(at);
        let after = rest.strip_prefix(from).expect("it was found there");
        let what = format!("{from} at {at} is {to}");
        all.push((what, with(alert, format!("{before}{to}{after}"))));
    }
    all
}

fn with(alert: &Alert, expr: String) -> Alert {
    Alert { expr, description: alert.description.clone(), ..*alert }
}

/// Comparisons of values, not those in matchers.
fn comparisons(expr: &str) -> Vec<(usize, &'static str, &'static str)> {
    let mut found = Vec::new();
    let (mut braces, mut skip) = (0, 0);
    for (at, c) in expr.char_indices() {
        match c {
            '{' => braces += 1,
            '}' => braces -= 1,
            _ => {}
        }
        if braces > 0 || at < skip {
            continue;
        }
        let rest = expr.get(at..).unwrap_or_default();
        if let Some((from, to)) = TURNED.iter().find(|(from, _)| rest.starts_with(from)) {
            skip = at + from.len();
            found.push((at, *from, *to));
        }
    }
    found
}
