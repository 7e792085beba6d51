//! Dates and times as each language writes them. A date never breaks before its month: no-break spaces hold it together.

use jiff::Timestamp;
use jiff::civil::{Date, ISOWeekDate, Weekday};
use jiff::tz::TimeZone;
use ownpost_i18n::Locale;

/// The years before are default values of a program's type, and no day that a mail is about.
const FIRST_YEAR: i16 = 1000;

/// The date of an ISO 8601 date or time, written out; `None` when the text is neither. The day is the one that the text
/// names: a time zone shifts nothing.
pub(super) fn written_out(text: &str, locale: Locale) -> Option<String> {
    day(text).filter(|date| date.year() >= FIRST_YEAR).map(|date| of_date(date, locale))
}

/// Whether a text that is not written out says a day in a sentence, as `14/12/2026` and `30 November` do. A text without a digit
/// does not (`tomorrow`, `true`), nor does a number (seconds since 1970, it may be), nor what a program writes: a default value, a
/// duration, a day that there is not.
pub(super) fn is_readable(text: &str) -> bool {
    let text = plain(text);
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    let is_iso =
        digits == 4 && text[4..].starts_with(['-', 'W', 'w']) || text.starts_with(['+', '-', 'P', 'p']);
    text.chars().any(char::is_numeric) && text.parse::<f64>().is_err() && !is_iso && day(&text).is_none()
}

/// Without white space around it, and with the hyphens of a keyboard.
fn plain(text: &str) -> String {
    text.trim().replace(['\u{2010}', '\u{2011}', '\u{2012}', '\u{2013}', '\u{2212}'], "-")
}

/// The day of a date, of a time, of a week (`2026-W51-1`) or by its number in the year (`2026-348`).
fn day(text: &str) -> Option<Date> {
    let text = plain(text);
    // The day counts as it is written: nothing behind it changes it, neither a time (24:00, any number of digits) nor a zone.
    let end =
        text.find(['T', 't', ' ']).filter(|end| text[end + 1..].starts_with(|c: char| c.is_ascii_digit()));
    let date = end.map_or(text.as_str(), |end| &text[..end]);
    date.parse().ok().or_else(|| of_week(date)).or_else(|| of_year(date))
}

/// ISO 8601-1 §5.2.4.
fn of_week(text: &str) -> Option<Date> {
    let (year, rest) = text.split_once(['W', 'w'])?;
    let rest = rest.replace('-', "");
    if rest.len() != 3 || !rest.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let weekday = Weekday::from_monday_one_offset(rest[2..].parse().ok()?).ok()?;
    let year = year.strip_suffix('-').unwrap_or(year);
    Some(ISOWeekDate::new(year.parse().ok()?, rest[..2].parse().ok()?, weekday).ok()?.date())
}

/// ISO 8601-1 §5.2.3.
fn of_year(text: &str) -> Option<Date> {
    let (year, day) = text.split_once('-').filter(|(year, day)| year.len() == 4 && day.len() == 3)?;
    let first = Date::new(year.parse().ok()?, 1, 1).ok()?;
    first.with().day_of_year(day.parse().ok()?).build().ok()
}

/// A moment in UTC, to the minute.
pub(super) fn moment(at: Timestamp, locale: Locale) -> String {
    let zoned = TimeZone::UTC.to_datetime(at);
    let (date, hour, minute) = (of_date(zoned.date(), locale), zoned.hour(), zoned.minute());
    match locale {
        Locale::English => format!("{date}, {hour:02}:{minute:02}\u{a0}UTC"),
        Locale::French => format!("{date} à {hour}\u{a0}h\u{a0}{minute:02} (UTC)"),
        Locale::Dutch => format!("{date} om {hour:02}:{minute:02} uur (UTC)"),
        Locale::German => format!("{date}, {hour:02}:{minute:02}\u{a0}Uhr (UTC)"),
        Locale::Spanish => format!("{date}, {hour}:{minute:02}\u{a0}h (UTC)"),
    }
}

fn of_date(date: Date, locale: Locale) -> String {
    let (day, year) = (date.day(), date.year());
    let month = MONTHS[locale as usize][usize::try_from(date.month() - 1).unwrap_or(0)];
    match locale {
        Locale::French if day == 1 => format!("1er\u{a0}{month}\u{a0}{year}"),
        Locale::English | Locale::French | Locale::Dutch => format!("{day}\u{a0}{month}\u{a0}{year}"),
        Locale::German => format!("{day}.\u{a0}{month}\u{a0}{year}"),
        Locale::Spanish => format!("{day}\u{a0}de\u{a0}{month} de\u{a0}{year}"),
    }
}

/// The months, by locale in the order of [`Locale::ALL`].
const MONTHS: [[&str; 12]; 5] = [
    [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ],
    [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ],
    [
        "januari",
        "februari",
        "maart",
        "april",
        "mei",
        "juni",
        "juli",
        "augustus",
        "september",
        "oktober",
        "november",
        "december",
    ],
    [
        "Januar",
        "Februar",
        "März",
        "April",
        "Mai",
        "Juni",
        "Juli",
        "August",
        "September",
        "Oktober",
        "November",
        "Dezember",
    ],
    [
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
    ],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_language_writes_a_date_in_its_own_way() {
        let plain = |text: &str, locale| written_out(text, locale).map(|date| date.replace('\u{a0}', " "));
        for (locale, want) in [
            (Locale::English, "14 December 2026"),
            (Locale::French, "14 décembre 2026"),
            (Locale::Dutch, "14 december 2026"),
            (Locale::German, "14. Dezember 2026"),
            (Locale::Spanish, "14 de diciembre de 2026"),
        ] {
            for text in [
                "2026-12-14",
                "20261214",
                "2026-12-14T23:30:00-05:00",
                "2026-12-14T00:00:00Z",
                "2026-12-14T00:00:00.123Z",
                "2026-12-14 10:00",
                "2026-12-14[Europe/Paris]",
                "2026-12-14T10:00:00+01:00[Europe/Paris]",
                " 2026-12-14 ",
                "2026-12-14T24:00",
                "2026-12-14T10:00:00.123456789123Z",
                "2026-W51-1",
                "2026W511",
                "2026-348",
                "2026\u{2011}12\u{2011}14",
            ] {
                assert_eq!(plain(text, locale).as_deref(), Some(want), "{text}");
            }
        }
        assert_eq!(plain("2027-01-01", Locale::French).as_deref(), Some("1er janvier 2027"));
        for text in ["30 November", "14/12/2026", "14.12.2026", "mid-2026", "٣٠ نوفمبر"] {
            assert_eq!((plain(text, Locale::English), is_readable(text)), (None, true), "{text}");
        }
        // "Due on" before one of these is no sentence, or a wrong one.
        for text in [
            "0001-01-01",
            "0001-01-01T00:00:00Z",
            "1765670400",
            "1765670400000",
            "-1",
            "",
            "soon",
            "true",
            "P3D",
            "2026-13-14",
            "2026-02-30",
            "2026-02-30T10:00",
            "2026-W54-1",
            "2026-366",
            "2026-12",
            "2026-12-14x",
            "2026-12-1é",
            "2026-12-14/2026-12-20",
            "-000001-01-01",
        ] {
            assert_eq!((plain(text, Locale::English), is_readable(text)), (None, false), "{text}");
        }
        let at: Timestamp = "2026-11-30T08:05:00Z".parse().unwrap();
        assert_eq!(moment(at, Locale::French).replace('\u{a0}', " "), "30 novembre 2026 à 8 h 05 (UTC)");
    }
}
