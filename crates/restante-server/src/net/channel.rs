//! What certificates say to SASL: the server's own for channel binding, the peer's of who it is.

use mail_wire::sasl::PeerIdentity;
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::signature_algorithm::SignatureAlgorithm;

/// The data of `tls-server-end-point` for this certificate of ours (RFC 5929 §4.1, P-110): its
/// hash by the function that its signature uses, SHA-256 in the place of MD5 and SHA-1. `None`
/// for signatures that use none or another one, as Ed25519: there nothing is defined.
pub(crate) fn end_point(der: &[u8]) -> Option<Vec<u8>> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let algorithm = &certificate.signature_algorithm;
    let name = match SignatureAlgorithm::try_from(algorithm).ok()? {
        SignatureAlgorithm::RSASSA_PSS(parameters) => {
            parameters.hash_algorithm_oid().to_id_string()
        }
        _ => algorithm.algorithm.to_id_string(),
    };
    Some(match name.as_str() {
        // MD5, SHA-1, SHA-256: with RSA, with ECDSA, alone (as PSS has them)
        "1.2.840.113549.1.1.4"
        | "1.2.840.113549.1.1.5"
        | "1.2.840.113549.1.1.11"
        | "1.2.840.10045.4.1"
        | "1.2.840.10045.4.3.2"
        | "1.2.840.113549.2.5"
        | "1.3.14.3.2.26"
        | "2.16.840.1.101.3.4.2.1" => Sha256::digest(der).to_vec(),
        "1.2.840.113549.1.1.12" | "1.2.840.10045.4.3.3" | "2.16.840.1.101.3.4.2.2" => {
            Sha384::digest(der).to_vec()
        }
        "1.2.840.113549.1.1.13" | "1.2.840.10045.4.3.4" | "2.16.840.1.101.3.4.2.3" => {
            Sha512::digest(der).to_vec()
        }
        _ => return None,
    })
}

/// Who a peer is by the certificate that it showed, and that TLS has verified.
pub(crate) fn identity(der: &[u8]) -> Option<PeerIdentity> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let subject = certificate.subject();
    let mut common_names = subject.iter_common_name();
    let common_name = match (common_names.next(), common_names.next()) {
        (Some(only), None) => only.as_str().ok().map(str::to_owned),
        _ => None,
    };
    let emails = certificate
        .subject_alternative_name()
        .ok()
        .flatten()
        .map(|names| names.value.general_names.iter().filter_map(email).collect())
        .unwrap_or_default();
    Some(PeerIdentity { subject: subject.to_string(), common_name, emails })
}

fn email(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::RFC822Name(address) => Some((*address).to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{
        CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384,
        PKCS_ED25519, SanType, SignatureAlgorithm as Signs,
    };

    use super::*;

    fn certificate(signs: &'static Signs, change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
        let key = KeyPair::generate_for(signs).unwrap();
        let mut params = CertificateParams::new(vec!["mail.example.org".to_owned()]).unwrap();
        change(&mut params);
        params.self_signed(&key).unwrap().der().to_vec()
    }

    // P-110, RFC 5929 §4.1
    #[test]
    fn the_hash_is_that_of_the_signature() {
        let der = certificate(&PKCS_ECDSA_P256_SHA256, |_| {});
        assert_eq!(end_point(&der), Some(Sha256::digest(&der).to_vec()));
        let der = certificate(&PKCS_ECDSA_P384_SHA384, |_| {});
        assert_eq!(end_point(&der), Some(Sha384::digest(&der).to_vec()));
        // undefined for Ed25519: not offered
        assert_eq!(end_point(&certificate(&PKCS_ED25519, |_| {})), None);
        assert_eq!(end_point(b"no certificate"), None);
    }

    // P-116, security §2.3 CVE-2019-3814: what is not there is absent
    #[test]
    fn a_certificate_says_who_its_holder_is() {
        let der = certificate(&PKCS_ECDSA_P256_SHA256, |params| {
            params.distinguished_name.push(DnType::CommonName, "anna");
            let address = "anna@example.org".try_into().unwrap();
            params.subject_alt_names.push(SanType::Rfc822Name(address));
        });
        let anna = identity(&der).unwrap();
        assert_eq!(anna.emails, ["anna@example.org"]);
        assert!(anna.subject.contains("anna"));
        assert!(anna.common_name.is_some());
        let der = certificate(&PKCS_ECDSA_P256_SHA256, |params| {
            params.distinguished_name = rcgen::DistinguishedName::new();
        });
        let nobody = identity(&der).unwrap();
        assert_eq!((nobody.emails, nobody.common_name), (Vec::new(), None));
        assert_eq!(identity(b"no certificate"), None);
    }
}
