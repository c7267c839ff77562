//! The one integration binary: everything that is tested across crates, one module per subject.

mod tidy;
