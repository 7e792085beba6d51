//! Nothing that a packer or an attacker writes makes the rules panic, and what they answer can be decoded.

use std::sync::LazyLock;

use smtp_rules::packed::{ARRAY, Key, NULL, OBJECT, OTHER, Packer, TRUE};
use smtp_rules::report::Report;
use smtp_rules::{Directory, Idn, Options, Platform, check, needs};

/// Numbers that look random and are the same every time.
struct Source(u64);

impl Source {
    fn next(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or(0)
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.next() % list.len()]
    }
}

/// Answers the IDN step in every way, whatever the name.
struct Moody(std::cell::Cell<u8>);

static DIRECTORY: LazyLock<Directory> = LazyLock::new(Directory::new);

impl Platform for Moody {
    fn idn(&self, name: &[u8]) -> Idn {
        self.0.set(self.0.get().wrapping_add(1));
        match self.0.get() % 5 {
            0 => Idn::Name(name.to_owned()),
            1 => Idn::Name(name.iter().copied().filter(u8::is_ascii).collect()),
            2 => Idn::Refused(b"127.1".to_vec()),
            3 => Idn::Unsure,
            _ => Idn::Invalid,
        }
    }

    fn directory(&self) -> &Directory {
        &DIRECTORY
    }
}

const PIECES: [&str; 53] = [
    "smtp",
    "gmail",
    "gmial",
    ".com",
    ".",
    "..",
    "-",
    "_",
    ":",
    "@",
    "/",
    "://",
    "127.1",
    "0x7f",
    "1",
    "999",
    "[",
    "]",
    " ",
    "\t",
    "\r\n",
    "\0",
    "\u{a0}",
    "\u{200b}",
    "\u{200c}",
    "\u{200d}",
    "\u{fe0f}",
    "\u{2011}",
    "\u{fffd}",
    "می",
    "क्",
    ",",
    ";",
    "ü",
    "İ",
    "１",
    "。",
    "п",
    "か",
    "🦀",
    "xn--",
    "xn--mnchen-3ya",
    "xn--99999999999",
    "localhost",
    "<",
    "\"",
    "\\",
    "•",
    "https://",
    "-----BEGIN CERTIFICATE-----",
    "MIIBCgKCAQEA",
    "-----END CERTIFICATE-----",
    "587",
];

fn text(source: &mut Source) -> String {
    (0..source.next() % 8).map(|_| source.pick(&PIECES)).collect()
}

fn value(source: &mut Source, packer: &mut Packer, depth: usize) {
    match source.next() % 9 {
        0 => packer.tag(NULL),
        1 => packer.tag(TRUE),
        2 => packer.tag(OTHER),
        3 => packer.number(source.pick(&[25.0, 465.0, 0.5, -1.0, f64::NAN, f64::INFINITY, 1e300, 587.0])),
        4 | 5 if depth > 0 => {
            let start = packer.open(OBJECT);
            members(source, packer, depth - 1);
            packer.close(start);
        }
        6 if depth > 0 => {
            let start = packer.open(ARRAY);
            value(source, packer, depth - 1);
            packer.close(start);
        }
        _ => packer.text(&text(source)),
    }
}

fn members(source: &mut Source, packer: &mut Packer, depth: usize) {
    for _ in 0..source.next() % 10 {
        if source.next().is_multiple_of(8) {
            packer.name(&text(source));
        } else {
            packer.name(source.pick(Key::NAMES));
        }
        value(source, packer, depth);
    }
}

fn document(source: &mut Source) -> Vec<u8> {
    let mut packer = Packer::default();
    let start = packer.open(OBJECT);
    members(source, &mut packer, 4);
    packer.close(start);
    packer.finish()
}

/// Runs the rules and decodes every issue.
fn run(bytes: &[u8], options: &Options<'_>, report: &mut Report) {
    check(bytes, options, &Moody(std::cell::Cell::new(0)), report);
    let mut rebuilt = 0;
    for issue in report.issues() {
        rebuilt += 1;
        let params = issue.params.iter().map(|(param, _)| *param);
        assert!(params.clone().all(|param| issue.code.params().contains(&param)), "{issue:?}");
        assert!(issue.field().is_empty() || !issue.path.is_empty());
    }
    assert_eq!(rebuilt == 0, report.bytes().is_empty());
}

#[test]
fn documents_of_any_shape() {
    let mut source = Source(0x00C0_FFEE);
    let mut report = Report::new();
    for round in 0..20_000 {
        let mut bytes = document(&mut source);
        if round % 2 == 1 {
            for _ in 0..=source.next() % 4 {
                let at = source.next() % bytes.len();
                bytes[at] = u8::try_from(source.next() % 256).unwrap_or(0);
            }
            bytes.truncate(source.next() % (bytes.len() + 1));
        }
        let options = Options {
            allow_ports: source.pick(&["", "1", "25,,x,99999999999", "-1,+5"]).as_bytes(),
            allow_networks: source.pick(&["", "10.0.0.0/8", "::/0", "/,0.0.0.0/99"]).as_bytes(),
            ..Options::default()
        };
        run(&bytes, &options, &mut report);
        let suggestion = DIRECTORY.suggest(text(&mut source).as_bytes());
        assert_eq!(suggestion.changes().next().is_none(), suggestion.bytes().is_empty());
    }
}

#[test]
fn one_field_says_what_the_whole_says_of_it() {
    let mut source = Source(0xBEEF);
    let (mut whole, mut part) = (Report::new(), Report::new());
    for _ in 0..2_000 {
        let bytes = document(&mut source);
        check(&bytes, &Options::default(), &Plain, &mut whole);
        for key in Key::ALL.iter().take(Key::FIELDS) {
            let options = Options { only: Some(*key), ..Options::default() };
            check(&bytes, &options, &Plain, &mut part);
            let of_field = |field: &str| {
                let rest = field.strip_prefix(key.name());
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            let known = |code: &str| code != "settings.unknown_key";
            let expected: Vec<_> =
                whole.issues().filter(|issue| of_field(&issue.field()) && known(issue.code.name())).collect();
            assert_eq!(part.issues().collect::<Vec<_>>(), expected);
            assert!(needs(*key) & (1 << *key as u32) != 0);
        }
    }
}

struct Plain;

impl Platform for Plain {
    fn idn(&self, _: &[u8]) -> Idn {
        Idn::Invalid
    }

    fn directory(&self) -> &Directory {
        &DIRECTORY
    }
}
