//! The little YAML that is written here: block scalars for whatever is not a plain word.

/// A scalar after `key: `, the lines below it indented by `indent`.
pub fn scalar(text: &str, indent: usize) -> String {
    if !text.contains('\n') {
        return quoted(text);
    }
    let pad = " ".repeat(indent);
    let lines: Vec<_> = text.lines().map(|line| format!("{pad}{line}")).collect();
    format!("|-\n{}", lines.join("\n"))
}

/// A single-quoted scalar.
pub fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
