//! The room `printer`.
