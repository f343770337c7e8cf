//! What all pictures share: colours, letters, and the style that makes them readable on light and dark pages.

use anyhow::{Context, Result};
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// The drawing area of a whole picture.
pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

pub(super) const WIDTH: i32 = 860;
pub(super) const TITLE_HEIGHT: i32 = 44;

pub(super) const PAPER: RGBColor = RGBColor(0xff, 0xff, 0xff);
pub(super) const INK: RGBColor = RGBColor(0x24, 0x29, 0x2f);
pub(super) const FAINT: RGBColor = RGBColor(0x57, 0x60, 0x6a);
pub(super) const GRID: RGBColor = RGBColor(0xd8, 0xde, 0xe4);

/// Colours that stay apart for eyes that do not tell red from green, on white and on black. The first is
/// fastpar's. Based on M. Okabe, K. Ito, "Color Universal Design", 2008.
const PALETTE: [RGBColor; 8] = [
    RGBColor(0xd5, 0x4b, 0x00),
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0x3a, 0xa4, 0xe0),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xcc, 0x79, 0xa7),
    RGBColor(0xc2, 0x93, 0x0a),
    RGBColor(0x8a, 0x8f, 0x98),
    RGBColor(0x7a, 0x52, 0xc7),
];

pub(super) fn colour(place: usize) -> RGBColor {
    PALETTE[place % PALETTE.len()]
}

/// Where a text stands beside its point.
#[derive(Clone, Copy)]
pub(super) enum Side {
    Left,
    Right,
    Middle,
}

/// Writes a text, its middle as high as the point.
pub(super) fn write(
    area: &Area<'_>,
    text: &str,
    at: (i32, i32),
    side: Side,
    size: i32,
    ink: RGBColor,
) -> Result<()> {
    let horizontal = match side {
        Side::Left => HPos::Right,
        Side::Right => HPos::Left,
        Side::Middle => HPos::Center,
    };
    let style =
        TextStyle::from(("sans-serif", size).into_font()).color(&ink).pos(Pos::new(horizontal, VPos::Center));
    area.draw(&Text::new(text.to_owned(), at, style)).ok().context("a text")
}

/// A line from one point to another.
pub(super) fn stroke(area: &Area<'_>, from: (i32, i32), to: (i32, i32), ink: RGBColor) -> Result<()> {
    area.draw(&PathElement::new(vec![from, to], ink.stroke_width(1))).ok().context("a line")
}

/// Draws a picture: the title, and below it whatever `draw` draws.
pub(super) fn picture(
    title: &str,
    note: &str,
    height: i32,
    draw: impl FnOnce(&Area<'_>) -> Result<()>,
) -> Result<String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH as u32, height as u32)).into_drawing_area();
        area.fill(&PAPER).ok().context("the background")?;
        write(&area, title, (20, 24), Side::Right, 17, INK)?;
        write(&area, note, (WIDTH - 20, height - 14), Side::Left, 11, FAINT)?;
        draw(&area)?;
        area.present().ok().context("the picture")?;
    }
    Ok(with_style(&svg))
}

/// On a dark page the colours of paper and ink are exchanged. Rules of style come before the attributes that
/// were written.
fn with_style(svg: &str) -> String {
    let rules: String = [(PAPER, "#0d1117"), (INK, "#e6edf3"), (FAINT, "#9198a1"), (GRID, "#30363d")]
        .into_iter()
        .map(|(RGBColor(red, green, blue), dark)| {
            let light = format!("#{red:02X}{green:02X}{blue:02X}");
            format!("[fill=\"{light}\"]{{fill:{dark}}}[stroke=\"{light}\"]{{stroke:{dark}}}")
        })
        .collect();
    let style = format!(
        "<style>text{{font-family:system-ui,-apple-system,\"Segoe UI\",\"DejaVu Sans\",sans-serif}}\
         @media (prefers-color-scheme:dark){{{rules}}}</style>\n"
    );
    match svg.find('>') {
        Some(end) => format!("{}\n{style}{}", &svg[..=end], svg[end + 1..].trim_start()),
        None => svg.to_owned(),
    }
}

/// Where a value lies between two others, from 0 to 1.
pub(super) fn place(value: f64, first: f64, last: f64, logarithmic: bool) -> f64 {
    let scale = |value: f64| if logarithmic { value.ln() } else { value };
    ((scale(value) - scale(first)) / (scale(last) - scale(first))).clamp(0.0, 1.0)
}
