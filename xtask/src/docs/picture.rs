//! The picture of the schedules, drawn from what the guide's program prints: lines such as `GRAIN: 100 100`.

use crate::repo;
use anyhow::{ensure, Context, Result};
use std::fmt::Write as _;

pub(crate) const PICTURE: &str = "docs/guide/schedules.svg";
pub(crate) const PAGE: &str = "docs/guide/schedules.md";

const WIDTH: usize = 720;
const ROW: usize = 76;
const BAR: usize = 30;

/// The sizes of chunks, by schedule, that a page shows.
fn plans(page: &str) -> Result<Vec<(&str, Vec<usize>)>> {
    let text = page.split_once("```text\n").and_then(|(_, rest)| rest.split_once("```"));
    let (text, _) = text.context("the page shows no output")?;
    let mut plans = Vec::new();
    for (name, sizes) in text.lines().filter_map(|line| line.split_once(": ")) {
        let sizes = sizes.split(' ').map(str::parse).collect::<Result<Vec<usize>, _>>();
        plans.push((name, sizes.with_context(|| name.to_owned())?));
    }
    ensure!(!plans.is_empty(), "the page shows no plans");
    Ok(plans)
}

/// A bar for each schedule, with its chunks.
pub(crate) fn draw(page: &str) -> Result<String> {
    let plans = plans(page)?;
    let height = plans.len() * ROW + 10;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"22\" role=\"img\">\n\
         <title>Chunks of each schedule</title>\n"
    );
    for (row, (name, sizes)) in plans.iter().enumerate() {
        let top = row * ROW;
        let count = match sizes.len() {
            1 => "1 chunk".to_owned(),
            count => format!("{count} chunks"),
        };
        let _ = writeln!(out, "<text x=\"2\" y=\"{}\">{name}: {count}</text>", top + 22);
        let total: usize = sizes.iter().sum();
        let mut done = 0;
        for (index, size) in sizes.iter().enumerate() {
            // A gap of a pixel on each side.
            let (left, right) = (done * WIDTH / total, (done + size) * WIDTH / total);
            let colour = if index % 2 == 0 { "#2563a8" } else { "#7fb0e0" };
            let width = (right - left).saturating_sub(1).max(1);
            let _ = writeln!(
                out,
                "<rect x=\"{left}\" y=\"{}\" width=\"{width}\" height=\"{BAR}\" fill=\"{colour}\"/>",
                top + 32
            );
            done += size;
        }
    }
    Ok(out + "</svg>\n")
}

/// Draws it anew where the page has changed.
pub(super) fn update() -> Result<()> {
    let drawn = draw(&repo::read(PAGE)?)?;
    if repo::read(PICTURE).ok().as_ref() != Some(&drawn) {
        std::fs::write(repo::root().join(PICTURE), drawn)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_for_each_line() {
        let svg = draw("```text\n# p.txt\nONE: 4\nTWO, 2: 1 3\n```\n").unwrap();
        assert!(svg.contains("ONE: 1 chunk<") && svg.contains("TWO, 2: 2 chunks<"));
        assert_eq!(svg.matches("<rect").count(), 3);
        assert!(svg.contains("x=\"180\" y=\"108\" width=\"539\""));
        assert!(draw("nothing").is_err());
    }
}
