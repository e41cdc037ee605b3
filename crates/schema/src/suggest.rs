//! Did you mean …?

/// Words people write for ours.
const SYNONYMS: &[(&str, &str)] = &[
    ("bool", "boolean"),
    ("switch", "boolean"),
    ("int", "integer"),
    ("uint", "integer"),
    ("double", "float"),
    ("number", "float"),
    ("real", "float"),
    ("string", "text"),
    ("enum", "choice"),
    ("list", "choice"),
    ("C", "celsius"),
    ("°C", "celsius"),
    ("F", "fahrenheit"),
    ("%", "percent"),
    ("W", "watt"),
    ("kW", "kilowatt"),
    ("kWh", "kilowatt-hour"),
    ("Wh", "watt-hour"),
    ("hPa", "hectopascal"),
    ("mbar", "hectopascal"),
    ("V", "volt"),
    ("A", "ampere"),
    ("lx", "lux"),
    ("km/h", "kilometre-per-hour"),
    ("m/s", "metre-per-second"),
    ("µg/m³", "microgram-per-cubic-metre"),
    ("initial", "starts"),
    ("start", "starts"),
    ("default", "starts"),
    ("value", "starts"),
    ("name", "label"),
    ("min", "range"),
    ("max", "range"),
    ("decimals", "precision"),
    ("interval", "every"),
    ("period", "every"),
    ("tau", "over"),
    ("target", "toward"),
    ("towards", "toward"),
    ("time_constant", "over"),
    ("random_walk", "random-walk"),
    ("ornstein_uhlenbeck", "ornstein-uhlenbeck"),
    ("number_of", "count"),
    ("lasts", "for"),
    ("probability", "chance"),
    ("kind", "fault"),
    ("if", "when"),
    ("quantize", "quantise"),
    ("tls", "starttls"),
    ("none", "plain"),
];

/// The word of `known` that `written` was probably meant to be.
pub(crate) fn closest<'k>(written: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let folded = written.to_lowercase();
    let mut best: Option<(usize, &str)> = None;
    let known: Vec<&str> = known.into_iter().collect();
    for &word in &known {
        let distance = strsim::osa_distance(&folded, &word.to_lowercase());
        // A third of the word may be wrong, but never all of it.
        let allowed = (word.chars().count().max(folded.chars().count()) / 3).max(1);
        let near = distance <= allowed && distance < word.chars().count();
        if near && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, word));
        }
    }
    let synonym = || {
        let (_, word) = SYNONYMS.iter().find(|(from, to)| *from == written && known.contains(to))?;
        known.iter().find(|known| *known == word).copied()
    };
    best.map(|(_, word)| word).filter(|word| word.len() > 1).or_else(synonym)
}

/// The advice for a word that is not among `known`: the likely one, else all of them.
pub(crate) fn advice<'k>(written: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match closest(written, known.iter().copied()) {
        Some(word) => format!("did you mean `{word}`?"),
        None if known.is_empty() => "there is nothing it could be".to_owned(),
        None => format!("it can be {}", listed(&known)),
    }
}

/// `a, b or c`.
pub(crate) fn listed(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => format!("`{one}`"),
        [most @ .., last] => {
            let most: Vec<String> = most.iter().map(|word| format!("`{word}`")).collect();
            format!("{} or `{last}`", most.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_word_and_nonsense_finds_none() {
        let known = ["behaviour", "label", "unit"];
        assert_eq!(closest("behavior", known), Some("behaviour"));
        assert_eq!(closest("Unit", known), Some("unit"));
        assert_eq!(closest("zebra", known), None);
        assert_eq!(closest("kWh", ["watt", "kilowatt-hour"]), Some("kilowatt-hour"));
    }

    #[test]
    fn advice_lists_what_there_is_when_nothing_is_near() {
        assert_eq!(advice("zebra", ["on", "off", "auto"]), "it can be `on`, `off` or `auto`");
    }
}
