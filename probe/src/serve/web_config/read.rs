//! From the file to settings; every refusal names the key.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use yaml_rust2::yaml::Hash;
use yaml_rust2::{Yaml, YamlLoader};

use super::{Settings, Users};

/// A web configuration is a page long; so is a chain.
const MOST: u64 = 1024 * 1024;

/// The headers that the exporters let an administrator set.
const HEADERS: &[&str] = &[
    "Strict-Transport-Security",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "X-XSS-Protection",
    "Content-Security-Policy",
];

pub(super) fn settings(file: &Path) -> Result<Settings, String> {
    let mut files =
        Files { folder: file.parent().unwrap_or_else(|| Path::new("")), hasher: DefaultHasher::new() };
    let name = file.file_name().map(PathBuf::from).unwrap_or_default();
    let text = String::from_utf8(files.read(&name, "the file")?).map_err(|_| "is not UTF-8".to_owned())?;
    let documents = YamlLoader::load_from_str(&text).map_err(|error| format!("is not YAML: {error}"))?;
    let top = match documents.as_slice() {
        [] | [Yaml::Null] => {
            return Ok(Settings { fingerprint: files.hasher.finish(), ..Settings::default() });
        }
        [Yaml::Hash(top)] => top,
        _ => return Err("must be one map".to_owned()),
    };
    known(top, "", &["tls_server_config", "http_server_config", "basic_auth_users"])?;
    let tls = section(top, "tls_server_config")?.map(|of| tls(of, &mut files)).transpose()?;
    let headers = section(top, "http_server_config")?.map(headers).transpose()?.unwrap_or_default();
    let users = section(top, "basic_auth_users")?.map(users).transpose()?.unwrap_or_default();
    Ok(Settings { tls: tls.map(Arc::new), headers, users, fingerprint: files.hasher.finish() })
}

/// Reads files beside the configuration, and remembers their content.
struct Files<'a> {
    folder: &'a Path,
    hasher: DefaultHasher,
}

impl Files<'_> {
    fn read(&mut self, name: &Path, key: &str) -> Result<Vec<u8>, String> {
        let path = self.folder.join(name);
        let said = |error: std::io::Error| format!("{key}: {}: {error}", path.display());
        if std::fs::metadata(&path).map_err(said)?.len() > MOST {
            return Err(format!("{key}: {} is too large", path.display()));
        }
        let bytes = std::fs::read(&path).map_err(said)?;
        bytes.hash(&mut self.hasher);
        Ok(bytes)
    }
}

fn tls(of: &Hash, files: &mut Files<'_>) -> Result<ServerConfig, String> {
    const SECTION: &str = "tls_server_config";
    const KNOWN: &[&str] =
        &["cert_file", "key_file", "client_auth_type", "client_ca_file", "min_version", "max_version"];
    // Of the exporters' format, but not of ours: Go's names for things that rustls decides well by itself.
    const OTHER: &[&str] = &[
        "cert",
        "key",
        "client_ca",
        "client_allowed_sans",
        "cipher_suites",
        "prefer_server_cipher_suites",
        "curve_preferences",
    ];
    if let Some(key) = OTHER.iter().find(|key| of.contains_key(&Yaml::String((**key).to_owned()))) {
        return Err(format!("{SECTION}.{key} is not supported"));
    }
    known(of, "tls_server_config.", KNOWN)?;
    let need = |key: &str| text(of, SECTION, key)?.ok_or_else(|| format!("{SECTION}.{key} is missing"));
    let chain = chain(&files.read(Path::new(need("cert_file")?), "cert_file")?, "cert_file")?;
    let key = PrivateKeyDer::from_pem_slice(&files.read(Path::new(need("key_file")?), "key_file")?)
        .map_err(|error| format!("{SECTION}.key_file: no usable private key: {error}"))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&versions(of)?)
        .map_err(|error| format!("{SECTION}: {error}"))?;
    let asked = text(of, SECTION, "client_auth_type")?.unwrap_or("NoClientCert");
    let ca = text(of, SECTION, "client_ca_file")?;
    let builder = match (asked, ca) {
        ("NoClientCert" | "", None) => builder.with_no_client_auth(),
        ("NoClientCert" | "", Some(_)) => {
            return Err(format!("{SECTION}.client_ca_file needs a client_auth_type that verifies"));
        }
        ("RequireAndVerifyClientCert" | "VerifyClientCertIfGiven", Some(file)) => {
            let mut roots = RootCertStore::empty();
            for certificate in self::chain(&files.read(Path::new(file), "client_ca_file")?, "client_ca_file")?
            {
                roots.add(certificate).map_err(|error| format!("{SECTION}.client_ca_file: {error}"))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier =
                if asked == "VerifyClientCertIfGiven" { verifier.allow_unauthenticated() } else { verifier };
            let verifier = verifier.build().map_err(|error| format!("{SECTION}.client_ca_file: {error}"))?;
            builder.with_client_cert_verifier(verifier)
        }
        ("RequireAndVerifyClientCert" | "VerifyClientCertIfGiven", None) => {
            return Err(format!("{SECTION}.client_auth_type: {asked} needs client_ca_file"));
        }
        _ => {
            return Err(format!(
                "{SECTION}.client_auth_type: {asked} is not supported; use NoClientCert, \
                 VerifyClientCertIfGiven or RequireAndVerifyClientCert"
            ));
        }
    };
    builder
        .with_single_cert(chain, key)
        .map_err(|error| format!("{SECTION}: certificate and key do not fit: {error}"))
}

