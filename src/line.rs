//! The room `line`.
