//! The verbs for the work of the office: blanks, single cards, lots, boxes, and everybody's books.

pub mod audit;
pub mod boxes;
pub mod cards;
pub mod lot;
pub mod report;
pub mod stock;
