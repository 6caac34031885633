//! Draws curves as an SVG. Both axes are logarithmic, and each name is at the end of its curve. Colour-blind people can
//! tell the colours apart (Okabe and Ito).

use std::error::Error;
use std::ops::RangeInclusive;

use plotters::chart::ChartContext;
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::{
    BLACK, Cartesian2d, ChartBuilder, Circle, Color, DrawingArea, IntoDrawingArea, IntoFont, LineSeries, PathElement,
    RGBColor, SVGBackend, ShapeStyle, Text, TextStyle, WHITE,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::common::numbers::{float, whole};
use crate::curves::{Curve, Curves, Unit};

const SIZE: (u32, u32) = (960, 540);

/// Space to the right of the curves, for their names.
const NAMES: u32 = 290;

/// The fewest powers of ten that an axis spans.
const FEWEST: i32 = 3;

/// The distance between the lines of two names.
const GAP: i32 = 19;

const COLOURS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    BLACK,
];

const TEXT: RGBColor = RGBColor(40, 40, 40);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Draws the curves.
pub fn svg(curves: &Curves) -> String {
    let mut svg = String::new();
    draw(curves, &SVGBackend::with_string(&mut svg, SIZE).into_drawing_area()).expect("a string takes everything");
    svg
}

fn draw(curves: &Curves, area: &Area) -> Result<(), Box<dyn Error>> {
    area.fill(&WHITE)?;
    let mut chart = axes(curves, area)?;
    let mut ends = Vec::new();
    for (place, curve) in curves.lines.iter().enumerate() {
        let points = points(curves.sizes, curve);
        let end = *points.last().expect("every curve has points");
        ends.push((chart.backend_coord(&end), place, curve.name));
        line(&mut chart, &points, place)?;
    }
    names(area, ends)?;
    area.present()?;
    Ok(())
}

fn axes<'a, 'b>(curves: &Curves, area: &'a Area<'b>) -> Result<Chart<'a, 'b>, Box<dyn Error>> {
    let heights = curves.lines.iter().flat_map(|curve| &curve.points).map(|point| point.median);
    let (x, y) = (decades(curves.sizes.iter().map(|size| float(*size))), decades(heights));
    let mut chart = ChartBuilder::on(area)
        .caption(curves.title, text(22))
        .margin(14)
        .margin_right(NAMES)
        .x_label_area_size(52)
        .y_label_area_size(84)
        .build_cartesian_2d(f64::from(*x.start())..f64::from(*x.end()), f64::from(*y.start())..f64::from(*y.end()))?;
    chart
        .configure_mesh()
        .x_labels(x.count() + 1)
        .y_labels(y.count() + 1)
        .max_light_lines(0)
        .bold_line_style(RGBColor(225, 225, 225))
        .axis_style(RGBColor(120, 120, 120))
        .label_style(text(16))
        .axis_desc_style(text(17))
        .x_desc(curves.size)
        .y_desc(curves.unit.title())
        .x_label_formatter(&|decade| whole(10_f64.powf(*decade)))
        .y_label_formatter(&|decade| tick(curves.unit, *decade))
        .draw()?;
    Ok(chart)
}

/// The range of powers of ten that holds all numbers, widened so that a flat curve looks flat.
fn decades(numbers: impl Iterator<Item = f64>) -> RangeInclusive<i32> {
    #[expect(clippy::cast_possible_truncation, reason = "a logarithm is small")]
    let exponents = numbers.map(f64::log10).map(|log| (log.floor() as i32, log.ceil() as i32));
    let (low, high) = exponents.reduce(|(low, high), (down, up)| (low.min(down), high.max(up))).unwrap_or_default();
    let missing = (FEWEST - (high - low)).max(0);
    low - (missing - missing / 2)..=high + missing / 2
}

fn tick(unit: Unit, decade: f64) -> String {
    let power = |exponent: f64| whole(10_f64.powf(exponent));
    match unit {
        Unit::Rate => power(decade),
        Unit::Time if decade < -3.0 => format!("{} µs", power(decade + 6.0)),
        Unit::Time if decade < 0.0 => format!("{} ms", power(decade + 3.0)),
        Unit::Time => format!("{} s", power(decade)),
    }
}

fn text(size: i32) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&TEXT)
}

fn points(sizes: &[u64], curve: &Curve) -> Vec<(f64, f64)> {
    sizes.iter().zip(&curve.points).map(|(size, point)| (float(*size).log10(), point.median.log10())).collect()
}

/// Draws a curve. Marks are filled for the first use of each colour, and hollow after that.
fn line(chart: &mut Chart, points: &[(f64, f64)], place: usize) -> Result<(), Box<dyn Error>> {
    let colour = COLOURS[place % COLOURS.len()];
    chart.draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?;
    let marks = points.iter().flat_map(|point| marks(*point, place));
    chart.draw_series(marks)?;
    Ok(())
}

fn marks<T>(point: T, place: usize) -> Vec<Circle<T, i32>>
where
    T: Copy,
{
    let colour = COLOURS[place % COLOURS.len()];
    if place < COLOURS.len() {
        vec![Circle::new(point, 4, colour.filled())]
    } else {
        vec![Circle::new(point, 4, WHITE.filled()), Circle::new(point, 4, colour.stroke_width(2))]
    }
}

/// Writes each name next to the end of its curve, without overlap.
fn names(area: &Area, mut ends: Vec<((i32, i32), usize, &str)>) -> Result<(), Box<dyn Error>> {
    ends.sort_unstable_by_key(|((_, height), ..)| *height);
    let heights = apart(ends.iter().map(|((_, height), ..)| *height).collect());
    for (((x, from), place, name), to) in ends.into_iter().zip(heights) {
        let style: ShapeStyle = COLOURS[place % COLOURS.len()].into();
        area.draw(&PathElement::new([(x + 6, from), (x + 26, to), (x + 36, to)], style))?;
        for mark in marks((x + 36, to), place) {
            area.draw(&mark)?;
        }
        let style = text(16).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new(name, (x + 46, to), style))?;
    }
    Ok(())
}

/// Moves heights apart, smallest first, so that a line of text fits between them.
fn apart(mut heights: Vec<i32>) -> Vec<i32> {
    for place in 1..heights.len() {
        heights[place] = heights[place].max(heights[place - 1] + GAP);
    }
    // Moves heights below the bottom edge back up.
    let mut bottom = SIZE.1.cast_signed() - 30;
    for height in heights.iter_mut().rev() {
        *height = bottom.min(*height);
        bottom = *height - GAP;
    }
    heights
}
