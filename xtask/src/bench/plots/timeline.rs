//! A row for each thread, a bar for each slice, inner ones lower.

use super::canvas::{self, Side, FAINT, GRID, INK, TITLE_HEIGHT, WIDTH};
use super::{list, machine};
use crate::bench::timeline::reduce::KINDS;
use anyhow::{Context, Result};
use plotters::prelude::*;
use serde_json::Value;

const LEFT: i32 = 150;
const RIGHT: i32 = 24;
const HEAD: i32 = 30;
const LEGEND: i32 = 46;
/// Of a bar; what tells bars from other rectangles.
pub(crate) const OPACITY: f64 = 0.85;
/// The most slices within each other that are told apart.
const DEEPEST: usize = 4;

/// Rows of a panel.
struct Rows {
    height: i32,
    /// How much lower a slice begins than the one around it.
    step: i32,
}

impl Rows {
    fn of(panel: &Value) -> Self {
        match list(&panel["threads"]).len() {
            0..=10 => Self { height: 28, step: 4 },
            _ => Self { height: 15, step: 2 },
        }
    }
}

/// From where to where the bar of a slice reaches, in a panel of such a length. A gap tells it from the next.
pub(crate) fn place(at: u64, long: u64, took: u64) -> (i32, i32) {
    let x = |at: u64| {
        LEFT + (canvas::place(at as f64, 0.0, took as f64, false) * f64::from(WIDTH - LEFT - RIGHT)) as i32
    };
    let (from, to) = (x(at), x(at + long));
    (from, if to - from > 2 { to - 1 } else { to.max(from + 1) })
}

/// A picture of the results.
pub(super) fn of_results(results: &Value, name: &str) -> Result<String> {
    let panels = results["pictures"][name].as_array().context("there is no such picture")?;
    draw(panels, &machine(results))
}

/// Draws panels, one below the other.
pub(crate) fn draw(panels: &[Value], note: &str) -> Result<String> {
    let rows = |panel: &Value| list(&panel["threads"]).len() as i32 * Rows::of(panel).height;
    let height = TITLE_HEIGHT + panels.iter().map(|panel| rows(panel) + HEAD).sum::<i32>() + LEGEND;
    let mut seen = [false; KINDS.len()];
    canvas::picture("Timelines, as a trace has them", note, height, |area| {
        let mut y = TITLE_HEIGHT;
        for panel in panels {
            let took = panel["took"].as_u64().context("how long it took")?;
            let milliseconds = took as f64 / 1000.0;
            let title = format!("{} ({milliseconds:.1} ms)", panel["title"].as_str().unwrap_or_default());
            canvas::write(area, &title, (20, y + HEAD / 2), Side::Right, 13, INK)?;
            y += HEAD;
            let Rows { height, step } = Rows::of(panel);
            for thread in list(&panel["threads"]) {
                let below = y + height;
                canvas::stroke(area, (LEFT, below), (WIDTH - RIGHT, below), GRID)?;
                let name = thread["name"].as_str().unwrap_or_default();
                canvas::write(area, name, (LEFT - 10, y + height / 2), Side::Left, 11, INK)?;
                for (depth, slices) in list(&thread["depths"]).iter().enumerate() {
                    let top = y + 2 + step * depth.min(DEEPEST) as i32;
                    let slices: Vec<_> = list(slices).iter().filter_map(Value::as_u64).collect();
                    for slice in slices.chunks_exact(3) {
                        let &[kind, at, long] = slice else { continue };
                        let kind = kind as usize;
                        *seen.get_mut(kind).context("a kind that there is not")? = true;
                        let (from, to) = place(at, long, took);
                        let corners = [(from, top), (to, below - 2)];
                        let fill = canvas::colour(kind).mix(OPACITY).filled();
                        area.draw(&Rectangle::new(corners, fill)).ok().context("a slice")?;
                    }
                }
                y += height;
            }
        }
        let mut at = 20;
        for (kind, (name, _)) in KINDS.iter().enumerate().filter(|(kind, _)| seen[*kind]) {
            let square = [(at, y + 10), (at + 10, y + 20)];
            area.draw(&Rectangle::new(square, canvas::colour(kind).filled())).ok().context("a square")?;
            canvas::write(area, name, (at + 14, y + 15), Side::Right, 11, FAINT)?;
            at += 26 + 7 * name.len() as i32;
        }
        Ok(())
    })
}
