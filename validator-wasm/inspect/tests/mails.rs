//! Mails as mail programs show them, each with the report that is right. A file of `mails` is a head of `key: value` (what
//! is expected of the mail), a line `---`, and the mail; its report is beside it as JSON, in English.
//! `OWNPOST_WRITE=1 cargo test -p ownpost-inspect --test mails` writes the reports: read what has changed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ownpost_inspect::{Code, Expected, inspect};

struct Mail {
    name: String,
    head: BTreeMap<String, String>,
    source: Vec<u8>,
    report: PathBuf,
}

fn mails() -> Vec<Mail> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mails");
    let files = fs::read_dir(folder).expect("the folder of mails").map(|entry| entry.expect("a file").path());
    let mut mails: Vec<_> = files
        .filter(|file| file.extension().is_some_and(|end| end == "txt"))
        .map(|file| read(&file))
        .collect();
    mails.sort_by(|one, other| one.name.cmp(&other.name));
    mails
}

fn read(file: &Path) -> Mail {
    let text = fs::read(file).expect("a mail");
    let end = text.windows(5).position(|part| part == b"\n---\n").expect("a line of --- behind the head");
    let head = String::from_utf8(text[..end].to_vec()).expect("UTF-8");
    let lines = head.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(": "));
    Mail {
        name: file.file_stem().expect("a name").to_string_lossy().into_owned(),
        head: lines.map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        source: text[end + 5..].to_vec(),
        report: file.with_extension("json"),
    }
}

impl Mail {
    fn expected(&self) -> Expected<'_> {
        let value = |key: &str| self.head.get(key).map(String::as_str);
        Expected { sender: value("sender"), host: value("host"), message_id: value("id") }
    }
}

#[test]
fn each_mail_has_its_report() {
    let write = std::env::var_os("OWNPOST_WRITE").is_some();
    let mails = mails();
    assert!(mails.len() >= 40);
    for mail in mails {
        let report = inspect(&mail.source, &mail.expected(), "en");
        let text = serde_json::to_string_pretty(&report).expect("JSON") + "\n";
        if write {
            fs::write(&mail.report, text).expect("the report");
        } else {
            assert_eq!(fs::read_to_string(&mail.report).unwrap_or_default(), text, "{}", mail.name);
        }
    }
}

#[test]
fn every_finding_is_found_in_some_mail() {
    let mails = mails();
    for code in Code::ALL.iter().filter(|code| **code != Code::TooLarge) {
        let found = mails.iter().any(|mail| {
            let report = inspect(&mail.source, &mail.expected(), "en");
            report.findings.iter().any(|finding| finding.code == code.code())
        });
        assert!(found, "{}", code.code());
    }
    let large = vec![b' '; ownpost_inspect::LIMIT + 1];
    assert_eq!(inspect(&large, &Expected::default(), "en").findings[0].code, "inspect.too_large");
}

#[test]
fn the_line_ends_do_not_matter() {
    for mail in mails() {
        let report = |source: &[u8]| inspect(source, &mail.expected(), "en");
        let lf = String::from_utf8_lossy(&mail.source).replace("\r\n", "\n").replace('\r', "\n");
        assert_eq!(report(lf.as_bytes()), report(&mail.source), "{}", mail.name);
        assert_eq!(report(lf.replace('\n', "\r\n").as_bytes()), report(&mail.source), "{}", mail.name);
    }
}

/// PowerShell's `>` writes UTF-16.
#[test]
fn the_encoding_of_the_file_does_not_matter() {
    for mail in mails() {
        let Ok(text) = std::str::from_utf8(&mail.source) else { continue };
        let report = |source: &[u8]| inspect(source, &mail.expected(), "en");
        for encode in [u16::to_le_bytes, u16::to_be_bytes] {
            let marked = std::iter::once('\u{feff}').chain(text.chars()).collect::<String>();
            let wide: Vec<u8> = marked.encode_utf16().flat_map(encode).collect();
            assert_eq!(report(&wide), report(&mail.source), "{}", mail.name);
        }
    }
}

#[test]
fn sentences_are_complete_in_every_language() {
    for mail in mails() {
        for locale in ["en", "fr", "nl", "de", "es"] {
            for finding in inspect(&mail.source, &mail.expected(), locale).findings {
                for text in [&finding.message, &finding.remedy] {
                    assert!(text.len() > 20 && !text.contains(['{', '}']), "{} {locale}: {text}", mail.name);
                }
            }
        }
    }
}

/// Each mail cut at every octet, and with each octet changed: always a report, never a panic.
#[test]
fn torn_mails_have_a_report_too() {
    for mail in mails() {
        for end in (0..mail.source.len()).step_by(7) {
            let _ = inspect(&mail.source[..end], &mail.expected(), "en");
            let mut broken = mail.source.clone();
            broken[end] ^= 0x55;
            let _ = inspect(&broken, &mail.expected(), "en");
        }
    }
}
