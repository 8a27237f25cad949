//! The terminal side: pictures inline.
