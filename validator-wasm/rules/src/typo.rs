//! Typing errors in well-known names: the optimal string alignment distance (insertion, deletion, substitution,
//! transposition of neighbours) of at most two edits, by bounded recursion.
//!
//! A mask of letters and the lengths rule out nearly every name. For the few that are left, a walk along both texts
//! that branches where they differ is shorter and quicker than any table, bit-parallel ones included: it ends at the
//! first edit too many.

use crate::text::{find, rsplit_once};

/// Whether the distance between two texts is at most so many edits.
pub(crate) fn is_within(one: &[u8], other: &[u8], max_edits: u8) -> bool {
    // Some shortest row of edits leaves the common start as it is.
    let (mut one, mut other) = (one, other);
    while let ([a, rest_of_one @ ..], [b, rest_of_other @ ..]) = (one, other)
        && a == b
    {
        (one, other) = (rest_of_one, rest_of_other);
    }
    let (Some((a, rest_of_one)), Some((b, rest_of_other))) = (one.split_first(), other.split_first()) else {
        return one.len() + other.len() <= usize::from(max_edits);
    };
    let Some(less) = max_edits.checked_sub(1) else { return false };
    is_within(rest_of_one, rest_of_other, less)
        || is_within(rest_of_one, other, less)
        || is_within(one, rest_of_other, less)
        || match (rest_of_one, rest_of_other) {
            ([c, one @ ..], [d, other @ ..]) => a == d && b == c && is_within(one, other, less),
            _ => false,
        }
}

/// A bit for each letter in the text, and one for all other characters.
pub(crate) fn letters(text: &[u8]) -> u32 {
    text.iter().fold(0, |mask, byte| mask | 1 << byte.wrapping_sub(b'a').min(31))
}

/// Whether the letters of two texts rule out that at most so many edits lie between them: an edit changes at most one
/// bit of either.
pub(crate) fn letters_differ(one: u32, other: u32, max_edits: u8) -> bool {
    let max = u32::from(max_edits);
    (one & !other).count_ones() > max || (other & !one).count_ones() > max
}

/// Whether the name is a pattern, which stands for many names.
pub(crate) fn is_pattern(name: &[u8]) -> bool {
    find(name, b'*').is_some()
}

/// The most edits between a name and a typing error of it. Short names are too close to one another for any.
pub(crate) fn max_edits(name: &[u8]) -> u8 {
    match main_label(name).len() {
        _ if is_pattern(name) => 0,
        8.. => 2,
        4.. => 1,
        _ => 0,
    }
}

/// Whether only the country differs: `hotmail.be` beside `hotmail.de` is the same provider, not a typing error.
pub(crate) fn is_other_country(text: &[u8], candidate: &[u8]) -> bool {
    let (Some((rest, country)), Some((same, other))) =
        (rsplit_once(text, b'.'), rsplit_once(candidate, b'.'))
    else {
        return false;
    };
    rest == same && country.len() == 2 && other.len() == 2
}

/// Whether only digits and hyphens differ: `smtp2` beside `smtp` is another server, not a typing error. Digits of the
/// second-level label are part of the provider's name: `office356` beside `office365` is one.
pub(crate) fn is_numbered(text: &[u8], candidate: &[u8]) -> bool {
    let is_significant = |byte: &&u8| !byte.is_ascii_digit() && **byte != b'-';
    let is_digit = |byte: &&u8| byte.is_ascii_digit();
    text.iter().filter(is_significant).eq(candidate.iter().filter(is_significant))
        && main_label(text).iter().filter(is_digit).eq(main_label(candidate).iter().filter(is_digit))
}

/// The second-level label: the one before the last.
pub(crate) fn main_label(name: &[u8]) -> &[u8] {
    let rest = rsplit_once(name, b'.').map_or(&b""[..], |(rest, _)| rest);
    rsplit_once(rest, b'.').map_or(rest, |(_, label)| label)
}

#[cfg(test)]
mod tests {
    use super::is_within;

    /// The distance by the textbook's table.
    fn distance(a: &str, b: &str) -> u32 {
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
    fn the_walk_agrees_with_the_table() {
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
        // And all texts of three letters, up to a length of four.
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
                for max_edits in 0..3 {
                    let within = is_within(a.as_bytes(), b.as_bytes(), max_edits);
                    assert_eq!(within, distance(a, b) <= u32::from(max_edits), "{a} {b} {max_edits}");
                }
            }
        }
    }
}
