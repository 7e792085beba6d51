//! Days of the calendar.

use crate::text::whole_number;

/// Whether the Gregorian calendar has the day.
pub(crate) fn is_day(year: u32, month: u32, day: u32) -> bool {
    let last = match month {
        2 if year.is_multiple_of(if year.is_multiple_of(100) { 400 } else { 4 }) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1..=last).contains(&day)
}

/// Year, month and day of a text as `2027-01-31` (RFC 3339 §5.6, `full-date`), where the calendar has that day.
pub fn day(text: &[u8]) -> Option<[u32; 3]> {
    let [year @ .., b'-', m, n, b'-', d, e] = text else { return None };
    if year.len() != 4 {
        return None;
    }
    let (year, month, day) = (whole_number(year)?, whole_number(&[*m, *n])?, whole_number(&[*d, *e])?);
    is_day(year, month, day).then_some([year, month, day])
}

#[cfg(test)]
mod tests {
    use super::day;

    #[test]
    fn a_day_is_one_that_the_calendar_has() {
        for (text, expected) in [
            ("2027-01-31", Some([2027, 1, 31])),
            ("2028-02-29", Some([2028, 2, 29])),
            ("2000-02-29", Some([2000, 2, 29])),
            ("0000-02-29", Some([0, 2, 29])),
            ("9999-12-31", Some([9999, 12, 31])),
            ("2027-02-29", None),
            ("2100-02-29", None),
            ("2027-04-31", None),
            ("2027-06-31", None),
            ("2027-09-31", None),
            ("2027-11-31", None),
            ("2027-01-32", None),
            ("2027-01-00", None),
            ("2027-00-10", None),
            ("2027-13-01", None),
            ("", None),
            ("2027-01", None),
            ("2027-1-31", None),
            ("227-01-31", None),
            ("12027-01-31", None),
            ("-027-01-31", None),
            ("2027-01-3x", None),
            ("2027/01/31", None),
            ("2027-01-31T", None),
            (" 2027-01-31", None),
        ] {
            assert_eq!(day(text.as_bytes()), expected, "{text}");
        }
    }
}
