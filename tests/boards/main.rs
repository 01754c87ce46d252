//! The dashboards: the linter's rules, what their queries may name, and every query on a running Prometheus.

mod json;
mod lint;
mod live;
mod names;
mod picture;
mod stage;
mod states;
mod types;
mod value;
