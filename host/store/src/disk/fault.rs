//! The disk that fails on purpose.
