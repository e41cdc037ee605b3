//! What a person types after `/`: words that all have to apply.
//!
//! A word is looked for as it is, `~word` is a regular expression, and `!` before either turns it around. Case does not
//! count.

use regex::{Regex, RegexBuilder};

/// Words that all have to apply to a text.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    text: String,
    words: Vec<Word>,
}

#[derive(Clone, Debug)]
struct Word {
    is_inverse: bool,
    pattern: Pattern,
}

#[derive(Clone, Debug)]
enum Pattern {
    Plain(String),
    Regex(Regex),
}

/// Why a filter is none.
#[derive(Debug, thiserror::Error)]
#[error("`{word}` is no regular expression")]
pub struct FilterError {
    word: String,
    #[source]
    source: regex::Error,
}

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// [`FilterError`] for a regular expression that is none.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        let words = text.split_whitespace().filter_map(|word| Word::parse(word).transpose());
        Ok(Self { text: text.trim().to_owned(), words: words.collect::<Result<_, _>>()? })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether everything passes.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Whether a text in lower case passes.
    pub fn takes(&self, lower_case: &str) -> bool {
        self.words.iter().all(|word| word.pattern.finds(lower_case) != word.is_inverse)
    }
}

impl Word {
    /// Reads a word; `None` as long as nothing stands behind its signs.
    fn parse(word: &str) -> Result<Option<Self>, FilterError> {
        let (is_inverse, rest) = word.strip_prefix('!').map_or((false, word), |rest| (true, rest));
        let pattern = match rest.strip_prefix('~') {
            Some(regex) => {
                let regex = RegexBuilder::new(regex).case_insensitive(true).size_limit(1 << 20).build();
                Pattern::Regex(regex.map_err(|source| FilterError { word: word.to_owned(), source })?)
            }
            None => Pattern::Plain(rest.to_lowercase()),
        };
        let is_there = !rest.is_empty() && rest != "~";
        Ok(is_there.then_some(Self { is_inverse, pattern }))
    }
}

impl Pattern {
    fn finds(&self, text: &str) -> bool {
        match self {
            Self::Plain(word) => text.contains(word),
            Self::Regex(regex) => regex.is_match(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_words_have_to_apply() {
        for (filter, text, passes) in [
            ("", "kettle-1 kettle online", true),
            ("KET", "kettle-1 kettle online", true),
            ("ket onl", "kettle-1 kettle online", true),
            ("ket !onl", "kettle-1 kettle online", false),
            ("!lamp", "kettle-1 kettle online", true),
            ("~^kettle-[0-9]+", "kettle-12 kettle online", true),
            ("!~^kettle-1\\b", "kettle-12 kettle online", true),
            ("~LAMP|KETTLE", "kettle-12 kettle online", true),
            ("!", "anything", true),
            ("~", "anything", true),
        ] {
            assert_eq!(Filter::parse(filter).unwrap().takes(text), passes, "{filter} {text}");
        }
    }

    #[test]
    fn a_regular_expression_that_is_none_is_named() {
        let error = Filter::parse("ok ~(").unwrap_err();
        assert_eq!(error.to_string(), "`~(` is no regular expression");
    }
}
