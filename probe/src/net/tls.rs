//! TLS by rustls, with the presented chain kept even when it is refused. No resumption: a resumed session calls no
//! verifier and shows the stored certificate, so a swapped or expired one would stay green.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::path::Path;
use std::pin::pin;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::CryptoProvider;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use sha2::{Digest as _, Sha256};
use tokio_rustls::TlsConnector;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::line::Line;
use crate::catalogue::Reason;
use crate::config::plan::Tls;
use crate::outcome::{Certificate, Fact, Fault, Recorder, Said};

thread_local! {
    /// The chain that the handshake polled on this thread has just shown to the verifier.
    static SHOWN: RefCell<Option<Vec<CertificateDer<'static>>>> = const { RefCell::new(None) };
}

/// How TLS is spoken with one mail service.
pub(super) struct Client {
    config: Arc<ClientConfig>,
    expected_issuers: Vec<String>,
}

impl Client {
    pub(super) fn new(plan: &Tls) -> Result<Self, String> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let roots = roots(plan)?;
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
            .build()
            .map_err(|error| format!("no usable certificate authority: {error}"))?;
        let versions: &[_] = if plan.min_tls13 { &[&rustls::version::TLS13] } else { rustls::ALL_VERSIONS };
        let mut config = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Keeping { inner: verifier, provider }))
            .with_no_client_auth();
        config.resumption = Resumption::disabled();
        Ok(Self { config: Arc::new(config), expected_issuers: plan.expected_issuers.clone() })
    }

    pub(super) async fn shake(&self, line: &mut Line, name: &str, rec: &Recorder) -> Result<(), Fault> {
        if line.has_unread() {
            // RFC 3207, section 6: what was slipped in before the handshake must not be believed after it.
            return Err(Fault::new(Reason::ProtocolViolation, "the server spoke on in clear before TLS"));
        }
        let name = ServerName::try_from(name.to_owned())
            .map_err(|_| Fault::new(Reason::CertificateNameMismatch, &format!("{name} is no server name")))?;
        let stream = line.take_plain()?;
        let mut handshake = pin!(TlsConnector::from(Arc::clone(&self.config)).connect(name, stream));
        let mut shown = None;
        let result = poll_fn(|cx| {
            let poll = handshake.as_mut().poll(cx);
            if let Some(chain) = SHOWN.take() {
                shown = Some(chain);
            }
            poll
        })
        .await;
        let chain: Arc<[Certificate]> =
            shown.unwrap_or_default().iter().filter_map(|der| read(der)).collect();
        if !chain.is_empty() {
            rec.note(Fact::Certificates(Arc::clone(&chain)));
        }
        let stream = result.map_err(|error| self.refused(&error, &chain))?;
        if let Some(version) = stream.get_ref().1.protocol_version() {
            rec.note(Fact::TlsVersion(version.as_str().unwrap_or("?")));
        }
        line.put_tls(stream);
        match chain.first() {
            Some(leaf) if !self.expects(leaf) => Err(intercepted(leaf)),
            _ => Ok(()),
        }
    }

    fn expects(&self, leaf: &Certificate) -> bool {
        self.expected_issuers.is_empty()
            || self.expected_issuers.iter().any(|expected| leaf.issuer.contains(expected.as_str()))
    }

    fn refused(&self, error: &io::Error, chain: &[Certificate]) -> Fault {
        let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
            return Fault::new(Reason::ConnectionDropped, &format!("in the TLS handshake: {error}"));
        };
        let leaf = chain.first();
        let told = leaf.map_or_else(String::new, |leaf| {
            format!(
                " (subject {}, issuer {}, names {}, ends {})",
                leaf.subject,
                leaf.issuer,
                leaf.names.join(" "),
                day(leaf.not_after)
            )
        });
        let reason = match tls {
            rustls::Error::InvalidCertificate(certificate) => match certificate {
                CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. } => Reason::CertificateExpired,
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                    Reason::CertificateNameMismatch
                }
                _ => match leaf {
                    Some(leaf) if !self.expects(leaf) => Reason::TlsIntercepted,
                    _ => Reason::CertificateUntrusted,
                },
            },
            _ => Reason::TlsFailed,
        };
        Fault::new(reason, &format!("{tls}{told}"))
    }
}

fn intercepted(leaf: &Certificate) -> Fault {
    Fault::new(Reason::TlsIntercepted, &format!("the issuer {} is none of the expected ones", leaf.issuer))
}

fn day(unix: i64) -> String {
    jiff::Timestamp::from_second(unix).map_or_else(|_| unix.to_string(), |at| at.to_string())
}

/// Where distributions keep all authorities in one file: Debian and Alpine, Fedora, SUSE, others.
const BUNDLES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The bundle alone, where there is one: the folder beside it holds the same again, a file for each, and reading those takes
/// longer than the first handshake. SSL_CERT_FILE and SSL_CERT_DIR say otherwise.
fn system_certificates() -> Vec<CertificateDer<'static>> {
    let is_told = ["SSL_CERT_FILE", "SSL_CERT_DIR"].iter().any(|name| std::env::var_os(name).is_some());
    let read = |path: &&str| rustls_native_certs::load_certs_from_paths(Some(Path::new(path)), None).certs;
    let bundle = BUNDLES.iter().filter(|_| !is_told).map(read).find(|found| !found.is_empty());
    bundle.unwrap_or_else(|| rustls_native_certs::load_native_certs().certs)
}

/// The system's roots and the configured ones. The system's are read once: they are 150 certificates.
fn roots(plan: &Tls) -> Result<Arc<RootCertStore>, String> {
    static SYSTEM: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    let system = SYSTEM.get_or_init(|| {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(system_certificates());
        Arc::new(store)
    });
    let Some(pem) = &plan.ca else { return Ok(Arc::clone(system)) };
    let mut store = (**system).clone();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|error| format!("tls.ca_file: {error}"))?;
        store.add(certificate).map_err(|error| format!("tls.ca_file: {error}"))?;
    }
    Ok(Arc::new(store))
}

/// Reads what the page and the log show of a certificate; `None` for what is no certificate.
fn read(der: &CertificateDer<'_>) -> Option<Certificate> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let clean = |text: String| Said::new(&text).as_str().to_owned();
    let names = certificate.subject_alternative_name().ok().flatten().map_or_else(Vec::new, |names| {
        names
            .value
            .general_names
            .iter()
            .filter_map(|name| match name {
                GeneralName::DNSName(name) => Some(clean((*name).to_owned())),
                GeneralName::IPAddress(bytes) => Some(address(bytes)),
                _ => None,
            })
            .take(16)
            .collect()
    });
    Some(Certificate {
        subject: clean(certificate.subject().to_string()),
        issuer: clean(certificate.issuer().to_string()),
        not_after: certificate.validity().not_after.timestamp(),
        names,
        sha256: data_encoding::HEXLOWER.encode(&Sha256::digest(der)),
    })
}

fn address(bytes: &[u8]) -> String {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return std::net::Ipv4Addr::from(four).to_string();
    }
    <[u8; 16]>::try_from(bytes)
        .map_or_else(|_| "?".to_owned(), |six| std::net::Ipv6Addr::from(six).to_string())
}

/// Keeps the chain, then asks the real verifier.
#[derive(Debug)]
struct Keeping {
    inner: Arc<WebPkiServerVerifier>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Keeping {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let chain = std::iter::once(end_entity).chain(intermediates.iter().take(8));
        SHOWN.set(Some(chain.map(|der| der.clone().into_owned()).collect()));
        self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
