//! Pictures of timelines: real traces, reduced and drawn as those of the benchmarks, and the picture is read.

use super::{Case, Context};
use crate::bench::plots::timeline::{draw, place, OPACITY};
use crate::bench::timeline::{Picture, PICTURES};
use crate::stage::Staged;
use anyhow::{bail, ensure, Context as _, Result};
use roxmltree::{Document, Node};
use serde_json::Value;

/// A case for each picture whose program can be built here.
pub(super) fn run(context: &mut Context) -> Result<Vec<Case>> {
    let case = |picture: &Picture| {
        let name = format!("picture {}", picture.name);
        let needed: &[&str] = if picture.needs_zstd() { &["gcc", "zstd"] } else { &["gcc"] };
        Ok(match context.setup.missing(needed) {
            Some(reason) => Case::skipped(name, reason),
            None => {
                let staged = context.staged()?;
                Case::of(name, || trace_and_draw(staged, picture))
            }
        })
    };
    PICTURES.iter().map(case).collect()
}

fn trace_and_draw(staged: &Staged, picture: &Picture) -> Result<()> {
    let events = picture.trace(staged)?;
    let panels = picture.panels(&events)?;
    ensure!(!panels.is_empty(), "it shows nothing");
    let svg = draw(&panels, "a test")?;
    let drawn = check(&svg, &panels)?;
    let traced = traced(&events, picture);
    ensure!(drawn == traced, "{drawn} bars are drawn for {traced} slices of the trace");
    Ok(())
}

/// How many slices of a trace are to be seen, by the trace alone.
fn traced(events: &[Value], picture: &Picture) -> usize {
    let nanoseconds = |value: &Value| (value.as_f64().unwrap_or(0.0) * 1000.0).round() as u64;
    let ends =
        |event: &Value| (nanoseconds(&event["ts"]), nanoseconds(&event["ts"]) + nanoseconds(&event["dur"]));
    let slices = || events.iter().filter(|event| event["ph"] == "X");
    let seen =
        |(from, to): (u64, u64)| slices().map(ends).filter(|slice| slice.0 < to && slice.1 > from).count();
    if picture.needs_zstd() {
        let calls = slices().filter(|event| event["name"] == "reduce archive");
        return calls.map(ends).min().map_or(0, seen);
    }
    // Only the program's thread has spans, in their order. Those that lie in another one are slices, too.
    let (mut depth, mut begun, mut count) = (0, 0, 0);
    for event in events {
        let at = nanoseconds(&event["ts"]);
        match (event["ph"].as_str(), depth) {
            (Some("B"), 0) => (depth, begun) = (1, at),
            (Some("B"), _) => (depth, count) = (depth + 1, count + 1),
            (Some("E"), 1) => (depth, count) = (0, count + seen((begun, at))),
            (Some("E"), _) => depth -= 1,
            _ => {}
        }
    }
    count
}

/// A rectangle of a picture.
#[derive(Clone, Copy, Debug)]
struct Area {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
}

impl Area {
    fn of(node: &Node<'_, '_>) -> Result<Self> {
        let (left, top) = (number(node, "x")?, number(node, "y")?);
        Ok(Self { left, top, right: left + number(node, "width")?, bottom: top + number(node, "height")? })
    }

    /// A text, if its letters are as wide as those of usual fonts at the most.
    fn of_text(node: &Node<'_, '_>) -> Result<Self> {
        let (x, y, size) = (number(node, "x")?, number(node, "y")?, number(node, "font-size")?);
        let wide = 0.62 * size * node.text().unwrap_or_default().trim().chars().count() as f64;
        let left = match node.attribute("text-anchor") {
            Some("end") => x - wide,
            Some("middle") => x - wide / 2.0,
            _ => x,
        };
        Ok(Self { left, top: y - size / 2.0, right: left + wide, bottom: y + size / 2.0 })
    }

    fn holds(&self, inner: &Self) -> bool {
        self.left <= inner.left
            && inner.right <= self.right
            && self.top <= inner.top
            && inner.bottom <= self.bottom
    }
}

fn number(node: &Node<'_, '_>, name: &str) -> Result<f64> {
    let text = node.attribute(name).with_context(|| format!("{} has no {name}", node.tag_name().name()))?;
    text.parse().with_context(|| format!("{name}: {text:?}"))
}

