//! SASL mechanisms as machines (RFC 4422): octets in, a step out.
