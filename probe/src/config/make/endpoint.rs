//! Addresses: `host:port`, URLs, proxies.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use rustls_pki_types::ServerName;

use super::super::plan::{Endpoint, Proxy};
use super::super::problem::KeyPath;
use super::super::raw;
use super::Make;
use crate::secret::Secret;

impl Make {
    /// `host:port`, an IPv6 address in brackets.
    pub(super) fn host_port(&mut self, path: &KeyPath, text: &str) -> Option<(Arc<str>, u16)> {
        let parts = split_host_port(text);
        if parts.is_none() {
            self.refuse_value(path, text, "host:port, an IPv6 address in brackets ([2001:db8::1]:993)");
        }
        parts
    }

    pub(super) fn check_host(&mut self, path: &KeyPath, text: &str) -> bool {
        let well = is_host(text);
        if !well {
            self.refuse_value(path, text, "a host name or an address, without a port");
        }
        well
    }

    pub(super) fn check_url(&mut self, path: &KeyPath, text: &str, schemes: &[&str]) -> bool {
        let authority = text
            .split_once("://")
            .filter(|(scheme, _)| schemes.contains(scheme))
            .map(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default());
        let well = authority.is_some_and(|authority| {
            !text.contains(char::is_whitespace)
                && (is_host(authority) || split_host_port(authority).is_some())
        });
        if well {
            return true;
        }
        let expected = format!("a URL that begins with {}://", schemes.join(":// or "));
        if authority.is_some_and(|authority| authority.contains('@')) {
            // What stands before the @ may be a password.
            self.refuse(path, "a URL with credentials".to_owned(), "a URL without them");
        } else {
            self.refuse_value(path, text, expected);
        }
        false
    }

    /// An http or https URL as an endpoint.
    pub(super) fn url(&mut self, path: &KeyPath, text: &str) -> Option<Endpoint> {
        if !self.check_url(path, text, &["https", "http"]) {
            return None;
        }
        let endpoint = Endpoint::of_url(text);
        if endpoint.is_none() {
            self.refuse_value(path, text, "a URL whose path is written in ASCII (%20 for a space)");
        }
        endpoint
    }

    /// `http://[user@]host:port`, or a map with credentials.
    pub(super) fn proxy(&mut self, path: &KeyPath, proxy: &raw::Proxy) -> Option<Proxy> {
        match proxy {
            raw::Proxy::Url(url) => self.proxy_url(path, url),
            raw::Proxy::Full(full) => {
                let mut proxy = self.proxy_url(&path.key("url"), &full.url);
                let password = full.password_file.as_deref().and_then(|written| {
                    let file = self.text_file(&path.key("password_file"), written);
                    file.map(|(_, text)| Secret::new(&text))
                });
                if let Some(proxy) = &mut proxy {
                    if let Some(username) = &full.username {
                        proxy.username = Some(username.as_str().into());
                    }
                    if full.password_file.is_some() && proxy.username.is_none() {
                        self.missing(&path.key("username"), "a user name beside the password_file");
                    }
                    proxy.password = password;
                    proxy.no_proxy.clone_from(&full.no_proxy.0);
                }
                proxy
            }
        }
    }

    fn proxy_url(&mut self, path: &KeyPath, url: &str) -> Option<Proxy> {
        let expected = "http://host:port";
        let Some(authority) = url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/')) else {
            if url.contains('@') {
                self.refuse(path, "another URL".to_owned(), expected);
            } else {
                self.refuse_value(path, url, expected);
            }
            return None;
        };
        let (user, address) = match authority.rsplit_once('@') {
            Some((user, address)) => (Some(user), address),
            None => (None, authority),
        };
        if user.is_some_and(|user| user.contains(':')) {
            self.refuse(path, "a URL with a password".to_owned(), "{ url, username, password_file }");
            return None;
        }
        let Some((host, port)) = split_host_port(address) else {
            self.refuse_value(path, &format!("http://{address}"), expected);
            return None;
        };
        Some(Proxy { host, port, username: user.map(Arc::from), password: None, no_proxy: Vec::new() })
    }
}

/// `host:port`; the host without brackets.
fn split_host_port(text: &str) -> Option<(Arc<str>, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let port: u16 = port.bytes().all(|b| b.is_ascii_digit()).then(|| port.parse().ok())??;
    let host = match host.strip_prefix('[') {
        Some(rest) => {
            let inner = rest.strip_suffix(']')?;
            inner.parse::<Ipv6Addr>().ok()?;
            inner
        }
        None if host.contains(':') => return None,
        None => host,
    };
    (port > 0 && is_host(host)).then(|| (Arc::from(host), port))
}

fn is_host(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok() || ServerName::try_from(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_and_port() {
        let split = |text| split_host_port(text).map(|(host, port)| (host.to_string(), port));
        assert_eq!(split("mail.example:993"), Some(("mail.example".to_owned(), 993)));
        assert_eq!(split("[::1]:25"), Some(("::1".to_owned(), 25)));
        for wrong in ["mail.example", "::1:25", "[::1]", "a b:1", "h:0", "h:+1", "h:70000", ":1", "[x]:1"] {
            assert_eq!(split(wrong), None, "{wrong}");
        }
    }
}
