//! restante-server
