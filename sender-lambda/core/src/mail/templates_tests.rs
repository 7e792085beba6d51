use super::*;
use crate::mail::catalogue::{FIELDS, Kind, TYPES};
use crate::wire::event::{QUEUE_LIMIT, parse};
use ownpost_domain::event::Recipient;

fn event(category: &str, kind: &str, data: &serde_json::Value) -> Event {
    let document = serde_json::json!({
        "id": "e1", "tenant": "acme", "category": category, "type": kind,
        "recipients": [{"address": "jan@example.org", "name": "Jan"}], "data": data,
    });
    parse(document.to_string().as_bytes(), QUEUE_LIMIT).unwrap()
}

fn templates() -> Templates {
    Templates::new(None, Brand::default()).unwrap()
}

fn render(templates: &Templates, event: &Event, locale: &str) -> Rendered {
    let recipient = Recipient { locale: Some(locale.to_owned()), ..event.recipients[0].clone() };
    let rendering = Rendering { event, recipient: &recipient, sender: Some("Acme"), reply_to: None };
    templates.render(&rendering).unwrap()
}

fn full() -> serde_json::Value {
    let mut data: serde_json::Map<_, _> =
        FIELDS.iter().map(|field| (field.name.to_owned(), field.example.into())).collect();
    data.insert(
        "failure".to_owned(),
        serde_json::json!({"code": "auth.rejected", "cause": null, "values": {
            "host": "smtp.acme.example", "port": "587", "sender": "a@acme.example", "username": "a", "recipient": "–"}}),
    );
    data.into()
}

fn hostile() -> serde_json::Value {
    let bad = "<img src=x onerror=alert(1)>\r\nBcc: eve@example.org\u{202e} {{ 7 * 7 }} =?utf-8?q?x?= مرحبا";
    FIELDS.iter().map(|field| (field.name.to_owned(), bad.into())).collect::<serde_json::Map<_, _>>().into()
}

#[test]
fn every_text_reads_well_with_everything_and_with_nothing() {
    let templates = templates();
    for (locale, _) in EMBEDDED {
        for known in TYPES {
            for data in [full(), serde_json::json!({})] {
                let with_data = data["title"].is_string();
                let rendered = render(&templates, &event(known.category.name(), known.name, &data), locale);
                let at = format!("{locale}/{}: {}\n{}", known.name, rendered.subject, rendered.text);
                assert_eq!(rendered.fallback, None, "{at}");
                for odd in [
                    "  ",
                    "{{",
                    "{%",
                    " .",
                    " ,",
                    "..",
                    "“”",
                    "„“",
                    "«»",
                    "::",
                    "\n\n\n",
                    "undefined",
                    "none",
                    "()",
                ] {
                    let body = rendered.text.replace("\n\n-- \n", "\n");
                    assert!(!rendered.subject.contains(odd) && !body.contains(odd), "{odd:?} in {at}");
                }
                for line in rendered.text.lines() {
                    // The greeting alone ends open: a sentence that waits for missing data would, too.
                    let greeting = line.starts_with("Estimado") || line.starts_with("Buenos");
                    assert!(greeting || !line.trim_end().ends_with(':'), "{line:?} in {at}");
                }
                if locale != &"fr" {
                    assert!(!rendered.subject.contains('\u{202f}'), "{at}");
                }
                if with_data && known.optional.contains(&"excerpt") {
                    assert!(rendered.text.contains("> Could you have a look?\n>\n> The second"), "{at}");
                }
                if with_data && known.fields().any(|field| field.name == "url") {
                    assert!(rendered.text.contains("https://app.example.com/treatments/42"), "{at}");
                    let button =
                        "href=\"https://app.example.com/treatments/42\" style=\"display:inline-block";
                    assert!(rendered.html.contains(button), "{at}");
                }
                for field in known.wanted {
                    let missing =
                        rendered.warnings.iter().any(|warning| warning.contains(&format!("data.{field} ")));
                    assert_eq!(missing, !with_data, "{field}: {at}");
                }
                assert!(!rendered.text.contains("2026-12"), "a date that nobody writes so: {at}");
            }
        }
    }
}

#[test]
fn no_french_text_shortens_a_word_before_a_value() {
    let brand = Brand { name: Some("Éole".to_owned()), ..Brand::default() };
    let templates = Templates::new(None, brand).unwrap();
    // Days and times begin with a digit.
    let fields = || FIELDS.iter().filter(|field| !matches!(field.kind, Kind::Date | Kind::Time));
    let names = || fields().map(|field| (field.name.to_owned(), serde_json::json!("Éole")));
    let mut seen = 0;
    for known in TYPES {
        // With all names, and with each alone: a sentence takes the first that it finds.
        let alone = names().map(|(name, value)| serde_json::Map::from_iter([(name, value)]));
        for data in std::iter::once(names().collect()).chain(alone) {
            let event = event(known.category.name(), known.name, &data.into());
            let mut recipient = event.recipients[0].clone();
            recipient.locale = Some("fr".to_owned());
            recipient.person.name = Some("Éole".to_owned());
            let rendering = Rendering {
                event: &event,
                recipient: &recipient,
                sender: Some("Éole"),
                reply_to: Some("Éole"),
            };
            let rendered = templates.render(&rendering).unwrap();
            let text = format!("{}\n{}", rendered.subject, rendered.text).to_lowercase();
            for (at, _) in text.match_indices("éole") {
                let before = text[..at].trim_end_matches(|c: char| c.is_whitespace() || c == '«');
                let word = before.rsplit(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
                let shortened = ["ce", "de", "la", "le", "ne", "que", "se", "jusque", "lorsque", "puisque"];
                assert!(!shortened.contains(&word), "{}: {text}", known.name);
                seen += 1;
            }
        }
    }
    assert!(seen > 500, "{seen}");
}

#[test]
fn no_english_stands_in_another_language() {
    let templates = templates();
    for (locale, _) in EMBEDDED.iter().filter(|(locale, _)| *locale != "en") {
        for known in TYPES {
            for data in [full(), serde_json::json!({})] {
                let mut event = event(known.category.name(), known.name, &data);
                for own in ["excerpt", "reason", "actor", "title"] {
                    event.data.remove(own);
                }
                let rendered = render(&templates, &event, locale);
                let text = format!(" {} {} ", rendered.subject, rendered.text.replace(['\n', ',', '.'], " "));
                for word in
                    [" the ", " your ", " Your ", " mail server ", " and ", " request ", " Reply ", " to "]
                {
                    assert!(!text.contains(word), "{word} in {locale}/{}: {text}", known.name);
                }
            }
        }
    }
}

#[test]
fn all_locales_have_all_types_of_the_catalogue() {
    let mut expected: Vec<&str> = PARTS.to_vec();
    expected.extend(TYPES.iter().map(|known| known.name));
    for (locale, templates) in EMBEDDED {
        let names: Vec<&str> = templates.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, expected, "{locale}");
    }
}

