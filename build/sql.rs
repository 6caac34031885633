//! Reads SQL as far as the lint of migrations needs it: statements of tokens, each with its line, and the comments that
//! have a line of their own. Words in strings, comments, quoted names and `$$` bodies are not taken for SQL.

use std::collections::BTreeMap;

/// A file's content.
pub struct Script {
    /// In order; none is empty.
    pub statements: Vec<Vec<Token>>,
    /// By line; with the dashes. Only comments in front of which their line holds nothing.
    pub comments: BTreeMap<usize, String>,
}

/// A part of a statement.
#[derive(Clone)]
pub struct Token {
    pub kind: Kind,
    /// A word in lower case; a name or string without its quotes; one character of anything else.
    pub text: String,
    /// From 1.
    pub line: usize,
}

/// What a token is; the last three never become one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A keyword, a name without quotes or a number.
    Word,
    /// `"A name"`.
    Name,
    /// `'…'` or `e'…'`.
    Text,
    /// `$$…$$`.
    Body,
    Symbol,
    Comment,
    BlockComment,
    Space,
}

impl Token {
    /// If it is this keyword or symbol.
    pub fn is(&self, text: &str) -> bool {
        matches!(self.kind, Kind::Word | Kind::Symbol) && self.text == text
    }
}

impl Script {
    pub fn read(sql: &str) -> Self {
        let mut tokens = Vec::new();
        let mut comments = BTreeMap::new();
        let (mut rest, mut line, mut line_is_empty) = (sql, 1, true);
        while let Some((kind, length)) = next(rest) {
            let (source, tail) = rest.split_at(length);
            match kind {
                Kind::Comment if line_is_empty => _ = comments.insert(line, source.to_owned()),
                Kind::Comment | Kind::BlockComment | Kind::Space => {}
                _ => tokens.push(Token { kind, text: text(kind, source), line }),
            }
            line_is_empty = kind == Kind::Space && (line_is_empty || source == "\n");
            line += source.matches('\n').count();
            rest = tail;
        }
        Self { statements: split(tokens), comments }
    }
}

/// Kind and length of what the text begins with; what is never closed reaches to the end.
fn next(rest: &str) -> Option<(Kind, usize)> {
    let first = rest.chars().next()?;
    Some(match first {
        _ if rest.starts_with("--") => (Kind::Comment, rest.find('\n').unwrap_or(rest.len())),
        _ if rest.starts_with("/*") => (Kind::BlockComment, block_comment(rest)),
        '\'' => (Kind::Text, quoted(rest, first, false)),
        'e' | 'E' if rest[1..].starts_with('\'') => (Kind::Text, 1 + quoted(&rest[1..], '\'', true)),
        '"' => (Kind::Name, quoted(rest, first, false)),
        '$' => dollar_quote(rest).map_or((Kind::Symbol, 1), |quote| (Kind::Body, dollar_quoted(rest, quote))),
        _ if first.is_ascii_whitespace() || first == '\x0b' => (Kind::Space, 1),
        _ if in_word(first) => (Kind::Word, rest.find(|c| !in_word(c)).unwrap_or(rest.len())),
        _ => (Kind::Symbol, first.len_utf8()),
    })
}

/// PostgreSQL counts every character beyond ASCII as a letter.
fn in_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '_' | '$') || !character.is_ascii()
}

/// Block comments nest.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        match rest.as_bytes().get(at..at + 2) {
            Some(b"/*") => (depth, at) = (depth + 1, at + 2),
            Some(b"*/") => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// To the quote that closes: a doubled one does not.
fn quoted(rest: &str, quote: char, backslash_escapes: bool) -> usize {
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((at, character)) = characters.next() {
        if character == '\\' && backslash_escapes {
            characters.next();
        } else if character == quote && characters.next_if(|(_, following)| *following == quote).is_none() {
            return at + 1;
        }
    }
    rest.len()
}

/// The `$tag$` that the text begins with.
fn dollar_quote(rest: &str) -> Option<&str> {
    let end = rest.strip_prefix('$')?.find('$')? + 1;
    let tag = &rest[1..end];
    let is_tag = tag.chars().all(in_word) && !tag.starts_with(|c: char| c.is_ascii_digit());
    is_tag.then_some(&rest[..=end])
}

fn dollar_quoted(rest: &str, quote: &str) -> usize {
    rest[quote.len()..].find(quote).map_or(rest.len(), |length| length + 2 * quote.len())
}

fn text(kind: Kind, source: &str) -> String {
    let within = |quote: &str| {
        let opened = source.split_once(quote).map_or(source, |(_, inner)| inner);
        opened.strip_suffix(quote).unwrap_or(opened).replace(&quote.repeat(2), quote)
    };
    match kind {
        Kind::Word => source.to_lowercase(),
        Kind::Name => within("\""),
        Kind::Text => within("'"),
        _ => source.to_owned(),
    }
}

/// A `;` in parentheses or in a function's `begin atomic … end` ends no statement.
fn split(tokens: Vec<Token>) -> Vec<Vec<Token>> {
    let mut statements = vec![Vec::new()];
    let (mut parentheses, mut blocks) = (0_usize, 0_usize);
    for token in tokens {
        let Some(statement) = statements.last_mut() else { continue };
        match token.text.as_str() {
            ";" if token.is(";") && parentheses == 0 && blocks == 0 => {
                statements.push(Vec::new());
                continue;
            }
            "(" if token.is("(") => parentheses += 1,
            ")" if token.is(")") => parentheses = parentheses.saturating_sub(1),
            "atomic" if statement.last().is_some_and(|last: &Token| last.is("begin")) => blocks += 1,
            "case" if token.is("case") => blocks += 1,
            "end" if token.is("end") => blocks = blocks.saturating_sub(1),
            _ => {}
        }
        statement.push(token);
    }
    statements.retain(|statement| !statement.is_empty());
    statements
}

/// What follows if the tokens begin with these words.
pub fn after<'a>(tokens: &'a [Token], words: &str) -> Option<&'a [Token]> {
    words.split(' ').try_fold(tokens, |rest, word| {
        let (first, rest) = rest.split_first()?;
        first.is(word).then_some(rest)
    })
}

/// The tokens without the optional words that they begin with.
pub fn skip<'a>(tokens: &'a [Token], optional: &[&str]) -> &'a [Token] {
    optional.iter().fold(tokens, |rest, words| after(rest, words).unwrap_or(rest))
}

pub fn contains(tokens: &[Token], words: &str) -> bool {
    (0..tokens.len()).any(|start| after(&tokens[start..], words).is_some())
}

/// The last part of the name that the tokens begin with (`b` of `a.b`), and what follows it.
pub fn name(tokens: &[Token]) -> Option<(&str, &[Token])> {
    let (first, rest) = tokens.split_first()?;
    match after(rest, ".") {
        Some(further) => name(further),
        None => Some((&first.text, rest)),
    }
}

/// The tokens that are in no parentheses.
pub fn outline(tokens: &[Token]) -> Vec<Token> {
    let mut depth = 0_usize;
    let mut outside = |token: &&Token| {
        depth = depth.saturating_sub(usize::from(token.is(")")));
        let outside = depth == 0 && !token.is("(") && !token.is(")");
        depth += usize::from(token.is("("));
        outside
    };
    tokens.iter().filter(|token| outside(token)).cloned().collect()
}
