//! Which of many outputs share a byte with another item's buffers: found before any of them is borrowed.
#![forbid(unsafe_code)]

use crate::error::Result;
use crate::memory;
use std::ops::Range;

/// Addresses, and whose they are.
pub(super) type Owned = (Range<usize>, usize);

/// Calls `found` with the owner of every output that overlaps another output or an input, maybe more than
/// once. No owner's output overlaps its own input. Both lists may be in any order, and are put in order: they
/// usually are already, and then this is a few nanoseconds for each. Fails if there is no memory for a list
/// of the outputs.
pub(super) fn find(inputs: &mut [Owned], outputs: &mut [Owned], mut found: impl FnMut(usize)) -> Result<()> {
    let by_start = |item: &Owned| item.0.start;
    inputs.sort_unstable_by_key(by_start);
    outputs.sort_unstable_by_key(by_start);

    // An output that overlaps any earlier one overlaps the earlier one that ends last, unless an overlap was
    // found before.
    let mut last: Option<&Owned> = None;
    for output in &*outputs {
        match last {
            Some(reaching) if output.0.start < reaching.0.end => {
                found(reaching.1);
                found(output.1);
            }
            _ => {}
        }
        if last.is_none_or(|reaching| output.0.end > reaching.0.end) {
            last = Some(output);
        }
    }

    // The inputs that begin before an output's end: does any of them reach into it?
    let mut begun = inputs.iter().peekable();
    let mut reach = 0;
    let mut ends = Vec::new();
    memory::reserve(&mut ends, outputs.len())?;
    ends.extend(outputs.iter());
    ends.sort_unstable_by_key(|output| output.0.end);
    for output in ends {
        while let Some(input) = begun.next_if(|input| input.0.start < output.0.end) {
            reach = reach.max(input.0.end);
        }
        if reach > output.0.start {
            found(output.1);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn ranges() -> impl Strategy<Value = Vec<Range<usize>>> {
        prop::collection::vec((0usize..200, 1usize..20).prop_map(|(start, len)| start..start + len), 0..12)
    }

    fn overlap(a: &Range<usize>, b: &Range<usize>) -> bool {
        a.start < b.end && b.start < a.end
    }

    proptest! {
        #[test]
        fn the_same_as_comparing_all(inputs in ranges(), outputs in ranges()) {
            let own = |ranges: &[Range<usize>], first| -> Vec<Owned> {
                ranges.iter().enumerate().map(|(i, range)| (range.clone(), first + i)).collect()
            };
            let mut found = BTreeSet::new();
            find(&mut own(&inputs, 100), &mut own(&outputs, 0), |owner| {
                let _ = found.insert(owner);
            })
            .unwrap();
            let expected: BTreeSet<_> = (0..outputs.len())
                .filter(|&i| {
                    let others = outputs.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, other)| other);
                    others.chain(&inputs).any(|other| overlap(&outputs[i], other))
                })
                .collect();
            prop_assert_eq!(found, expected);
        }
    }
}