#[test]
fn which_template_a_mail_takes() {
    for (kind, locale, expected) in [
        ("comment.created", "en", ("en", "comment.created")),
        ("comment.created", "EN_gb", ("en", "comment.created")),
        ("comment.deleted", "en", ("en", "notification")),
        ("comment.created", "nl_BE", ("nl", "comment.created")),
        ("comment.deleted", "de-AT", ("de", "notification")),
        ("comment.created", "tlh", ("en", "comment.created")),
        ("comment.created", "", ("en", "comment.created")),
        ("footer", "en", ("en", "notification")),
    ] {
        let event = event("notification", kind, &serde_json::json!({}));
        let (found, name) = choose(&HashMap::new(), &event, Some(locale));
        assert_eq!((found.as_str(), name), expected, "{kind} {locale}");
    }
}

#[test]
fn what_the_product_says_is_text_and_not_markup() {
    let templates = templates();
    for (locale, _) in EMBEDDED {
        for known in TYPES {
            let rendered = render(&templates, &event(known.category.name(), known.name, &hostile()), locale);
            let at = format!("{locale}/{}: {}", known.name, rendered.html);
            assert!(!rendered.html.contains("<img") && !rendered.html.contains('\u{202e}'), "{at}");
            assert!(!rendered.subject.contains(['\r', '\n', '\u{202e}', '\u{2068}']), "{at}");
            assert!(!rendered.text.contains("\n\u{202e}") && !rendered.text.contains("49"), "{at}");
            assert!(rendered.html.len() < 102 * 1024, "{at}");
        }
    }
    let mut data = serde_json::json!({"title": "مرحبا", "url": "javascript:alert(1)", "excerpt": "a\rb"});
    let rendered = render(&templates, &event("notification", "comment.created", &data), "en");
    assert!(rendered.html.contains("<bdi>مرحبا</bdi>") && !rendered.html.contains("javascript:"));
    assert!(rendered.text.contains("> a\n> b"), "{}", rendered.text);
    data["excerpt"] = "& ".repeat(200_000).into();
    let rendered = render(&templates, &event("notification", "comment.created", &data), "en");
    assert!(rendered.html.len() < 102 * 1024 && rendered.text.len() > 400_000);
}

#[test]
fn a_web_address_is_nobodys_name_in_a_mail() {
    let data = serde_json::json!({"actor": "www.evil.example", "title": "x"});
    let mut event = event("notification", "comment.created", &data);
    event.recipients[0].person.name = Some("Win at evil.com".into());
    let rendered = render(&templates(), &event, "en");
    assert!(!rendered.text.contains("evil") && rendered.text.starts_with("Hello,\n\nA comment was added"));
    assert_eq!(rendered.warnings.len(), 3, "{:?}", rendered.warnings);
}

#[test]
fn the_brand_names_the_product_and_the_events_goes_first() {
    let brand = Brand {
        name: Some("Acme Privacy".into()),
        accent_color: Some("#ffee00".into()),
        postal_address: Some("Street 1\nTown".into()),
        support_url: Some("https://help.acme.example/".into()),
        ..Brand::default()
    };
    let templates = Templates::new(None, brand).unwrap();
    let mut event =
        event("user-invitation", "user.invited", &serde_json::json!({"url": "https://a.example/"}));
    let rendered = render(&templates, &event, "en");
    assert_eq!(rendered.subject, "Your account with Acme Privacy");
    assert!(rendered.html.contains("color:#000000") && rendered.html.contains("bgcolor=\"#ffee00\""));
    assert!(
        rendered.text.ends_with("Help: https://help.acme.example/\nStreet 1\nTown\n"),
        "{}",
        rendered.text
    );
    event.brand = Some(Brand { name: Some("Other".into()), ..Brand::default() });
    assert_eq!(render(&templates, &event, "en").subject, "Your account with Other");
}

#[test]
fn a_template_that_fails_is_left_for_the_built_in_one() {
    for source in ["{{ data.request.reference.number }}", "x\n{{ title|nosuch }}", "", "\n\n"] {
        let mut templates = templates();
        templates.overrides.insert("en/comment.created.txt".to_owned(), source.to_owned());
        let event = event("notification", "comment.created", &serde_json::json!({"title": "x"}));
        let rendered = render(&templates, &event, "en");
        assert_eq!(rendered.fallback.unwrap().name, "en/comment.created.txt", "{source}");
        assert_eq!(rendered.subject, "New comment on “x”");
    }
}
