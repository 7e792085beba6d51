//! The mail inspector, with any bytes.

use ownpost_inspect::{Expected, ViaRelay, inspect};

/// Inspects the bytes: a report comes out, bounded, the same each time, and nothing in it can do harm where it is shown.
pub fn run(data: &[u8]) {
    // The first octet chooses what is expected, so that the same mail meets each way.
    let (choice, mail) = data.split_first().map_or((0, data), |(choice, mail)| (*choice, mail));
    let known = |bit: u8, text: &'static str| (choice & bit != 0).then_some(text);
    let expected = Expected {
        sender: known(1, "noreply@acme.example"),
        host: known(2, if choice & 8 == 0 { "smtp.acme.example" } else { "203.0.113.5" }),
        message_id: known(4, "<evt1@acme.example>"),
    };
    let report = inspect(mail, &expected, ["en", "fr", "nl", "de", "es"][usize::from(choice >> 4) % 5]);
    assert_eq!(
        report,
        inspect(mail, &expected, ["en", "fr", "nl", "de", "es"][usize::from(choice >> 4) % 5])
    );
    assert!(report.hops.len() <= 100);
    assert!(report.relay_hop.is_none_or(|hop| hop < report.hops.len()));
    assert!(report.via_relay != ViaRelay::Yes || report.relay_hop.is_some());
    assert!(report.via_relay == ViaRelay::Unknown || expected.host.is_some());
    assert_eq!(report.matches.is_some(), expected.message_id.is_some() && !report.is_unread());
    assert!(report.findings.is_sorted_by_key(|finding| finding.severity));
    let shown = [&report.message_id, &report.from, &report.return_path].into_iter().flatten();
    let of_hops = report.hops.iter().flat_map(|hop| [&hop.from, &hop.by, &hop.with, &hop.at]).flatten();
    let of_results =
        report.authentication.iter().flat_map(|found| [&found.spf, &found.dkim, &found.dmarc, &found.by]);
    for text in shown.chain(of_hops).chain(of_results.flatten()) {
        assert!(text.chars().count() <= 255 && !text.contains(char::is_control), "{text:?}");
    }
    for finding in &report.findings {
        for text in [&finding.message, &finding.remedy] {
            assert!(!text.is_empty() && text.chars().count() < 1500, "{text:?}");
        }
    }
}
