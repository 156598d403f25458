//! Small charts as SVG within a page: points with their intervals, and lines.

use super::html::escape;
use super::words::number;
use std::fmt::Write;

const WIDTH: f64 = 340.0;
const HEIGHT: f64 = 250.0;
/// What is kept free around the drawing, for its words: on the left and below, above, and on the right.
const FREE: f64 = 46.0;
const TOP: f64 = 24.0;
const EDGE: f64 = 12.0;

/// One point, with intervals along both axes where they are known.
pub(super) struct Point {
    /// Along the horizontal axis.
    pub(super) x: f64,
    /// Along the vertical axis.
    pub(super) y: f64,
    /// The interval along the horizontal axis.
    pub(super) x_interval: Option<(f64, f64)>,
    /// The interval along the vertical axis.
    pub(super) y_interval: Option<(f64, f64)>,
    /// What stands beside it.
    pub(super) label: String,
    /// Whether it stands out.
    pub(super) strong: bool,
}

/// A chart: its title is what a screen reader says.
pub(super) struct Chart<'a> {
    pub(super) title: &'a str,
    pub(super) x: &'a str,
    pub(super) y: &'a str,
    pub(super) points: Vec<Point>,
    pub(super) line: Vec<[f64; 2]>,
    /// Whether a line shows where both axes agree.
    pub(super) diagonal: bool,
    /// Both axes from 0 to 1, whatever is drawn.
    pub(super) unit: bool,
}

/// From values to places.
struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values.filter(|value| value.is_finite()) {
            (low, high) = (low.min(value), high.max(value));
        }
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        let room = if high > low { (high - low) * 0.08 } else { 0.5 };
        Self { low: low - room, high: high + room }
    }

    fn share(&self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    fn x(&self, value: f64) -> f64 {
        FREE + self.share(value) * (WIDTH - FREE - EDGE)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - FREE - self.share(value) * (HEIGHT - FREE - TOP)
    }
}

impl Chart<'_> {
    /// The drawing; nothing where there is nothing to draw.
    pub(super) fn draw(&self, out: &mut String) -> std::fmt::Result {
        if self.points.is_empty() && self.line.is_empty() {
            return Ok(());
        }
        let (x, y) = self.axes();
        let (left, right, top, bottom) = (FREE, WIDTH - EDGE, TOP, HEIGHT - FREE);
        writeln!(
            out,
            "<figure><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\"><title>{}</title>",
            escape(self.title)
        )?;
        writeln!(out, "<path class=\"axis\" d=\"M{left} {top}V{bottom}H{right}\"/>")?;
        for (value, anchor) in [(x.low, "start"), (x.high, "end")] {
            let (at, below) = (x.x(value), bottom + 15.0);
            writeln!(out, "<text x=\"{at:.1}\" y=\"{below:.1}\" text-anchor=\"{anchor}\">{}</text>", number(value))?;
        }
        for value in [y.low, y.high] {
            let (beside, at) = (left - 5.0, y.y(value) + 4.0);
            writeln!(out, "<text x=\"{beside:.1}\" y=\"{at:.1}\" text-anchor=\"end\">{}</text>", number(value))?;
        }
        let (middle, under) = ((left + right) / 2.0, HEIGHT - 8.0);
        writeln!(out, "<text x=\"{middle:.1}\" y=\"{under:.1}\" text-anchor=\"middle\">{}</text>", escape(self.x))?;
        writeln!(out, "<text x=\"2\" y=\"13\">{}</text>", escape(self.y))?;
        if self.diagonal {
            let (from, to) = (x.low.max(y.low), x.high.min(y.high));
            let (x1, y1, x2, y2) = (x.x(from), y.y(from), x.x(to), y.y(to));
            writeln!(out, "<path class=\"even\" d=\"M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}\"/>")?;
        }
        if !self.line.is_empty() {
            let places: Vec<String> =
                self.line.iter().map(|&[at, value]| format!("{:.1},{:.1}", x.x(at), y.y(value))).collect();
            writeln!(out, "<polyline class=\"line\" points=\"{}\"/>", places.join(" "))?;
        }
        let mut points = self.points.iter().enumerate();
        points.try_for_each(|(place, point)| draw_point(out, place, point, &x, &y))?;
        writeln!(out, "</svg><figcaption>{}</figcaption></figure>", escape(self.title))
    }

    fn axes(&self) -> (Axis, Axis) {
        if self.unit {
            return (Axis { low: 0.0, high: 1.0 }, Axis { low: 0.0, high: 1.0 });
        }
        let ends = |interval: Option<(f64, f64)>, value: f64| {
            let (low, high) = interval.unwrap_or((value, value));
            [value, low, high]
        };
        let xs = self.points.iter().flat_map(|point| ends(point.x_interval, point.x));
        let ys = self.points.iter().flat_map(|point| ends(point.y_interval, point.y));
        (
            Axis::of(xs.chain(self.line.iter().map(|place| place[0]))),
            Axis::of(ys.chain(self.line.iter().map(|place| place[1]))),
        )
    }
}

fn draw_point(out: &mut String, place: usize, point: &Point, x: &Axis, y: &Axis) -> std::fmt::Result {
    let (across, up) = (x.x(point.x), y.y(point.y));
    if let Some((low, high)) = point.y_interval {
        writeln!(out, "<path class=\"bar\" d=\"M{across:.1} {:.1}V{:.1}\"/>", y.y(low), y.y(high))?;
    }
    if let Some((low, high)) = point.x_interval {
        writeln!(out, "<path class=\"bar\" d=\"M{:.1} {up:.1}H{:.1}\"/>", x.x(low), x.x(high))?;
    }
    let class = if point.strong { "point strong" } else { "point" };
    writeln!(out, "<circle class=\"{class}\" cx=\"{across:.1}\" cy=\"{up:.1}\" r=\"4\"/>")?;
    if point.label.is_empty() {
        return Ok(());
    }
    let (anchor, beside) = if across > WIDTH * 0.6 { ("end", across - 7.0) } else { ("start", across + 7.0) };
    // Points that are near each other have their words above and below.
    let above = if place.is_multiple_of(2) { up - 6.0 } else { up + 15.0 };
    writeln!(out, "<text x=\"{beside:.1}\" y=\"{above:.1}\" text-anchor=\"{anchor}\">{}</text>", escape(&point.label))
}
