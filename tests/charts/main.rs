//! The charts, by Helm's own library, Kubernetes' own schemas and the probe's own binary. No cluster is asked.

mod fleet;
mod helm;
mod kinds;
mod monitoring;
mod network;
mod pod;
mod refused;
mod site;
mod values;
