//! What settings may hold so that every PostgreSQL can store and return them. The text is known to be JSON.

/// PostgreSQL parses JSON by recursion, as deep as `max_stack_depth` allows: 13,000 levels by default.
const DEEPEST: u32 = 2_000;

/// PostgreSQL returns numbers without an exponent, and allows up to 131,072 digits before the point and 16,383 after
/// it: settings of a few kilobytes could become gigabytes when they are read.
const LONGEST_NUMBER: usize = 1_000;

/// Checks that PostgreSQL can store a JSON text; else returns the reason.
pub(super) fn check(json: &str) -> Result<(), &'static str> {
    if is_plain(json) {
        return Ok(());
    }
    let (mut rest, mut depth) = (json, 0_u32);
    while let Some(first) = rest.bytes().next() {
        let length = match first {
            b'"' => length_of_string(rest),
            b'-' | b'0'..=b'9' => length_of_number(rest),
            _ => 1,
        };
        let (token, behind) = rest.split_at(length);
        match first {
            b'"' => check_escapes(token)?,
            b'-' | b'0'..=b'9' => check_number(token)?,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        if depth > DEEPEST {
            return Err("is nested more than 2,000 levels deep");
        }
        rest = behind;
    }
    Ok(())
}

/// Whether it is short and has no escapes or exponents, as most settings. Nothing in such a text is refused, so its
/// tokens need not be read.
fn is_plain(json: &str) -> bool {
    let bytes = json.as_bytes();
    bytes.len() <= LONGEST_NUMBER
        && !bytes.contains(&b'\\')
        && !bytes.windows(2).any(|pair| pair[0].is_ascii_digit() && matches!(pair[1], b'e' | b'E'))
}

/// Up to and including the closing quote.
fn length_of_string(text: &str) -> usize {
    let mut escaped = true;
    let end = text.bytes().position(|byte| {
        let closes = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        closes
    });
    end.map_or(text.len(), |end| end + 1)
}

fn length_of_number(text: &str) -> usize {
    text.find(|c: char| !matches!(c, '0'..='9' | '-' | '+' | '.' | 'e' | 'E')).unwrap_or(text.len())
}

fn check_number(number: &str) -> Result<(), &'static str> {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let zeros = exponent.parse::<i32>().ok().and_then(|exponent| usize::try_from(exponent.unsigned_abs()).ok());
    match zeros.and_then(|zeros| zeros.checked_add(mantissa.len())) {
        Some(length) if length <= LONGEST_NUMBER => Ok(()),
        _ => Err("holds a number of more than 1,000 digits"),
    }
}

/// PostgreSQL's jsonb holds neither `\u0000` nor half a surrogate pair.
fn check_escapes(json: &str) -> Result<(), &'static str> {
    let mut rest = json;
    while let Some(backslash) = rest.find('\\') {
        rest = &rest[backslash + 1..];
        rest = match code_unit(rest) {
            None => rest.get(1..).unwrap_or_default(),
            Some(0) => return Err("holds U+0000, which PostgreSQL cannot store"),
            Some(0xD800..=0xDBFF) => {
                let low = rest[5..].strip_prefix('\\').filter(|low| matches!(code_unit(low), Some(0xDC00..=0xDFFF)));
                &low.ok_or("holds half a surrogate pair, which is no Unicode text")?[5..]
            }
            Some(0xDC00..=0xDFFF) => return Err("holds half a surrogate pair, which is no Unicode text"),
            Some(_) => &rest[5..],
        };
    }
    Ok(())
}

/// The four hexadecimal digits after `\u`.
fn code_unit(escape: &str) -> Option<u16> {
    u16::from_str_radix(escape.strip_prefix('u')?.get(..4)?, 16).ok()
}
