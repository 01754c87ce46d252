//! A certification authority of the test's own, and server certificates by it: good ones and such with one flaw.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// What is wrong with a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    None,
    /// Its time is over since 2020.
    Expired,
    /// Its time begins in 2090.
    NotYetValid,
    /// It is for `elsewhere.test`.
    WrongName,
}

/// A certification authority. A certificate by one that the client was not told of is the untrusted one.
pub struct Ca {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Ca {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a CA's certificate").pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Its certificate.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Its certificate as the file `ca.pem` in that folder: for `tls: { ca_file: … }`.
    pub fn write(&self, folder: &Path) -> PathBuf {
        let file = folder.join("ca.pem");
        std::fs::write(&file, &self.pem).expect("ca.pem is written");
        file
    }

    /// A server for `localhost` and 127.0.0.1, with that flaw.
    pub fn server(&self, flaw: Flaw) -> Arc<ServerConfig> {
        let names: &[_] =
            if flaw == Flaw::WrongName { &["elsewhere.test"] } else { &["localhost", "127.0.0.1"] };
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        self.server_for(&names, flaw)
    }

    /// A server for those names, whose certificate has no flaw but in its times.
    pub fn server_for(&self, names: &[String], flaw: Flaw) -> Arc<ServerConfig> {
        let mut params = CertificateParams::new(names.to_vec()).expect("names");
        params.distinguished_name.push(DnType::CommonName, "scripted server");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        (params.not_before, params.not_after) = match flaw {
            Flaw::Expired => (rcgen::date_time_ymd(2019, 1, 1), rcgen::date_time_ymd(2020, 1, 1)),
            Flaw::NotYetValid => (rcgen::date_time_ymd(2090, 1, 1), rcgen::date_time_ymd(2091, 1, 1)),
            Flaw::None | Flaw::WrongName => {
                (rcgen::date_time_ymd(2020, 1, 1), rcgen::date_time_ymd(2090, 1, 1))
            }
        };
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a server's certificate");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("protocol versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("a server's TLS settings");
        Arc::new(config)
    }
}
