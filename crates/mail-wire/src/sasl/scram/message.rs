//! The messages of SCRAM (RFC 5802 §7), read strictly.
//!
//! ```text
//! client-first-message-bare         = "n=" saslname "," "r=" nonce *( "," attr-val )
//! server-first-message              = "r=" nonce "," "s=" base64 "," "i=" count *( "," attr-val )
//! client-final-message              = "c=" base64 "," "r=" nonce *( "," attr-val ) "," "p=" base64
//! server-final-message              = ( "v=" base64 / "e=" value ) *( "," attr-val )
//! attr-val                          = ALPHA "=" value          ; unknown ones are ignored
//! ```
//! `m=` at the front asks for an extension that has to be understood: it is refused.

use super::proof::Salt;
use crate::Secret;
use crate::sasl::base64;
use crate::sasl::gs2;
use crate::sasl::step::Malformed;

/// The longest message. A name, two nonces and a channel binding fit in many times.
pub(super) const OCTETS_MAX: usize = 4_096;

/// client-first-message-bare.
#[derive(Debug)]
pub(super) struct ClientFirst<'m> {
    pub(super) name: Vec<u8>,
    pub(super) nonce: &'m [u8],
}

/// server-first-message.
#[derive(Debug)]
pub(super) struct ServerFirst<'m> {
    pub(super) nonce: &'m [u8],
    pub(super) salt: Salt,
}

/// client-final-message.
#[derive(Debug)]
pub(super) struct ClientFinal<'m> {
    /// The header of the first message, and the data of the channel binding.
    pub(super) bound: Secret<Vec<u8>>,
    pub(super) nonce: &'m [u8],
    pub(super) without_proof: &'m [u8],
    pub(super) proof: Secret<Vec<u8>>,
}

impl<'m> ClientFirst<'m> {
    pub(super) fn read(message: &'m [u8]) -> Result<Self, Malformed> {
        if message.starts_with(b"m=") {
            return Err(Malformed::Extension);
        }
        let mut parts = message.split(|&octet| octet == b',');
        let name = gs2::name(value(&mut parts, b'n')?)?;
        let nonce = nonce(value(&mut parts, b'r')?)?;
        extensions(parts)?;
        Ok(Self { name, nonce })
    }
}

impl<'m> ServerFirst<'m> {
    pub(super) fn read(message: &'m [u8]) -> Result<Self, Malformed> {
        if message.starts_with(b"m=") {
            return Err(Malformed::Extension);
        }
        let mut parts = message.split(|&octet| octet == b',');
        let nonce = nonce(value(&mut parts, b'r')?)?;
        let salt = decode(value(&mut parts, b's')?)?;
        let count = value(&mut parts, b'i')?;
        extensions(parts)?;
        let count = std::str::from_utf8(count).map_err(|_| Malformed::Grammar)?;
        // posit-number: no sign, and it does not begin with 0
        if !count.starts_with(|digit: char| matches!(digit, '1'..='9')) {
            return Err(Malformed::Grammar);
        }
        let iterations = count.parse().map_err(|_| Malformed::Grammar)?;
        Ok(Self { nonce, salt: Salt { octets: salt.expose().clone(), iterations } })
    }

    /// What a server sends.
    pub(super) fn write(nonce: &[u8], salt: &Salt) -> Vec<u8> {
        let mut message = [b"r=", nonce, b",s="].concat();
        base64::encode(&salt.octets, &mut message);
        message.extend_from_slice(format!(",i={}", salt.iterations).as_bytes());
        message
    }
}

impl<'m> ClientFinal<'m> {
    pub(super) fn read(message: &'m [u8]) -> Result<Self, Malformed> {
        // The proof is the last attribute, and what stands before it is what it is over.
        let comma = message.iter().rposition(|&octet| octet == b',').ok_or(Malformed::Grammar)?;
        let (without_proof, proof) = message.split_at_checked(comma).ok_or(Malformed::Grammar)?;
        let proof = proof.strip_prefix(b",p=").ok_or(Malformed::Grammar)?;
        let mut parts = without_proof.split(|&octet| octet == b',');
        let bound = decode(value(&mut parts, b'c')?)?;
        let nonce = nonce(value(&mut parts, b'r')?)?;
        extensions(parts)?;
        Ok(Self { bound, nonce, without_proof, proof: decode(proof)? })
    }
}

/// The signature in server-final-message, or `None` where it says `e=`.
pub(super) fn read_server_final(message: &[u8]) -> Result<Option<Vec<u8>>, Malformed> {
    let mut parts = message.split(|&octet| octet == b',');
    let first = parts.next().unwrap_or_default();
    extensions(parts)?;
    if first.starts_with(b"e=") {
        return Ok(None);
    }
    let signature = decode(first.strip_prefix(b"v=").ok_or(Malformed::Grammar)?)?;
    Ok(Some(signature.expose().clone()))
}

/// The value of the next attribute, which has to have this name.
fn value<'m>(parts: &mut impl Iterator<Item = &'m [u8]>, name: u8) -> Result<&'m [u8], Malformed> {
    let value = parts.next().and_then(|part| part.strip_prefix(&[name, b'='][..]));
    value.filter(|value| !value.is_empty()).ok_or(Malformed::Grammar)
}

/// RFC 5802 §7: `printable = %x21-2B / %x2D-7E`.
fn nonce(octets: &[u8]) -> Result<&[u8], Malformed> {
    if octets.iter().all(u8::is_ascii_graphic) { Ok(octets) } else { Err(Malformed::Grammar) }
}

/// RFC 5802 §5.1: what is not known is ignored, but is has to be an attribute.
fn extensions<'m>(parts: impl Iterator<Item = &'m [u8]>) -> Result<(), Malformed> {
    for part in parts {
        match part {
            [b'm', b'=', ..] => return Err(Malformed::Extension),
            [name, b'=', first, rest @ ..]
                if name.is_ascii_alphabetic()
                    && *first != 0
                    && !rest.contains(&0)
                    && std::str::from_utf8(part).is_ok() => {}
            _ => return Err(Malformed::Grammar),
        }
    }
    Ok(())
}

fn decode(encoded: &[u8]) -> Result<Secret<Vec<u8>>, Malformed> {
    base64::decode(encoded).map_err(|_| Malformed::Grammar)
}
