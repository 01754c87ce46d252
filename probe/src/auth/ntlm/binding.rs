//! What ties a sign-in to its TLS connection: `tls-server-end-point` (RFC 5929, section 4.1).

use md5::{Digest as _, Md5};
use sha2::{Sha224, Sha256, Sha384, Sha512};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::signature_algorithm::RsaSsaPssParams;

const RSASSA_PSS: &str = "1.2.840.113549.1.1.10";

/// The application data of the binding, as GSS-API takes it; `leaf` is the server's certificate in DER.
pub fn end_point(leaf: &[u8]) -> Vec<u8> {
    let hash = match signature_hash(leaf) {
        Hash::Sha224 => Sha224::digest(leaf).to_vec(),
        Hash::Sha256 => Sha256::digest(leaf).to_vec(),
        Hash::Sha384 => Sha384::digest(leaf).to_vec(),
        Hash::Sha512 => Sha512::digest(leaf).to_vec(),
    };
    [&b"tls-server-end-point:"[..], &hash].concat()
}

/// What NTLM carries of it: the MD5 over a gss_channel_bindings_struct without addresses (MS-NLMP, section 2.2.2.1).
pub fn channel_binding(leaf: &[u8]) -> [u8; 16] {
    let data = end_point(leaf);
    // Two addresses, each of them a type and a length of zero.
    let mut hash = Md5::new_with_prefix([0; 16]);
    // At most 85 bytes, by what is above.
    hash.update((data.len() as u32).to_le_bytes());
    hash.update(data);
    hash.finalize().into()
}

#[derive(Clone, Copy)]
enum Hash {
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// The hash of the certificate's signature. SHA-256 for MD5 and SHA-1, as the RFC has it, and for what has no hash of its
/// own (Ed25519) or is not known, where the RFC leaves it open.
fn signature_hash(leaf: &[u8]) -> Hash {
    let Ok((_, certificate)) = X509Certificate::from_der(leaf) else { return Hash::Sha256 };
    let algorithm = &certificate.signature_algorithm;
    let name = algorithm.algorithm.to_id_string();
    if name == RSASSA_PSS {
        // Names its hash in a parameter; SHA-1 where it does not.
        let parameters = algorithm.parameters().and_then(|any| RsaSsaPssParams::try_from(any).ok());
        return parameters.map_or(Hash::Sha256, |it| by_name(&it.hash_algorithm_oid().to_id_string()));
    }
    by_name(&name)
}

fn by_name(oid: &str) -> Hash {
    match oid {
        // RSA (RFC 8017), ECDSA (RFC 5758), DSA (RFC 5758); the hash itself.
        "1.2.840.113549.1.1.14"
        | "1.2.840.10045.4.3.1"
        | "2.16.840.1.101.3.4.3.1"
        | "2.16.840.1.101.3.4.2.4" => Hash::Sha224,
        "1.2.840.113549.1.1.12"
        | "1.2.840.10045.4.3.3"
        | "2.16.840.1.101.3.4.3.3"
        | "2.16.840.1.101.3.4.2.2" => Hash::Sha384,
        "1.2.840.113549.1.1.13"
        | "1.2.840.10045.4.3.4"
        | "2.16.840.1.101.3.4.3.4"
        | "2.16.840.1.101.3.4.2.3" => Hash::Sha512,
        _ => Hash::Sha256,
    }
}
