//! The parameters behind a path (RFC 5321 §4.1.1.11).

use crate::error::ParameterError;

/// What MAIL may say besides the path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MailParameters {
    /// SIZE (RFC 1870). What does not fit 64 bits counts as the largest size there is.
    pub size: Option<u64>,
    /// BODY=8BITMIME (RFC 6152).
    pub eight_bit: bool,
    /// SMTPUTF8 (RFC 6531).
    pub smtputf8: bool,
}

impl MailParameters {
    /// Reads what follows MAIL's path. `smtputf8`: whether that is offered.
    pub fn parse(octets: &[u8], smtputf8: bool) -> Result<Self, ParameterError> {
        let mut parameters = Self::default();
        let mut body = None;
        for (keyword, value) in split(octets) {
            if keyword.eq_ignore_ascii_case(b"SIZE") {
                let size = size(value.ok_or(ParameterError::Value)?)?;
                once(&mut parameters.size, size)?;
            } else if keyword.eq_ignore_ascii_case(b"BODY") {
                once(&mut body, eight_bit(value.ok_or(ParameterError::Value)?)?)?;
            } else if smtputf8 && keyword.eq_ignore_ascii_case(b"SMTPUTF8") {
                // RFC 6531 §3.4 (3): it has no value.
                if value.is_some() || parameters.smtputf8 {
                    return Err(ParameterError::Value);
                }
                parameters.smtputf8 = true;
            } else {
                return Err(ParameterError::Unknown);
            }
        }
        parameters.eight_bit = body.unwrap_or(false);
        Ok(parameters)
    }
}

/// RCPT may say nothing besides the path: DSN, which would bring NOTIFY and ORCPT, is not
/// announced (P-213).
pub(crate) fn refuse_all(octets: &[u8]) -> Result<(), ParameterError> {
    if split(octets).next().is_some() { Err(ParameterError::Unknown) } else { Ok(()) }
}

type Parameter<'a> = (&'a [u8], Option<&'a [u8]>);

fn split(octets: &[u8]) -> impl Iterator<Item = Parameter<'_>> {
    octets.split(|&octet| octet == b' ').filter(|word| !word.is_empty()).map(|word| {
        let mut parts = word.splitn(2, |&octet| octet == b'=');
        (parts.next().unwrap_or_default(), parts.next())
    })
}

fn once<T>(place: &mut Option<T>, value: T) -> Result<(), ParameterError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(ParameterError::Value),
    }
}

/// `size-value = 1*20DIGIT` (RFC 1870 §4).
fn size(value: &[u8]) -> Result<u64, ParameterError> {
    if value.len() > 20 {
        return Err(ParameterError::Value);
    }
    saturating_number(value).ok_or(ParameterError::Value)
}

fn eight_bit(value: &[u8]) -> Result<bool, ParameterError> {
    if value.eq_ignore_ascii_case(b"8BITMIME") {
        Ok(true)
    } else if value.eq_ignore_ascii_case(b"7BIT") {
        Ok(false)
    } else if value.eq_ignore_ascii_case(b"BINARYMIME") {
        // P-159, P-209: not announced, so not known here.
        Err(ParameterError::Unknown)
    } else {
        Err(ParameterError::Value)
    }
}

/// Digits and nothing else, as a number; held at the largest there is rather than wrapped.
pub(crate) fn saturating_number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0_u64, |number, digit| {
        number.saturating_mul(10).saturating_add(u64::from(digit.wrapping_sub(b'0')))
    }))
}
