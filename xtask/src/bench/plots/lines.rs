//! Lines over two logarithmic axes, each with its name at its end.

use super::canvas::{self, Side, FAINT, GRID, INK, TITLE_HEIGHT, WIDTH};
use anyhow::{Context, Result};
use plotters::prelude::*;

const LEFT: i32 = 84;
/// Room for the names.
const RIGHT: i32 = 190;
const HEIGHT: i32 = 420;
const BOTTOM: i32 = HEIGHT - 66;
/// Names are at least so far apart.
const LETTERS: i32 = 17;

pub(super) struct Line {
    pub(super) title: String,
    /// Its index in the palette.
    pub(super) colour: usize,
    pub(super) points: Vec<(f64, f64)>,
}

pub(super) struct Axis {
    pub(super) title: &'static str,
    /// Values, and what is written there; the first and the last are its ends.
    pub(super) ticks: Vec<(f64, String)>,
}

impl Axis {
    fn place(&self, value: f64) -> f64 {
        let ends = self.ticks.first().zip(self.ticks.last());
        ends.map_or(0.0, |(first, last)| canvas::place(value, first.0, last.0, true))
    }
}

pub(super) struct Lines {
    pub(super) title: String,
    pub(super) note: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) lines: Vec<Line>,
}

impl Lines {
    fn at(&self, (x, y): (f64, f64)) -> (i32, i32) {
        let across = self.x.place(x) * f64::from(WIDTH - LEFT - RIGHT);
        let up = self.y.place(y) * f64::from(BOTTOM - TITLE_HEIGHT - 24);
        (LEFT + across.round() as i32, BOTTOM - up.round() as i32)
    }

    pub(super) fn draw(&self) -> Result<String> {
        canvas::picture(&self.title, &self.note, HEIGHT, |area| {
            let (right, top) = (WIDTH - RIGHT, TITLE_HEIGHT + 24);
            canvas::write(area, self.y.title, (LEFT, TITLE_HEIGHT + 8), Side::Right, 12, FAINT)?;
            canvas::write(area, self.x.title, ((LEFT + right) / 2, BOTTOM + 34), Side::Middle, 12, FAINT)?;
            for (value, text) in &self.x.ticks {
                let x = LEFT + (self.x.place(*value) * f64::from(right - LEFT)).round() as i32;
                canvas::stroke(area, (x, top), (x, BOTTOM), GRID)?;
                canvas::write(area, text, (x, BOTTOM + 14), Side::Middle, 12, FAINT)?;
            }
            for (value, text) in &self.y.ticks {
                let y = BOTTOM - (self.y.place(*value) * f64::from(BOTTOM - top)).round() as i32;
                canvas::stroke(area, (LEFT, y), (right, y), GRID)?;
                canvas::write(area, text, (LEFT - 8, y), Side::Left, 12, FAINT)?;
            }
            // fastpar's last, above the others.
            for line in self.lines.iter().rev() {
                let colour = canvas::colour(line.colour);
                let width = if line.colour == 0 { 3 } else { 2 };
                let points: Vec<_> = line.points.iter().map(|&point| self.at(point)).collect();
                let dots = points.iter().map(|&point| Circle::new(point, width + 1, colour.filled()));
                area.draw(&PathElement::new(points.clone(), colour.stroke_width(width as u32)))
                    .ok()
                    .context("a line")?;
                dots.into_iter().try_for_each(|dot| area.draw(&dot).ok()).context("a point")?;
            }
            self.names(area, right)
        })
    }

    /// The names beside the ends of the lines, moved apart where lines end close to each other.
    fn names(&self, area: &canvas::Area<'_>, right: i32) -> Result<()> {
        let mut names: Vec<_> = self
            .lines
            .iter()
            .filter_map(|line| Some((self.at(*line.points.last()?), line)))
            .map(|(end, line)| (end.1, end, line))
            .collect();
        names.sort_by_key(|name| name.0);
        for at in 1..names.len() {
            names[at].0 = names[at].0.max(names[at - 1].0 + LETTERS);
        }
        // What has been pushed out below goes up again.
        let mut lowest = BOTTOM + LETTERS / 2;
        for name in names.iter_mut().rev() {
            name.0 = name.0.min(lowest);
            lowest = name.0 - LETTERS;
        }
        for (y, end, line) in names {
            let colour = canvas::colour(line.colour);
            area.draw(&PathElement::new(vec![end, (right + 16, y)], colour.stroke_width(1)))
                .ok()
                .context("a line")?;
            canvas::write(area, &line.title, (right + 20, y), Side::Right, 13, INK)?;
        }
        Ok(())
    }
}
