//! Group "codec".
