//! The room `chip`.
