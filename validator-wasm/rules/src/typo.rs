//! Typing errors in well-known names: the optimal string alignment distance (insertion, deletion,
//! substitution, transposition of neighbours), bit-parallel by Hyyrö's algorithm, behind a filter of letters.

use crate::presets::{PRESETS, Preset};

/// The distance between two ASCII texts; texts longer than 64 bytes are far from everything.
pub(crate) fn distance(text: &str, pattern: &str) -> u32 {
    let Some(last) = pattern.len().checked_sub(1) else { return text.len() as u32 };
    if last >= 64 {
        return u32::MAX;
    }
    let (mut ones, mut minus, mut diagonal, mut previous) = (u64::MAX, 0_u64, 0_u64, 0_u64);
    let mut score = pattern.len() as u32;
    for byte in text.bytes() {
        let matches = pattern.bytes().rev().fold(0_u64, |bits, other| (bits << 1) | u64::from(other == byte));
        diagonal = ((((!diagonal) & matches) << 1) & previous)
            | ((matches & ones).wrapping_add(ones) ^ ones)
            | matches
            | minus;
        let plus_step = minus | !(diagonal | ones);
        let minus_step = diagonal & ones;
        score += (plus_step >> last) as u32 & 1;
        score -= (minus_step >> last) as u32 & 1;
        let plus_step = (plus_step << 1) | 1;
        ones = (minus_step << 1) | !(diagonal | plus_step);
        minus = plus_step & diagonal;
        previous = matches;
    }
    score
}

/// A bit for each letter, and one for everything else: one edit changes at most one bit on either side.
const fn letters(text: &str) -> u32 {
    let bytes = text.as_bytes();
    let (mut mask, mut index) = (0_u32, 0);
    while index < bytes.len() {
        let byte = bytes[index];
        mask |= 1 << if byte.is_ascii_lowercase() { byte - b'a' } else { 31 };
        index += 1;
    }
    mask
}

const fn host_letters() -> [(u32, u8); PRESETS.len()] {
    let mut all = [(0, 0); PRESETS.len()];
    let mut index = 0;
    while index < PRESETS.len() {
        all[index] = (letters(PRESETS[index].host), PRESETS[index].host.len() as u8);
        index += 1;
    }
    all
}

static HOST_LETTERS: [(u32, u8); PRESETS.len()] = host_letters();

fn is_near(mask: u32, length: usize, other_mask: u32, other_length: usize) -> bool {
    length.abs_diff(other_length) <= 2
        && (mask & !other_mask).count_ones() <= 2
        && (other_mask & !mask).count_ones() <= 2
}

/// The provider whose server this host, in lower case, was probably meant to be.
pub(crate) fn nearest_host(host: &str) -> Option<&'static Preset> {
    let mask = letters(host);
    let mut best: Option<(u32, &'static Preset)> = None;
    for (preset, (letters, length)) in PRESETS.iter().zip(&HOST_LETTERS) {
        if is_near(mask, host.len(), *letters, usize::from(*length)) && is_plausible(host, preset.host) {
            let distance = distance(host, preset.host);
            if distance <= tolerance(host, preset.host) && best.is_none_or(|(least, _)| distance < least) {
                best = Some((distance, preset));
            }
        }
    }
    best.map(|(_, preset)| preset)
}

/// `smtp2` beside `smtp` is another server, not a slip.
fn is_plausible(text: &str, candidate: &str) -> bool {
    let significant = |byte: &u8| !byte.is_ascii_digit() && *byte != b'-';
    !text.bytes().filter(significant).eq(candidate.bytes().filter(significant))
}

/// How many slips to believe in: short names are too close to one another for any.
fn tolerance(text: &str, candidate: &str) -> u32 {
    match main_label(candidate).len() {
        8.. => 2,
        4.. => 1,
        _ => u32::from(main_label(text) == main_label(candidate)),
    }
}

/// The label before the top-level one.
fn main_label(name: &str) -> &str {
    let rest = name.rsplit_once('.').map_or("", |(rest, _)| rest);
    rest.rsplit_once('.').map_or(rest, |(_, label)| label)
}

/// Mail domains of everybody beside those of the presets: targets of corrections, and never corrected.
const FREE: &str = "yahoo.ca yahoo.com.br yahoo.co.in live.be live.ca outlook.be outlook.nl skynet.be scarlet.be \
    voo.be upcmail.nl chello.nl tele2.nl arcor.de vodafone.de online.de alice.it libero.it tiscali.it virgilio.it \
    telefonica.net terra.es btinternet.com sky.com virginmedia.com comcast.net verizon.net att.net sbcglobal.net \
    hey.com tutanota.com tuta.com numericable.fr club-internet.fr aliceadsl.fr hispeed.ch bluewin.ch sunrise.ch \
    gmx.at chello.at aon.at naver.com daum.net inbox.com hushmail.com";

fn domains() -> impl Iterator<Item = &'static str> {
    PRESETS
        .iter()
        .flat_map(|preset| preset.domains.split(' '))
        .chain(FREE.split(' '))
        .filter(|d| !d.is_empty())
}

/// The mail domain that this one, in lower case, was probably meant to be.
pub(crate) fn nearest_domain(domain: &str) -> Option<&'static str> {
    let mask = letters(domain);
    let mut best: Option<(u32, &'static str)> = None;
    for candidate in domains() {
        if candidate == domain {
            return None;
        }
        if is_near(mask, domain.len(), letters(candidate), candidate.len()) {
            let distance = distance(domain, candidate);
            let tolerance = if main_label(candidate).len() < 4 { 0 } else { tolerance(domain, candidate) };
            if distance <= tolerance && best.is_none_or(|(least, _)| distance < least) {
                best = Some((distance, candidate));
            }
        }
    }
    best.map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest_domain};

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
    fn bit_parallel_is_the_table() {
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
        for a in words {
            for b in words {
                assert_eq!(distance(a, b), plain(a, b), "{a} {b}");
            }
        }
    }

    #[test]
    fn mail_domains() {
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
            ("example.com", None),
            ("yourservice.com", None),
        ] {
            assert_eq!(nearest_domain(domain), expected, "{domain}");
        }
    }
}
