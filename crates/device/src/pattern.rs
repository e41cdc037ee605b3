//! Patterns of names: `kettle-*`. The same for plans of faults, the control interface and the command line.

/// Whether a name is of a pattern, in which `*` stands for any characters and `?` for one. Takes time linear in both
/// for the patterns people write.
pub fn takes(pattern: &str, name: &str) -> bool {
    let (mut rest, mut name) = (pattern, name);
    // Where to go on after the last star has taken one character more.
    let mut retry = None;
    loop {
        let (mut wanted, mut there) = (rest.chars(), name.chars());
        match (wanted.next(), there.next()) {
            (Some('*'), _) => {
                rest = wanted.as_str();
                retry = Some((rest, name));
            }
            (Some(a), Some(b)) if a == '?' || a == b => (rest, name) = (wanted.as_str(), there.as_str()),
            (None, None) => return true,
            _ => {
                let Some((after_star, from)) = retry else { return false };
                let mut skipped = from.chars();
                if skipped.next().is_none() {
                    return false;
                }
                (rest, name) = (after_star, skipped.as_str());
                retry = Some((after_star, name));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_takes_whole_names() {
        for (pattern, name, fits) in [
            ("kettle", "kettle", true),
            ("kettle", "kettle-1", false),
            ("kettle-*", "kettle-12", true),
            ("*", "", true),
            ("*-1", "lamp-1-1", true),
            ("l?mp*1", "lamp-21", true),
            ("l?mp", "lmp", false),
            ("*a*b", "xaybz", false),
            ("", "x", false),
            ("?", "ü", true),
        ] {
            assert_eq!(takes(pattern, name), fits, "{pattern} {name}");
        }
    }
}
