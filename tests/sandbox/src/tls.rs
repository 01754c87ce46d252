//! The sandbox's own certificate authority and the certificates it shows.

use std::{io, net::IpAddr, sync::Arc};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::{ServerConfig, crypto::aws_lc_rs::default_provider};
use rustls_pki_types::PrivateKeyDer;
use tokio_rustls::TlsAcceptor;

use crate::fault::Fault;

/// The configurations to serve with, one a certificate.
pub(crate) struct Tls {
    pub(crate) ca_pem: String,
    good: Arc<ServerConfig>,
    wrong: Arc<ServerConfig>,
    expired: Arc<ServerConfig>,
    untrusted: Arc<ServerConfig>,
}

enum Dates {
    Valid,
    Past,
}

impl Tls {
    /// Makes an authority and the certificates for `localhost`, the loopback addresses, `host` and `bind`.
    pub(crate) fn new(host: &str, bind: IpAddr) -> io::Result<Self> {
        let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        for name in [host.to_owned(), bind.to_string()] {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let ours = authority("mailprobe sandbox CA")?;
        let stranger = authority("another CA")?;
        let other = vec!["somewhere-else.invalid".to_owned()];
        Ok(Self {
            ca_pem: ours.pem(),
            good: config(&ours, &names, &Dates::Valid)?,
            wrong: config(&ours, &other, &Dates::Valid)?,
            expired: config(&ours, &names, &Dates::Past)?,
            untrusted: config(&stranger, &names, &Dates::Valid)?,
        })
    }

    /// What to shake hands with while that fault is on.
    pub(crate) fn acceptor(&self, fault: Option<&Fault>) -> TlsAcceptor {
        let config = match fault {
            Some(Fault::WrongCertificate) => &self.wrong,
            Some(Fault::ExpiredCertificate) => &self.expired,
            Some(Fault::UntrustedCertificate) => &self.untrusted,
            _ => &self.good,
        };
        TlsAcceptor::from(Arc::clone(config))
    }
}

fn authority(name: &str) -> io::Result<CertifiedIssuer<'static, KeyPair>> {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate().map_err(io::Error::other)?;
    CertifiedIssuer::self_signed(params, key).map_err(io::Error::other)
}

fn config(
    issuer: &CertifiedIssuer<'_, KeyPair>,
    names: &[String],
    dates: &Dates,
) -> io::Result<Arc<ServerConfig>> {
    let mut params = CertificateParams::new(names.to_vec()).map_err(io::Error::other)?;
    if let Some(name) = names.first() {
        params.distinguished_name.push(DnType::CommonName, name.as_str());
    }
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    if matches!(dates, Dates::Past) {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
    }
    let key = KeyPair::generate().map_err(io::Error::other)?;
    let certificate = params.signed_by(&key, issuer).map_err(io::Error::other)?;
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key)
        })
        .map(Arc::new)
        .map_err(io::Error::other)
}
