//! Groups of horizontal bars, each with its own label.

use super::canvas::{self, Side, FAINT, GRID, INK, TITLE_HEIGHT, WIDTH};
use anyhow::{Context, Result};
use plotters::prelude::*;

const LEFT: i32 = 190;
/// Room for a label beside the longest bar.
const RIGHT: i32 = 150;
const BAR: i32 = 17;
const GAP: i32 = 16;
const AXIS: i32 = 48;

pub(super) struct Bar {
    /// Its index in the palette.
    pub(super) colour: usize,
    pub(super) value: f64,
    pub(super) label: String,
}

pub(super) struct Bars {
    pub(super) title: String,
    pub(super) note: String,
    pub(super) logarithmic: bool,
    pub(super) groups: Vec<(String, Vec<Bar>)>,
    /// Values on the axis, and what is written there; the first and the last are its ends.
    pub(super) ticks: Vec<(f64, String)>,
}

impl Bars {
    pub(super) fn draw(&self) -> Result<String> {
        let rows: usize = self.groups.iter().map(|(_, bars)| bars.len()).sum();
        let bottom = TITLE_HEIGHT + rows as i32 * BAR + self.groups.len() as i32 * GAP;
        let (first, last) = self.ticks.first().zip(self.ticks.last()).context("no ticks")?;
        let x = |value: f64| {
            let place = canvas::place(value, first.0, last.0, self.logarithmic);
            LEFT + (place * f64::from(WIDTH - LEFT - RIGHT)) as i32
        };
        canvas::picture(&self.title, &self.note, bottom + AXIS, |area| {
            for (value, text) in &self.ticks {
                let value = *value;
                canvas::stroke(area, (x(value), TITLE_HEIGHT), (x(value), bottom), GRID)?;
                canvas::write(area, text, (x(value), bottom + 12), Side::Middle, 12, FAINT)?;
            }
            let mut y = TITLE_HEIGHT + GAP / 2;
            for (name, bars) in &self.groups {
                let middle = y + bars.len() as i32 * BAR / 2;
                canvas::write(area, name, (LEFT - 14, middle), Side::Left, 13, INK)?;
                for bar in bars {
                    let colour = canvas::colour(bar.colour);
                    let corners = [(LEFT, y + 2), (x(bar.value).max(LEFT + 1), y + BAR - 2)];
                    area.draw(&Rectangle::new(corners, colour.filled())).ok().context("a bar")?;
                    let beside = (corners[1].0 + 6, y + BAR / 2);
                    canvas::write(area, &bar.label, beside, Side::Right, 12, INK)?;
                    y += BAR;
                }
                y += GAP;
            }
            Ok(())
        })
    }
}
