//! Finds the position of a preparation error in a .sql file. cornucopia sends a query without comments and blank lines and
//! with `$1` for `:name`. It adds PostgreSQL's position in that text (in characters) to the query's offset in the file.

/// Converts the offset that cornucopia reported into an offset in `file`.
pub fn in_file(file: &str, reported: usize) -> usize {
    let Some(query) = queries(file).into_iter().rfind(|start| *start <= reported) else {
        return reported;
    };
    let end = file[query..].find("\n--!").map_or(file.len(), |length| query + length);
    if reported >= end {
        return reported;
    }
    sent_offsets(&file[query..end]).get(reported - query).map_or(reported, |offset| query + offset)
}

/// The line and column of an offset. Both start at 1, and the column counts characters.
pub fn line_and_column(file: &str, offset: usize) -> (usize, usize) {
    let before = &file[..file.floor_char_boundary(offset)];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// Where the SQL of each query starts: after its `--!` line and the `---` and `--#` lines that follow.
fn queries(file: &str) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut offset = 0;
    let mut annotated = false;
    for line in file.split_inclusive('\n') {
        let annotation = line.starts_with("--!");
        if annotated && !annotation && !line.starts_with("---") && !line.starts_with("--#") {
            starts.push(offset);
            annotated = false;
        }
        annotated |= annotation;
        offset += line.len();
    }
    starts
}

/// The offset in `sql` of each character that is sent.
fn sent_offsets(sql: &str) -> Vec<usize> {
    let kept = without_blank_lines(&without_comments(sql));
    let mut names: Vec<String> = Vec::new();
    let mut offsets = Vec::new();
    let mut rest = &kept[..];
    let mut quote = None;
    while let Some(((offset, character), tail)) = rest.split_first() {
        let name: String = tail.iter().map(|(_, c)| *c).take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        let cast = tail.first().is_some_and(|(_, next)| *next == ':');
        rest = tail;
        if quote.is_none() && *character == ':' && cast {
            offsets.extend([*offset, tail[0].0]);
            rest = &tail[1..];
        } else if quote.is_none() && *character == ':' && !name.is_empty() {
            rest = &tail[name.chars().count()..];
            let number = names.iter().position(|known| *known == name).unwrap_or(names.len());
            if number == names.len() {
                names.push(name);
            }
            offsets.extend(format!("${}", number + 1).chars().map(|_| *offset));
        } else {
            quote = in_quotes(quote, *character);
            offsets.push(*offset);
        }
    }
    offsets
}

fn in_quotes(quote: Option<char>, character: char) -> Option<char> {
    match quote {
        None if character == '\'' || character == '"' => Some(character),
        Some(open) if open == character => None,
        unchanged => unchanged,
    }
}

fn without_comments(sql: &str) -> Vec<(usize, char)> {
    let mut kept = Vec::new();
    let mut quote = None;
    let mut comment = false;
    for (offset, character) in sql.char_indices() {
        comment = (comment && character != '\n') || (quote.is_none() && sql[offset..].starts_with("--"));
        if !comment {
            quote = in_quotes(quote, character);
            kept.push((offset, character));
        }
    }
    kept
}

fn without_blank_lines(text: &[(usize, char)]) -> Vec<(usize, char)> {
    text.split_inclusive(|(_, character)| *character == '\n')
        .filter(|line| line.iter().any(|(_, character)| !character.is_whitespace()))
        .flatten()
        .copied()
        .collect()
}
