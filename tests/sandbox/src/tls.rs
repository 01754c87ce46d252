//! The sandbox's own certificate authority and the certificates it shows.

use std::{io, net::IpAddr, sync::Arc};

use jiff::ToSpan;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::{ServerConfig, crypto::aws_lc_rs::default_provider};
use rustls_pki_types::PrivateKeyDer;
use sha2::{Digest, Sha256};
use tokio_rustls::TlsAcceptor;

use crate::fault::Fault;

/// The configurations to serve with, one a certificate.
pub(crate) struct Tls {
    pub(crate) ca_pem: String,
    good: Shown,
    wrong: Shown,
    expired: Shown,
    expiring: Shown,
    untrusted: Shown,
}

/// A certificate and how to serve with it.
pub(crate) struct Shown {
    config: Arc<ServerConfig>,
    /// What binds a sign-in to this end of the channel: the certificate's SHA-256, for it is signed with
    /// that (RFC 5929, 4.1).
    pub(crate) end_point: [u8; 32],
}

impl Shown {
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }
}

enum Dates {
    Valid,
    Past,
    /// It ends in three days.
    Ending,
}

impl Tls {
    /// Makes an authority and the certificates for `localhost`, the loopback addresses, `host`, `bind`, and
    /// what Autodiscover looks for: the mail domain and `autodiscover` below it.
    pub(crate) fn new(host: &str, domain: &str, bind: IpAddr) -> io::Result<Self> {
        let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        for name in [host.to_owned(), bind.to_string(), domain.to_owned(), format!("autodiscover.{domain}")] {
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
            expiring: config(&ours, &names, &Dates::Ending)?,
            untrusted: config(&stranger, &names, &Dates::Valid)?,
        })
    }

    /// What to shake hands with while that fault is on.
    pub(crate) const fn show(&self, fault: Option<&Fault>) -> &Shown {
        match fault {
            Some(Fault::WrongCertificate) => &self.wrong,
            Some(Fault::ExpiredCertificate) => &self.expired,
            Some(Fault::ExpiringCertificate) => &self.expiring,
            Some(Fault::UntrustedCertificate) => &self.untrusted,
            _ => &self.good,
        }
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

fn config(issuer: &CertifiedIssuer<'_, KeyPair>, names: &[String], dates: &Dates) -> io::Result<Shown> {
    let mut params = CertificateParams::new(names.to_vec()).map_err(io::Error::other)?;
    if let Some(name) = names.first() {
        params.distinguished_name.push(DnType::CommonName, name.as_str());
    }
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    match dates {
        Dates::Valid => {}
        Dates::Past => {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        Dates::Ending => {
            let day = jiff::Zoned::now().date().saturating_add(3.days());
            let part = |number: i8| u8::try_from(number).unwrap_or(1);
            params.not_after = date_time_ymd(i32::from(day.year()), part(day.month()), part(day.day()));
        }
    }
    let key = KeyPair::generate().map_err(io::Error::other)?;
    let certificate = params.signed_by(&key, issuer).map_err(io::Error::other)?;
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let end_point = Sha256::digest(certificate.der()).into();
    ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key)
        })
        .map(|config| Shown { config: Arc::new(config), end_point })
        .map_err(io::Error::other)
}
