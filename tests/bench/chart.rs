//! Draws a line chart as SVG, without script and fonts, for a light and a dark page. Each benchmark with a chart
//! includes this file.

use std::fmt::Write as _;

/// The left edge of the drawing in pixels; the labels of the left axis are left of it.
const LEFT: f64 = 64.0;
/// The margin on the right in pixels, for half of the last label of the lower axis.
const RIGHT: f64 = 36.0;
/// The height of the lower axis with its labels, in pixels.
const BOTTOM: f64 = 40.0;
/// The width of a name in the legend, in pixels.
const NAME: f64 = 210.0;
/// Green, blue and red, as classes of the style sheet. A chart has at most this many lines.
const COLOURS: [&str; 3] = ["a", "b", "c"];

/// A chart. Positions are fractions of its width, from the left, and of its height, from below.
pub(crate) struct Chart<'a> {
    /// The description for screen readers.
    pub(crate) title: String,
    /// The text above the chart.
    pub(crate) heading: &'a str,
    /// Width and height in pixels.
    pub(crate) size: (f64, f64),
    /// The left axis: places and labels.
    pub(crate) y_axis: Vec<(f64, String)>,
    /// The lower axis: positions and labels.
    pub(crate) x_axis: Vec<(f64, String)>,
    /// Names and points of at most three lines. A single line needs no name.
    pub(crate) lines: Vec<(&'a str, Vec<(f64, f64)>)>,
}

impl Chart<'_> {
    /// The chart as SVG.
    pub(crate) fn svg(&self) -> String {
        let (width, height) = self.size;
        let legend = self.lines.iter().any(|(name, _)| !name.is_empty());
        let (top, bottom) = (if legend { 56.0 } else { 28.0 }, height - BOTTOM);
        let x = |share: f64| LEFT + (width - LEFT - RIGHT) * share;
        let y = |share: f64| bottom - (bottom - top) * share;
        let mut svg = format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" font-family="system-ui, sans-serif" font-size="12">
<title>{}</title>
<style>
text {{ fill: #444 }} line {{ stroke: #8884 }} polyline {{ fill: none; stroke-width: 2 }}
.a {{ stroke: #2f8f4e }} .b {{ stroke: #2a6fdb }} .c {{ stroke: #c4442e }}
@media (prefers-color-scheme: dark) {{ text {{ fill: #ccc }} .a {{ stroke: #6fd08f }} .b {{ stroke: #7db1ff }} .c {{ stroke: #ff8a70 }} }}
</style>
<text x="{LEFT}" y="16" font-weight="600">{}</text>
"#,
            self.title, self.heading,
        );
        for (share, label) in &self.y_axis {
            let (at, right, end) = (y(*share), width - RIGHT, LEFT - 8.0);
            let _ = writeln!(
                svg,
                r#"<line x1="{LEFT}" x2="{right}" y1="{at:.1}" y2="{at:.1}"/><text x="{end}" y="{:.1}" text-anchor="end">{label}</text>"#,
                at + 4.0,
            );
        }
        for (share, label) in &self.x_axis {
            let (at, below) = (x(*share), bottom + 20.0);
            let _ = writeln!(svg, r#"<text x="{at:.1}" y="{below}" text-anchor="middle">{label}</text>"#);
        }
        let mut at = LEFT;
        for ((name, points), colour) in self.lines.iter().zip(COLOURS) {
            let points: Vec<String> =
                points.iter().map(|(across, up)| format!("{:.1},{:.1}", x(*across), y(*up))).collect();
            let _ = writeln!(svg, r#"<polyline class="{colour}" points="{}"/>"#, points.join(" "));
            if legend {
                let (end, text) = (at + 24.0, at + 30.0);
                let _ = writeln!(
                    svg,
                    r#"<line class="{colour}" x1="{at}" x2="{end}" y1="36" y2="36" stroke-width="2"/><text x="{text}" y="40">{name}</text>"#,
                );
            }
            at += NAME;
        }
        svg + "</svg>\n"
    }
}
