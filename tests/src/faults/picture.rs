//! The picture of a run: a lane for each relay with its faults, every mail that it took, every mail that ended as
//! `unknown`, the deaths of the senders, and the length of the queue.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use super::account::Account;
use super::book::Happening;
use super::mood::{Colour, Phase};
use super::senders::Senders;
use super::{Run, SPEED, tenant};

/// The left edge of the lanes, in pixels, and their width.
const LEFT: f64 = 76.0;
const WIDTH: f64 = 900.0;
/// The top edge of the first lane in pixels, below title and legend.
const TOP: f64 = 62.0;
/// The height of the queue's curve in pixels.
const QUEUE: f64 = 70.0;

/// The style sheet. The colours differ in lightness too, and can be read on a light and on a dark page.
const STYLE: &str = "
  text{font:11px system-ui,sans-serif;fill:#24292f} .t{font-size:14px;font-weight:600} .s{fill:#57606a}
  .lane{fill:#eef1f4} .broken{fill:#f4a8a0} .stumbling{fill:#f7d68a} .refusing{fill:#b9c7e8} .dark{fill:#a5a5b0}
  .taken{stroke:#1a7f37;stroke-width:.8} .unknown{stroke:#b000b0;stroke-width:1.6;fill:none}
  .dead{stroke:#cf222e;stroke-width:1.6;fill:none} .queue{fill:#54aeff;fill-opacity:.45;stroke:#0969da}
  .axis{stroke:#8c959f;stroke-width:.6}
  @media(prefers-color-scheme:dark){ text{fill:#e6edf3} .s{fill:#9da7b1} .lane{fill:#21262d} .broken{fill:#8e3a33}
  .stumbling{fill:#7d5f1a} .refusing{fill:#3d5184} .dark{fill:#56565f} .taken{stroke:#56d364}
  .unknown{stroke:#ff8bff} .dead{stroke:#ff7b72} .queue{fill:#1f6feb;stroke:#79c0ff} .axis{stroke:#6e7681} }
";

fn class(colour: Colour) -> &'static str {
    match colour {
        Colour::Works => "lane",
        Colour::Broken => "broken",
        Colour::Temporary => "stumbling",
        Colour::Refusing => "refusing",
        Colour::NoReply => "dark",
    }
}

/// A scale from time to horizontal position.
struct Scale(f64);

impl Scale {
    fn x(&self, at: Duration) -> f64 {
        LEFT + WIDTH * at.as_secs_f64() / self.0
    }
}

/// Draws the picture as SVG.
pub(super) fn draw(run: &Run, senders: &Senders, schedules: &[Vec<Phase>], account: &Account) -> String {
    let scale = Scale(run.began.elapsed().as_secs_f64());
    let lanes = run.relays.len();
    let lane: f64 = if lanes > 20 { 9.0 } else { 16.0 };
    let y = |number: usize| TOP + lane * f64::from(u32::try_from(number).unwrap_or(0));
    let senders_top = y(lanes) + 10.0;
    let slots = run.plan.senders;
    let queue_top = senders_top + lane * f64::from(u32::try_from(slots).unwrap_or(0)) + 10.0;
    let bottom = queue_top + QUEUE;
    let mut svg = String::new();
    let height = bottom + 36.0;
    let _ = writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {height}\" role=\"img\" \
         aria-labelledby=\"t d\">\n<title id=\"t\">Fault run: {} mails of {} tenants, {} senders killed</title>\n\
         <desc id=\"d\">A lane for each relay with what was wrong with it, the mails that it took and those that \
         ended as unknown; below, the deaths of the senders and the length of the queue.</desc>\n\
         <style>{STYLE}</style>",
        LEFT + WIDTH + 20.0,
        run.plan.mails,
        run.plan.tenants,
        senders.killed.len(),
    );
    let _ = writeln!(
        svg,
        "<text class=\"t\" x=\"{LEFT}\" y=\"18\">{} mails of {} tenants, {} senders killed: lost {}, doubled {}</text>",
        run.plan.mails,
        run.plan.tenants,
        senders.killed.len(),
        account.lost,
        account.doubled,
    );
    legend(&mut svg);
    for number in 0..lanes {
        let top = y(number);
        let name = if number == run.plan.tenants { "platform".to_owned() } else { tenant(number) };
        rect(&mut svg, "lane", (LEFT, top), (WIDTH, lane - 2.0));
        if lanes <= 20 || number % 5 == 0 || number == run.plan.tenants {
            label(&mut svg, &name, top + lane - 4.0);
        }
    }
    for colour in [Colour::Temporary, Colour::Broken, Colour::Refusing, Colour::NoReply] {
        let phases =
            schedules.iter().enumerate().flat_map(|(number, phases)| phases.iter().map(move |p| (number, p)));
        let bars = phases.filter(|(_, phase)| phase.mood.colour() == colour).map(|(number, phase)| {
            let (from, until) = (scale.x(phase.from), scale.x(phase.until));
            let (width, height) = (until - from, lane - 2.0);
            format!("M{from:.1} {:.1}h{width:.1}v{height}h-{width:.1}z", y(number))
        });
        path(&mut svg, class(colour), bars);
    }
    let pages = run.book.open();
    // Half a pixel is as fine as the picture shows.
    let ticks: BTreeSet<(usize, i64)> = pages
        .happenings
        .iter()
        .filter(|(_, _, what)| *what == Happening::Taken)
        .map(|(at, number, _)| (*number, halves(scale.x(*at))))
        .collect();
    drop(pages);
    let tick = |(number, x): &(usize, i64)| {
        format!("M{:.1} {:.1}v{:.1}", to_pixels(*x), y(*number) + 1.0, lane - 4.0)
    };
    path(&mut svg, "taken", ticks.iter().map(tick));
    let cross = |x: f64, top: f64| {
        let size = (lane - 4.0) / 2.0;
        let middle = top + lane / 2.0 - 1.0;
        format!("M{:.1} {:.1}l{s} {s}m0 -{s}l-{s} {s}", x - size / 2.0, middle - size / 2.0, s = size)
    };
    path(&mut svg, "unknown", account.unknowns.iter().map(|(number, at)| cross(scale.x(*at), y(*number))));
    for slot in 0..slots {
        let top = senders_top + lane * f64::from(u32::try_from(slot).unwrap_or(0));
        rect(&mut svg, "lane", (LEFT, top), (WIDTH, lane - 2.0));
        label(&mut svg, &format!("sender {}", slot + 1), top + lane - 4.0);
    }
    let death = |(at, slot): &(Duration, usize)| {
        cross(scale.x(*at), senders_top + lane * f64::from(u32::try_from(*slot).unwrap_or(0)))
    };
    path(&mut svg, "dead", senders.deaths.iter().map(death));
    queue(&mut svg, run, &scale, queue_top);
    axis(&mut svg, &scale, bottom);
    svg.push_str("</svg>\n");
    svg
}

#[allow(clippy::cast_possible_truncation, reason = "a place on the page")]
fn halves(x: f64) -> i64 {
    (x * 2.0).round() as i64
}

fn to_pixels(halves: i64) -> f64 {
    f64::from(i32::try_from(halves).unwrap_or(0)) / 2.0
}

fn rect(svg: &mut String, class: &str, at: (f64, f64), size: (f64, f64)) {
    let ((x, y), (width, height)) = (at, size);
    let _ = writeln!(
        svg,
        "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>"
    );
}

fn label(svg: &mut String, text: &str, y: f64) {
    let x = LEFT - 6.0;
    let _ = writeln!(svg, "<text class=\"s\" x=\"{x}\" y=\"{y:.1}\" text-anchor=\"end\">{text}</text>");
}

fn path(svg: &mut String, class: &str, parts: impl Iterator<Item = String>) {
    let parts: String = parts.collect();
    if !parts.is_empty() {
        let _ = writeln!(svg, "<path class=\"{class}\" d=\"{parts}\"/>");
    }
}

fn legend(svg: &mut String) {
    let mut x = LEFT;
    for (class, text) in [
        ("stumbling", "may recover"),
        ("broken", "broken until mended"),
        ("refusing", "refuses mails"),
        ("dark", "silent after the dot, or the sender dies"),
    ] {
        rect(svg, class, (x, 32.0), (14.0, 10.0));
        let _ = writeln!(svg, "<text x=\"{}\" y=\"41\">{text}</text>", x + 19.0);
        x += 38.0 + 6.2 * f64::from(u32::try_from(text.len()).unwrap_or(0));
    }
    for (class, text) in [("taken", "taken"), ("unknown", "unknown"), ("dead", "killed")] {
        let _ = match class {
            "taken" => writeln!(svg, "<path class=\"{class}\" d=\"M{x:.1} 32v10\"/>"),
            _ => writeln!(svg, "<path class=\"{class}\" d=\"M{x:.1} 33l8 8m0 -8l-8 8\"/>"),
        };
        let _ = writeln!(svg, "<text x=\"{:.1}\" y=\"41\">{text}</text>", x + 12.0);
        x += 30.0 + 6.2 * f64::from(u32::try_from(text.len()).unwrap_or(0));
    }
}

fn queue(svg: &mut String, run: &Run, scale: &Scale, top: f64) {
    let Ok(depth) = run.depth.lock() else { return };
    let longest = depth.iter().map(|(_, length)| *length).max().unwrap_or(0).max(1);
    let height = |length: u64| {
        let share =
            f64::from(u32::try_from(length).unwrap_or(0)) / f64::from(u32::try_from(longest).unwrap_or(1));
        top + QUEUE * (1.0 - share)
    };
    let bottom = top + QUEUE;
    let mut curve = format!("M{LEFT} {bottom:.1}");
    for (at, length) in depth.iter() {
        let _ = write!(curve, "L{:.1} {:.1}", scale.x(*at), height(*length));
    }
    if let Some((at, _)) = depth.last() {
        let _ = write!(curve, "L{:.1} {bottom:.1}Z", scale.x(*at));
    }
    let _ = writeln!(svg, "<path class=\"queue\" d=\"{curve}\"/>");
    label(svg, "queue", top + 10.0);
    label(svg, &format!("≤ {longest}"), top + 24.0);
}

/// The axis of time: seconds of the run, which are minutes of the product.
fn axis(svg: &mut String, scale: &Scale, bottom: f64) {
    let _ = writeln!(svg, "<path class=\"axis\" d=\"M{LEFT} {bottom:.1}h{WIDTH}\"/>");
    let step = [5_u32, 10, 20, 30, 60, 120]
        .into_iter()
        .find(|step| scale.0 / f64::from(*step) < 13.0)
        .unwrap_or(300);
    let mut second = 0_u32;
    while f64::from(second) < scale.0 {
        let x = scale.x(Duration::from_secs(u64::from(second)));
        let _ = writeln!(svg, "<path class=\"axis\" d=\"M{x:.1} {bottom:.1}v4\"/>");
        let _ = writeln!(
            svg,
            "<text class=\"s\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{second}</text>",
            bottom + 15.0
        );
        second += step;
    }
    let _ = writeln!(
        svg,
        "<text class=\"s\" x=\"{LEFT}\" y=\"{:.1}\">seconds; the product's clock goes {SPEED} times as fast: a second \
         is a minute to breakers, leases and retries</text>",
        bottom + 29.0
    );
}
