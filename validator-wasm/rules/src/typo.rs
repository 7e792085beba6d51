//! Typing errors in well-known names: the optimal string alignment distance (insertion, deletion, substitution,
//! transposition of neighbours), up to two. A mask of letters and the lengths rule out nearly every name; with the
//! few that are left, walking along both texts and branching where they differ is shorter and quicker than any
//! table, bit-parallel ones included, for a walk ends at the first difference too many.

use crate::presets::{Directory, Entry, HOSTS, List};
use crate::text::{find, rsplit_once};

/// Whether at most so many slips lie between two texts.
pub(crate) fn is_within(one: &[u8], other: &[u8], most: u8) -> bool {
    // What both begin with costs nothing in some shortest way from one to the other.
    let (mut one, mut other) = (one, other);
    while let ([a, rest_of_one @ ..], [b, rest_of_other @ ..]) = (one, other)
        && a == b
    {
        (one, other) = (rest_of_one, rest_of_other);
    }
    let (Some((a, rest_of_one)), Some((b, rest_of_other))) = (one.split_first(), other.split_first()) else {
        return one.len() + other.len() <= usize::from(most);
    };
    let Some(less) = most.checked_sub(1) else { return false };
    is_within(rest_of_one, rest_of_other, less)
        || is_within(rest_of_one, other, less)
        || is_within(one, rest_of_other, less)
        || match (rest_of_one, rest_of_other) {
            ([c, one @ ..], [d, other @ ..]) => a == d && b == c && is_within(one, other, less),
            _ => false,
        }
}

/// A bit for each letter, and one for everything else: one slip changes at most one bit on either side.
pub(crate) fn letters(text: &[u8]) -> u32 {
    text.iter().fold(0, |mask, byte| mask | 1 << byte.wrapping_sub(b'a').min(31))
}

/// Whether the name stands for many.
pub(crate) fn is_pattern(name: &[u8]) -> bool {
    find(name, b'*').is_some()
}

/// How many slips to believe in: short names are too close to one another for any.
pub(crate) fn believable_slips(name: &[u8]) -> u8 {
    match main_label(name).len() {
        _ if is_pattern(name) => 0,
        8.. => 2,
        4.. => 1,
        _ => 0,
    }
}

/// The name of the list that this text, in lower case, was probably meant to be.
pub(crate) fn nearest<'d>(directory: &'d Directory, list: List, text: &[u8], mask: u32) -> Option<&'d Entry> {
    let mut best: Option<(u8, &Entry)> = None;
    for entry in directory.of_lengths(list, text.len().saturating_sub(2), text.len() + 2) {
        let most = u32::from(entry.most);
        if (mask & !entry.letters).count_ones() > most || (entry.letters & !mask).count_ones() > most {
            continue;
        }
        // A slip beside a short main label is believable.
        if (entry.most > entry.slips && main_label(text) != main_label(entry.name))
            || is_other_country(text, entry.name)
            || (list == HOSTS && is_numbered(text, entry.name))
        {
            continue;
        }
        let least = (1..=entry.most).find(|slips| is_within(text, entry.name, *slips));
        // The first in the table of those with the fewest slips.
        if let Some(slips) = least
            && best.is_none_or(|(least, first)| (slips, place(entry)) < (least, place(first)))
        {
            best = Some((slips, entry));
        }
    }
    best.map(|(_, entry)| entry)
}

/// Where in the table the name stands.
fn place(entry: &Entry) -> *const u8 {
    entry.name.as_ptr()
}

/// `hotmail.be` beside `hotmail.de` is the same provider in another country, not a slip.
fn is_other_country(text: &[u8], candidate: &[u8]) -> bool {
    let (Some((rest, country)), Some((same, other))) =
        (rsplit_once(text, b'.'), rsplit_once(candidate, b'.'))
    else {
        return false;
    };
    rest == same && country.len() == 2 && other.len() == 2
}

/// `smtp2` beside `smtp` is another server, not a slip.
fn is_numbered(text: &[u8], candidate: &[u8]) -> bool {
    let significant = |byte: &&u8| !byte.is_ascii_digit() && **byte != b'-';
    text.iter().filter(significant).eq(candidate.iter().filter(significant))
}

/// The label before the top-level one.
fn main_label(name: &[u8]) -> &[u8] {
    let rest = rsplit_once(name, b'.').map_or(&b""[..], |(rest, _)| rest);
    rsplit_once(rest, b'.').map_or(rest, |(_, label)| label)
}

#[cfg(test)]
mod tests {
    use super::is_within;
    use crate::presets::{Directory, Mail};

    /// The textbook's table.
    fn plain(a: &str, b: &str) -> u32 {
        let (a, b) = (a.as_bytes(), b.as_bytes());
        let mut table = alloc::vec![alloc::vec![0; b.len() + 1]; a.len() + 1];
        for i in 0..=a.len() {
            for j in 0..=b.len() {
                table[i][j] = if i == 0 || j == 0 {
                    i + j
                } else {
                    let step = usize::from(a[i - 1] != b[j - 1]);
                    let mut least =
                        (table[i - 1][j] + 1).min(table[i][j - 1] + 1).min(table[i - 1][j - 1] + step);
                    if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                        least = least.min(table[i - 2][j - 2] + 1);
                    }
                    least
                };
            }
        }
        table[a.len()][b.len()] as u32
    }

    #[test]
    fn the_walk_is_the_table() {
        let words = [
            "",
            "a",
            "ab",
            "ba",
            "abc",
            "acb",
            "smtp",
            "stmp",
            "smtpp",
            "gmail.com",
            "gmial.com",
            "gmal.com",
            "ca",
            "abcabcabc",
            "bacbacbac",
            "smtp.office365.com",
            "smtp.ofice365.con",
        ];
        let mut words: alloc::vec::Vec<alloc::string::String> = words.into_iter().map(Into::into).collect();
        // And all of three letters up to a length.
        for length in 1..=4_u32 {
            for number in 0..3_u32.pow(length) {
                words.push(
                    (0..length)
                        .map(|place| ['a', 'b', 'c'][(number / 3_u32.pow(place) % 3) as usize])
                        .collect(),
                );
            }
        }
        for a in &words {
            for b in &words {
                for most in 0..3 {
                    let within = is_within(a.as_bytes(), b.as_bytes(), most);
                    assert_eq!(within, plain(a, b) <= u32::from(most), "{a} {b} {most}");
                }
            }
        }
    }

    #[test]
    fn mail_domains() {
        let directory = Directory::new();
        for (domain, expected) in [
            ("gmial.com", Some("gmail.com")),
            ("gmail.co", Some("gmail.com")),
            ("gamil.com", Some("gmail.com")),
            ("hotnail.com", Some("hotmail.com")),
            ("yaho.com", Some("yahoo.com")),
            ("outlok.com", Some("outlook.com")),
            ("gmail.com", None),
            ("mail.com", None),
            ("email.com", None),
            ("gmx.ch", None),
            ("gmx.dk", None),
            ("hotmail.be", None),
            ("yahoo.se", None),
            ("hotmial.fr", Some("hotmail.fr")),
            ("example.com", None),
            ("yourservice.com", None),
        ] {
            let nearest = match directory.mail_domain(domain.as_bytes()) {
                Mail::Unknown(nearest) => nearest,
                Mail::Known(_) => None,
            };
            assert_eq!(nearest, expected.map(str::as_bytes), "{domain}");
        }
    }
}