/// Reads a picture: it shows these panels, a bar for each slice, where it belongs; how many there are.
fn check(svg: &str, panels: &[Value]) -> Result<usize> {
    let document = Document::parse(svg)?;
    let root = document.root_element();
    ensure!(root.tag_name().name() == "svg", "no picture");
    let view: Vec<f64> = root
        .attribute("viewBox")
        .context("no viewBox")?
        .split(' ')
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    let &[left, top, width, height] = &view[..] else { bail!("viewBox: {view:?}") };
    let view = Area { left, top, right: left + width, bottom: top + height };
    let mut bars = Vec::new();
    let mut names = Vec::new();
    for node in root.descendants().filter(Node::is_element) {
        match node.tag_name().name() {
            "rect" => {
                let area = Area::of(&node)?;
                ensure!(view.holds(&area), "{area:?} is outside");
                if number(&node, "opacity")? == OPACITY {
                    bars.push((area, node.attribute("fill").unwrap_or_default().to_owned()));
                }
            }
            "text" => {
                let area = Area::of_text(&node)?;
                ensure!(view.holds(&area), "the text {:?} is outside", node.text());
                names.push((node.text().unwrap_or_default().trim().to_owned(), area));
            }
            "polyline" => {
                for point in node.attribute("points").unwrap_or_default().split_whitespace() {
                    let (x, y) = point.split_once(',').context("a point")?;
                    let (x, y) = (x.parse()?, y.parse()?);
                    ensure!(view.holds(&Area { left: x, top: y, right: x, bottom: y }), "{point} is outside");
                }
            }
            _ => {}
        }
    }
    let count = bars.len();
    let mut bars = bars.into_iter();
    let mut names = names.into_iter();
    let mut colours: Vec<(u64, String)> = Vec::new();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut above = 0.0;
    for panel in panels {
        let took = panel["took"].as_u64().context("how long it took")?;
        for thread in list(&panel["threads"]) {
            let name = thread["name"].as_str().unwrap_or_default();
            let (_, beside) = names.find(|(text, _)| text == name).with_context(|| format!("no {name}"))?;
            ensure!(beside.top >= above, "{name} is not below the thread before it");
            for depth in list(&thread["depths"]) {
                let slices: Vec<u64> = list(&depth).iter().filter_map(Value::as_u64).collect();
                let mut before = 0.0;
                for slice in slices.chunks(3) {
                    let &[kind, at, long] = slice else { bail!("a slice is cut: {slices:?}") };
                    let (bar, fill) = bars.next().context("too few bars")?;
                    let (from, to) = place(at, long, took);
                    let right = (bar.left, bar.right) == (f64::from(from), f64::from(to));
                    ensure!(right, "{bar:?}, not {from} to {to}");
                    ensure!(bar.left >= before, "{bar:?} begins before the one before it");
                    ensure!(
                        bar.top < beside.bottom && bar.bottom > beside.top,
                        "{bar:?} is not beside {name}"
                    );
                    above = bar.bottom;
                    before = bar.left;
                    match colours.iter().find(|known| known.0 == kind || known.1 == fill) {
                        None => colours.push((kind, fill)),
                        Some(known) => ensure!(*known == (kind, fill), "kinds are told apart by colours"),
                    }
                }
            }
        }
    }
    ensure!(bars.next().is_none(), "more bars than slices");
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// What is committed was drawn by this code of the results that are.
    #[test]
    fn the_pictures_that_are_committed() {
        let results: Value =
            serde_json::from_str(&crate::repo::read("benches/results/timeline.json").unwrap()).unwrap();
        for picture in &PICTURES {
            let svg = crate::repo::read(&format!("benches/results/{}.svg", picture.name)).unwrap();
            let panels = results["pictures"][picture.name].as_array().unwrap();
            assert!(check(&svg, panels).unwrap() > 10, "{}", picture.name);
        }
    }

    #[test]
    fn faults_of_pictures_are_found() {
        let panel = |slices: &[u64], name: &str| json!({"title": "a panel", "took": 1000, "threads": [{"name": name, "depths": [[7, 0, 1000], slices]}]});
        let good = [panel(&[2, 0, 400, 0, 500, 0, 2, 510, 490], "main")];
        let svg = draw(&good, "a note").unwrap();
        assert_eq!(check(&svg, &good).unwrap(), 4);
        let refused = |svg: &str, panels: &[Value]| assert!(check(svg, panels).is_err(), "{panels:?}: {svg}");
        refused(&svg, &[panel(&[2, 0, 400, 0, 500, 0], "main")]);
        refused(&svg, &[panel(&[2, 0, 400, 0, 500, 0, 2, 510, 490, 2, 1000, 0], "main")]);
        refused(&svg, &[panel(&[2, 0, 400, 0, 600, 0, 2, 610, 390], "main")]);
        refused(&svg, &[panel(&[2, 0, 400, 0, 500, 0, 0, 510, 490], "main")]);
        refused(&svg, &[panel(&[2, 0, 400, 0, 500, 0, 2, 510, 490], "other")]);
        let backwards = [panel(&[2, 500, 400, 0, 0, 0], "main")];
        refused(&draw(&backwards, "a note").unwrap(), &backwards);
        let long = [panel(&[2, 0, 400], "a thread whose name is longer than there is room for")];
        refused(&draw(&long, "a note").unwrap(), &long);
        refused(&svg.replacen("viewBox=\"0 0 860", "viewBox=\"0 0 500", 1), &good);
        refused(&svg.replacen("</text>", "", 1), &good);
    }
}
