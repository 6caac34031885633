//! Clips: lists, deletions and URLs.

mod deletions;
mod lists;
mod urls;
