//! A time as RFC 3339 §5.6 writes it. jiff reads more (zones by name, week dates), which is half as large as all the rest of
//! the npm module.

use jiff::Timestamp;
use jiff::civil::{Date, Time};

/// The time that the text says; a leap second is the second before, and a time behind the last that jiff has, a day before
/// the end of the year 9999, is that one.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    let mut rest = text.as_bytes();
    let year = number(&mut rest, 4)?;
    let month = number(skip(&mut rest, b"-")?, 2)?;
    let day = number(skip(&mut rest, b"-")?, 2)?;
    let hour = number(skip(&mut rest, b"Tt ")?, 2)?;
    let minute = number(skip(&mut rest, b":")?, 2)?;
    let second = number(skip(&mut rest, b":")?, 2)?;
    let mut nanosecond = 0;
    if skip(&mut rest, b".").is_some() {
        // RFC 3339 sets no limit; what is finer than a nanosecond is left out.
        let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
        let kept = digits.min(9);
        if kept == 0 {
            return None;
        }
        let unit = 10_i32.pow(u32::try_from(9 - kept).ok()?);
        nanosecond = number(&mut rest, kept)? * unit;
        rest = &rest[digits - kept..];
    }
    let offset = match rest {
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), ..] => {
            rest = &rest[1..];
            let hours = number(&mut rest, 2)?;
            let minutes = number(skip(&mut rest, b":")?, 2)?;
            if !rest.is_empty() || hours > 23 || minutes > 59 {
                return None;
            }
            let seconds = i64::from(hours * 3600 + minutes * 60);
            if *sign == b'-' { -seconds } else { seconds }
        }
        _ => return None,
    };
    let small = |number: i32| i8::try_from(number).ok();
    let date = Date::new(i16::try_from(year).ok()?, small(month)?, small(day)?).ok()?;
    let second = if second == 60 { 59 } else { second };
    let time = Time::new(small(hour)?, small(minute)?, small(second)?, nanosecond).ok()?;
    let days = days_since_1970(i64::from(date.year()), i64::from(date.month()), i64::from(date.day()));
    let of_day = i64::from(time.hour()) * 3600 + i64::from(time.minute()) * 60 + i64::from(time.second());
    let second = (days * 86_400 + of_day - offset).min(Timestamp::MAX.as_second());
    Timestamp::new(second, nanosecond).ok()
}

/// The days of the Gregorian calendar, counted from a March so that the leap day ends a year.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month < 3 { year - 1 } else { year };
    let month = (month + 9) % 12;
    year * 365 + year.div_euclid(4) - year.div_euclid(100)
        + year.div_euclid(400)
        + (month * 153 + 2) / 5
        + day
        - 719_469
}

/// Takes a number of so many digits.
fn number(rest: &mut &[u8], digits: usize) -> Option<i32> {
    let (number, behind) = rest.split_at_checked(digits)?;
    *rest = behind;
    number.iter().try_fold(0, |sum, b| b.is_ascii_digit().then(|| sum * 10 + i32::from(b - b'0')))
}

/// Takes one of these characters.
fn skip<'a, 'b>(rest: &'a mut &'b [u8], one_of: &[u8]) -> Option<&'a mut &'b [u8]> {
    let (first, behind) = rest.split_first()?;
    if !one_of.contains(first) {
        return None;
    }
    *rest = behind;
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_what_jiff_reads() {
        for year in [1, 1600, 1900, 1969, 1970, 2000, 2024, 2026, 2100, 9998] {
            for (month, day) in
                [(1, 1), (2, 28), (2, 29), (3, 1), (6, 30), (12, 31), (13, 1), (4, 31), (0, 1)]
            {
                for rest in [
                    "T00:00:00Z",
                    "t23:59:59.123z",
                    " 12:30:00+05:30",
                    "T12:00:00.123456789-23:59",
                    "T23:59:60Z",
                ] {
                    let text = format!("{year:04}-{month:02}-{day:02}{rest}");
                    assert_eq!(time(&text), text.parse().ok(), "{text}");
                }
            }
        }
        for (text, other) in [
            ("9999-12-31T23:59:59Z", "9999-12-30T22:00:00Z"),
            ("9999-12-31T23:59:59.999999999-23:59", "9999-12-30T22:00:00.999999999Z"),
            ("2026-12-01T12:00:00.1234567890129Z", "2026-12-01T12:00:00.123456789Z"),
        ] {
            assert_eq!(time(text), other.parse().ok(), "{text}");
        }
        for bad in [
            "",
            "tomorrow",
            "2026-12-01",
            "2026-12-01T12:00:00",
            "2026-12-01T12:00Z",
            "2026-12-01T24:00:00Z",
            "2026-12-01T12:60:00Z",
            "2026-12-01T12:00:00+1:00",
            "2026-12-01T12:00:00Zx",
            "2026-12-01T12:00:00.Z",
            "2026-12-01T12:00:00+24:00",
            "+002026-12-01T12:00:00Z",
            "20261201T120000Z",
            "２026-12-01T12:00:00Z",
        ] {
            assert_eq!(time(bad), None, "{bad}");
        }
    }
}
