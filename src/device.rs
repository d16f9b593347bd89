//! The room `device`.
