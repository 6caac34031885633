//! Text: U+0000 is refused before anything is sent, by the name of its field; everything else round-trips.
