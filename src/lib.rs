//! Restamp.
