//! A certificate authority of one's own for `restante try`, and a certificate for this machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, SanType, date_time_ymd,
};

use crate::output::Failure;

/// How long both hold.
const DAYS: i32 = 365;

/// All as PEM. The authority's own key is kept nowhere, so that nothing else is ever signed
/// with it.
#[derive(Debug)]
pub(crate) struct Made {
    /// What clients have to trust.
    pub(crate) authority: String,
    /// The certificate for `localhost`, `127.0.0.1` and `::1`, then the authority's.
    pub(crate) chain: String,
    /// Its private key.
    pub(crate) key: String,
}

/// Makes them: ECDSA over P-256, which every client of today takes.
pub(crate) fn make(now: Timestamp) -> Result<Made, Failure> {
    build(now).map_err(|error| Failure::new(format!("cannot make a certificate: {error}")))
}

fn build(now: Timestamp) -> Result<Made, rcgen::Error> {
    let mut params = CertificateParams::default();
    hold(&mut params, now);
    params.distinguished_name = named("Restante try: a certificate authority for one test");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let authority = params.self_signed(&authority_key)?.pem();
    let issuer = Issuer::new(params, authority_key);

    let mut params = CertificateParams::default();
    hold(&mut params, now);
    params.distinguished_name = named("localhost");
    params.subject_alt_names = vec![
        SanType::DnsName("localhost".try_into()?),
        SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        SanType::IpAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)),
    ];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // RFC 5280 §4.2.1.1 asks for it, and Python from 3.13 on insists.
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let certificate = params.signed_by(&key, &issuer)?.pem();
    Ok(Made { chain: certificate + &authority, authority, key: key.serialize_pem() })
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

/// From yesterday on: clocks differ.
fn hold(params: &mut CertificateParams, now: Timestamp) {
    let today = now.to_zoned(TimeZone::UTC).date();
    let at = |days: i32| today.checked_add(Span::new().days(days)).unwrap_or(today);
    let midnight = |date: Date| {
        let month = u8::try_from(date.month()).unwrap_or(1);
        let day = u8::try_from(date.day()).unwrap_or(1);
        date_time_ymd(i32::from(date.year()), month, day)
    };
    params.not_before = midnight(at(-1));
    params.not_after = midnight(at(DAYS));
}
