//! What was probably meant: for errors that say what would be right.

/// `; did you mean "x"?` for the nearest of the known names, the list when none is near, nothing when there are none.
pub fn nearest<'a>(given: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let near = known.clone().map(|k| (strsim::damerau_levenshtein(given, k), k)).min();
    match near {
        Some((distance, name)) if distance <= given.len().max(3) / 2 => format!("; did you mean {name:?}?"),
        Some(_) => format!("; there are {}", known.collect::<Vec<_>>().join(", ")),
        None => String::new(),
    }
}

/// A TOML error's message, with the nearest valid name where it says "unknown field `x`, expected one of `a`, `b`".
pub fn with_nearest(message: &str) -> String {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    match quoted.split_first() {
        Some((given, known)) if message.starts_with("unknown") && !known.is_empty() => {
            format!("{}{}", message.trim_end_matches('.'), nearest(given, known.iter().copied()))
        }
        _ => message.to_owned(),
    }
}

/// The line of a text that its byte `at` lies in, counted from 1.
pub fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes()[..at.min(text.len())].iter().filter(|b| **b == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_gets_its_name_and_a_guess_gets_the_list() {
        let known = || ["airflow", "filter_dp"].into_iter();
        assert_eq!(nearest("airflo", known()), "; did you mean \"airflow\"?");
        assert_eq!(nearest("q", known()), "; there are airflow, filter_dp");
        assert_eq!(nearest("q", [].into_iter()), "");
        let told = with_nearest("unknown field `tag`, expected one of `title`, `tags`");
        assert_eq!(told, "unknown field `tag`, expected one of `title`, `tags`; did you mean \"tags\"?");
        assert_eq!(with_nearest("missing field `title`"), "missing field `title`");
        assert_eq!(line_of("a\nb\nc", 2), 2);
    }
}
