//! A row for each thread, a bar for each slice, inner ones lower.

use super::canvas::{self, Side, FAINT, GRID, INK, TITLE_HEIGHT, WIDTH};
use super::{list, machine};
use crate::bench::timeline::SHOWN;
use anyhow::{Context, Result};
use plotters::prelude::*;
use serde_json::Value;

const LEFT: i32 = 150;
const RIGHT: i32 = 24;
const ROW: i32 = 22;
const HEAD: i32 = 30;
const LEGEND: i32 = 46;

/// How far from its row's upper edge a slice begins: those of one kind lie within those before.
fn inset(kind: usize) -> i32 {
    match SHOWN[kind] {
        "compress file" | "loop" => 2,
        "lane" | "wait" => 5,
        "chunk" | "task" => 8,
        _ => 11,
    }
}

pub(super) fn timeline(results: &Value) -> Result<String> {
    let panels = list(&results["panels"]);
    let rows: usize = panels.iter().map(|panel| list(&panel["threads"]).len()).sum();
    let height = TITLE_HEIGHT + rows as i32 * ROW + panels.len() as i32 * HEAD + LEGEND;
    canvas::picture("Timelines, as a trace has them", &machine(results), height, |area| {
        let mut y = TITLE_HEIGHT;
        for panel in panels {
            let took = panel["took"].as_f64().context("how long it took")?;
            let x = |at: f64| {
                LEFT + (canvas::place(at, 0.0, took, false) * f64::from(WIDTH - LEFT - RIGHT)) as i32
            };
            let title = format!("{} ({:.1} ms)", panel["title"].as_str().unwrap_or_default(), took / 1000.0);
            canvas::write(area, &title, (20, y + HEAD / 2), Side::Right, 13, INK)?;
            y += HEAD;
            for thread in list(&panel["threads"]) {
                canvas::stroke(area, (LEFT, y + ROW), (WIDTH - RIGHT, y + ROW), GRID)?;
                let name = thread["name"].as_str().unwrap_or_default();
                canvas::write(area, name, (LEFT - 10, y + ROW / 2), Side::Left, 11, INK)?;
                let mut slices: Vec<_> = list(&thread["slices"]).iter().collect();
                slices.sort_by_key(|slice| slice[0].as_u64());
                for slice in slices {
                    let kind = slice[0].as_u64().context("a kind")? as usize;
                    let (at, took) = (slice[1].as_f64().unwrap_or(0.0), slice[2].as_f64().unwrap_or(0.0));
                    let (from, to) = (x(at), x(at + took).max(x(at) + 1));
                    let corners = [(from, y + inset(kind)), (to, y + ROW - 2)];
                    let fill = canvas::colour(kind).mix(0.85).filled();
                    area.draw(&Rectangle::new(corners, fill)).ok().context("a slice")?;
                }
                y += ROW;
            }
        }
        let mut at = 20;
        for (kind, name) in SHOWN.iter().enumerate() {
            let square = [(at, y + 10), (at + 10, y + 20)];
            area.draw(&Rectangle::new(square, canvas::colour(kind).filled())).ok().context("a square")?;
            canvas::write(area, name, (at + 14, y + 15), Side::Right, 11, FAINT)?;
            at += 26 + 7 * name.len() as i32;
        }
        Ok(())
    })
}