fn chain(pem: &[u8], key: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("tls_server_config.{key}: {error}"))?;
    if chain.is_empty() {
        return Err(format!("tls_server_config.{key}: no certificate in it"));
    }
    Ok(chain)
}

/// TLS 1.2 and 1.3; nothing older is spoken, whatever is asked.
fn versions(of: &Hash) -> Result<Vec<&'static SupportedProtocolVersion>, String> {
    let number = |key: &str, default| match text(of, "tls_server_config", key)? {
        None => Ok(default),
        Some("TLS12") => Ok(12),
        Some("TLS13") => Ok(13),
        Some(other) => Err(format!("tls_server_config.{key}: {other} is not supported; use TLS12 or TLS13")),
    };
    let (least, most) = (number("min_version", 12)?, number("max_version", 13)?);
    let all = [(12, &rustls::version::TLS12), (13, &rustls::version::TLS13)];
    let wanted: Vec<_> =
        all.into_iter().filter(|(is, _)| (least..=most).contains(is)).map(|(_, version)| version).collect();
    if wanted.is_empty() {
        return Err("tls_server_config.min_version is above max_version".to_owned());
    }
    Ok(wanted)
}

fn headers(of: &Hash) -> Result<HeaderMap, String> {
    known(of, "http_server_config.", &["http2", "headers"])?;
    if boolean(of, "http2")? == Some(true) {
        return Err("http_server_config.http2: only HTTP/1.1 is served; set it to false".to_owned());
    }
    let mut out = HeaderMap::new();
    let Some(headers) = section(of, "headers")? else { return Ok(out) };
    for (name, value) in headers {
        let place = format!("http_server_config.headers.{}", show(name));
        let (Some(name), Some(value)) = (name.as_str(), value.as_str()) else {
            return Err(format!("{place} must be text"));
        };
        let Some(allowed) = HEADERS.iter().find(|allowed| allowed.eq_ignore_ascii_case(name)) else {
            return Err(format!("{place} cannot be set; possible are {}", HEADERS.join(", ")));
        };
        // An empty value leaves ours as it is, as with the exporters.
        if value.is_empty() {
            continue;
        }
        let name: HeaderName = allowed.parse().map_err(|_| format!("{place} is no header"))?;
        out.insert(name, HeaderValue::from_str(value).map_err(|_| format!("{place} is no header's value"))?);
    }
    Ok(out)
}

fn users(of: &Hash) -> Result<Users, String> {
    let mut users = Vec::new();
    for (name, hash) in of {
        let place = format!("basic_auth_users.{}", show(name));
        let Some(name) = name.as_str().filter(|name| !name.is_empty() && !name.contains(':')) else {
            return Err(format!("{place}: a user's name is text without a colon"));
        };
        // The value is not shown: it may be a password put here by mistake.
        let parts = hash.as_str().and_then(|hash| hash.parse::<bcrypt::HashParts>().ok());
        let (Some(hash), Some(parts)) = (hash.as_str(), parts) else {
            return Err(format!("{place}: must be a bcrypt hash, as `htpasswd -nBC 10` makes it"));
        };
        if parts.get_cost() > 16 {
            return Err(format!("{place}: a bcrypt cost above 16 takes seconds for each sign-in"));
        }
        users.push((name.to_owned(), hash.to_owned()));
    }
    Ok(Users::new(users))
}

fn section<'a>(of: &'a Hash, key: &str) -> Result<Option<&'a Hash>, String> {
    match of.get(&Yaml::String(key.to_owned())) {
        None | Some(Yaml::Null) => Ok(None),
        Some(Yaml::Hash(section)) => Ok(Some(section)),
        Some(_) => Err(format!("{key} must be a map")),
    }
}

fn text<'a>(of: &'a Hash, section: &str, key: &str) -> Result<Option<&'a str>, String> {
    match of.get(&Yaml::String(key.to_owned())) {
        None | Some(Yaml::Null) => Ok(None),
        Some(Yaml::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("{section}.{key} must be text")),
    }
}

fn boolean(of: &Hash, key: &str) -> Result<Option<bool>, String> {
    match of.get(&Yaml::String(key.to_owned())) {
        None | Some(Yaml::Null) => Ok(None),
        Some(Yaml::Boolean(value)) => Ok(Some(*value)),
        Some(_) => Err(format!("http_server_config.{key} must be true or false")),
    }
}

fn known(of: &Hash, place: &str, keys: &[&str]) -> Result<(), String> {
    match of.keys().find(|key| !key.as_str().is_some_and(|key| keys.contains(&key))) {
        None => Ok(()),
        Some(key) => Err(format!("{place}{}: unknown key; possible are {}", show(key), keys.join(", "))),
    }
}

fn show(key: &Yaml) -> String {
    match key {
        Yaml::String(text) | Yaml::Real(text) => text.clone(),
        Yaml::Integer(number) => number.to_string(),
        Yaml::Boolean(value) => value.to_string(),
        _ => "?".to_owned(),
    }
}
