//! The name line, and how a name that is too long is cut (Doc 9303-5, section 4.2.3).
//!
//! The standard offers several ways. This one keeps the beginning of the name: components of the primary identifier
//! become initials from the last to the second until one letter of the secondary identifier has room; the secondary
//! identifier is cut letter by letter from its last component, and components that not even their initials fit are left
//! out. The last position is then a letter, which tells the reader that the name may have been cut.

use super::LINE;
use crate::document::profile::NameSeparator;

/// Line 3 from transliterated words, the family name first as Vietnamese names are written.
pub(super) fn line(words: &[String], separator: NameSeparator) -> String {
    let (primary, secondary) = match separator {
        NameSeparator::Single => (words, &[][..]),
        NameSeparator::Icao => words.split_at(words.len().min(1)),
    };
    format!("{:<<LINE$}", identifiers(primary, secondary))
}

/// Primary and secondary identifier in at most thirty characters.
fn identifiers(primary: &[String], secondary: &[String]) -> String {
    if secondary.is_empty() {
        return join(&cut(primary, LINE));
    }
    let whole = width(primary) + 2 + width(secondary);
    if whole <= LINE {
        return format!("{}<<{}", join(primary), join(secondary));
    }
    let room = LINE - 3;
    let primary = cut(&initials(primary, room), room);
    let secondary = cut(secondary, LINE - 2 - width(&primary));
    format!("{}<<{}", join(&primary), join(&secondary))
}

/// Components from the last to the second become initials until all fit.
fn initials(words: &[String], room: usize) -> Vec<String> {
    let mut words = words.to_vec();
    for index in (1..words.len()).rev() {
        if width(&words) <= room {
            break;
        }
        words[index].truncate(1);
    }
    words
}

/// Leaves out the components that not even their initials fit, and cuts the others letter by letter from the last.
fn cut(words: &[String], room: usize) -> Vec<String> {
    // Initials and the fillers between them: 1, 3, 5, …
    let mut words: Vec<String> = words.iter().take(room.div_ceil(2)).cloned().collect();
    let mut excess = width(&words).saturating_sub(room);
    for word in words.iter_mut().rev() {
        let less = excess.min(word.len().saturating_sub(1));
        word.truncate(word.len() - less);
        excess -= less;
    }
    words
}

/// Characters of the components with a filler between them.
fn width(words: &[String]) -> usize {
    words.iter().map(String::len).sum::<usize>() + words.len().saturating_sub(1)
}

fn join(words: &[String]) -> String {
    words.join("<")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn composed(primary: &str, secondary: &str) -> String {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        format!("{:<<LINE$}", identifiers(&words(primary), &words(secondary)))
    }

    #[test]
    fn the_examples_of_doc_9303_5() {
        for (primary, secondary, line) in [
            (
                "NILAVADHANANANDA",
                "CHAYAPA DEJTHAMRONG KRASUANG",
                "NILAVADHANANANDA<<CHAYAPA<DE<K",
            ),
            (
                "BENNELONG WOOLOOMOOLOO WARRANDYTE WARNAMBOOL",
                "DINGO POTOROO",
                "BENNELONG<WOOLOOMOOLOO<W<W<<DI",
            ),
            (
                "PAPANDROPOULOUS",
                "JONATHON ALEC",
                "PAPANDROPOULOUS<<JONATHON<ALEC",
            ),
            ("VAN DER MUELLEN", "MARTIN", "VAN<DER<MUELLEN<<MARTIN<<<<<<<"),
            (
                "AL BASRI",
                "HUDA MUHAMMAD JAWAD",
                "AL<BASRI<<HUDA<MUHAMMAD<JAWAD<",
            ),
            (
                "VILARCHAO FERNANDEZ",
                "JOSE RAMON",
                "VILARCHAO<FERNANDEZ<<JOSE<RAMO",
            ),
            ("SATRIYA SUDARPA", "", "SATRIYA<SUDARPA<<<<<<<<<<<<<<<"),
            ("ARKFREITH", "", "ARKFREITH<<<<<<<<<<<<<<<<<<<<<"),
            ("ERIKSSON", "ANNA MARIA", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<"),
        ] {
            assert_eq!(composed(primary, secondary), line);
        }
    }

    #[test]
    fn the_separator_is_the_profile_s_choice() {
        let words = ["DO", "VAN", "DAT"].map(str::to_owned);
        assert_eq!(
            line(&words, NameSeparator::Single),
            "DO<VAN<DAT<<<<<<<<<<<<<<<<<<<<"
        );
        assert_eq!(
            line(&words, NameSeparator::Icao),
            "DO<<VAN<DAT<<<<<<<<<<<<<<<<<<<"
        );
    }

    proptest! {
        #[test]
        fn a_cut_name_fills_the_line_and_keeps_the_beginning_of_every_word(
            words in prop::collection::vec("[A-Z]{1,20}", 1..12),
            icao: bool,
        ) {
            let separator = if icao { NameSeparator::Icao } else { NameSeparator::Single };
            let line = line(&words, separator);
            prop_assert_eq!(line.len(), LINE);
            let kept: Vec<&str> = line.split('<').filter(|word| !word.is_empty()).collect();
            let whole = kept.len() == words.len() && kept.iter().zip(&words).all(|(kept, word)| kept == word);
            prop_assert!(kept.iter().zip(&words).all(|(kept, word)| word.starts_with(kept)));
            prop_assert_eq!(line.contains("<<"), line.ends_with("<<") || (icao && words.len() > 1));
            // Only words of one letter each can leave the last position empty when some had to be left out.
            let single = kept.iter().skip(usize::from(icao)).all(|word| word.len() == 1);
            prop_assert!(whole || !line.ends_with('<') || single);
        }
    }
}
