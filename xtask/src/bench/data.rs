//! The data sets of the codec: real files, a table of binary records, and text. The same bytes on the same
//! machine.

use super::Effort;
use crate::repo;
use anyhow::{bail, Context, Result};
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

const SIZE: u64 = 256 << 20;
const QUICK_SIZE: u64 = 48 << 20;

/// Of the real files, at most so much is shared libraries of the compiler; the rest is headers and libraries
/// of the system.
const COMPILER_SHARE: u64 = SIZE / 2;

/// A data set.
pub(super) struct Data {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
}

/// Makes what is not there yet; a quick measurement has less of it.
pub(super) fn prepare(effort: Effort) -> Result<[Data; 2]> {
    let sets = whole()?;
    if !effort.is_quick() {
        return Ok(sets);
    }
    let [files, records] = sets.map(|data| -> Result<Data> {
        let bytes = QUICK_SIZE / 48 * 48;
        Ok(Data { path: data.sized(bytes)?, bytes, ..data })
    });
    Ok([files?, records?])
}

fn whole() -> Result<[Data; 2]> {
    let folder = repo::scratch("bench")?.join("data");
    std::fs::create_dir_all(&folder)?;
    let files = folder.join("files");
    let records = folder.join("records");
    make(&files, real_files)?;
    make(&records, trades)?;
    let size = |path: &Path| std::fs::metadata(path).map(|data| data.len());
    Ok([
        Data { name: "files", title: "files", bytes: size(&files)?, path: files },
        Data { name: "records", title: "48-byte records", bytes: size(&records)?, path: records },
    ])
}

/// The two data sets, and text besides: sources, headers and pages of manuals.
pub(super) fn with_text() -> Result<[Data; 3]> {
    let [files, records] = whole()?;
    let path = repo::scratch("bench")?.join("data/text");
    make(&path, text)?;
    let bytes = std::fs::metadata(&path)?.len();
    Ok([files, Data { name: "text", title: "text", path, bytes }, records])
}

impl Data {
    /// So many bytes of it, from its start; where there are not so many, it begins anew.
    pub(super) fn sized(&self, bytes: u64) -> Result<PathBuf> {
        let path = PathBuf::from(format!("{}-{bytes}", self.path.display()));
        make(&path, |out| {
            let mut left = bytes;
            while left > 0 {
                left -= std::io::copy(&mut File::open(&self.path)?.take(left), out)?;
            }
            Ok(())
        })?;
        Ok(path)
    }
}

fn make(path: &Path, fill: impl Fn(&mut dyn Write) -> Result<()>) -> Result<()> {
    if path.is_file() {
        return Ok(());
    }
    let unfinished = path.with_extension("part");
    let mut out = BufWriter::with_capacity(1 << 20, File::create(&unfinished)?);
    fill(&mut out)?;
    out.flush()?;
    Ok(std::fs::rename(unfinished, path)?)
}

fn real_files(out: &mut dyn Write) -> Result<()> {
    let sysroot = Command::new("rustc").args(["--print", "sysroot"]).output().context("rustc")?;
    let sysroot = PathBuf::from(String::from_utf8_lossy(&sysroot.stdout).trim());
    let mut left = SIZE;
    left -= append(&sysroot.join("lib"), out, COMPILER_SHARE, &|_| true)?;
    for folder in ["/usr/include", "/usr/lib"] {
        left -= append(Path::new(folder), out, left, &|_| true)?;
    }
    if left == SIZE {
        bail!("no files to measure with");
    }
    Ok(())
}

/// Where text is: the registry of Rust's packages, the toolchain's manuals, headers.
fn text(out: &mut dyn Write) -> Result<()> {
    const KINDS: [&str; 8] = ["rs", "h", "html", "txt", "md", "py", "c", "hpp"];
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
    let folders =
        [Some("/usr/include".into()), Some("/usr/share".into()), home.map(|home| home.join("registry/src"))];
    let is_text = |path: &Path| path.extension().is_some_and(|kind| KINDS.iter().any(|&other| kind == other));
    let mut left = SIZE;
    for folder in folders.into_iter().flatten().chain([PathBuf::from("/usr/lib")]) {
        left -= append(&folder, out, left, &is_text)?;
    }
    if left == SIZE {
        bail!("no text to measure with");
    }
    Ok(())
}

/// Appends the `wanted` regular files under `folder`, by name, up to `limit` bytes. Returns how many bytes
/// those were; none where there is no such folder.
fn append(folder: &Path, out: &mut dyn Write, limit: u64, wanted: &dyn Fn(&Path) -> bool) -> Result<u64> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Ok(0) };
    let mut entries: Vec<_> = entries.filter_map(|entry| entry.ok()).collect();
    entries.sort_by_key(|entry| entry.file_name());
    let mut written = 0;
    for entry in entries {
        if written >= limit {
            break;
        }
        let kind = entry.file_type()?;
        if kind.is_dir() {
            written += append(&entry.path(), out, limit - written, wanted)?;
        } else if kind.is_file() && wanted(&entry.path()) {
            let Ok(file) = File::open(entry.path()) else { continue };
            written += std::io::copy(&mut file.take(limit - written), out)?;
        }
    }
    Ok(written)
}

/// Market trades: id, price, quantity and amount as u64, count u32, flags u16, two bytes of nothing, time
/// i64. Prices walk in ticks, quantities come in lots, ids count up with gaps, times in microseconds cluster.
fn trades(out: &mut dyn Write) -> Result<()> {
    let mut random = SplitMix(0x00c0_ffee);
    let (mut id, mut price, mut time) = (1_000_000_000u64, 4_321_050u64, 1_700_000_000_000_000i64);
    for _ in 0..SIZE / 48 {
        id += 1 + u64::from(random.below(50) == 0);
        let step = random.below(16);
        if step < 4 {
            price = price + 5 * (step % 3) - 5;
        }
        let lots = 1 + random.below(64) * random.below(64) / 200;
        let quantity = lots * if random.below(4) == 0 { 1_000 } else { 10_000 };
        if random.below(3) > 0 {
            time += random.below(20_000) as i64;
        }
        let count = 1 + random.below(8).saturating_sub(5) as u32;
        let flags = random.below(2) as u16 | if lots > 10 { 4 } else { 0 };
        for word in [id, price, quantity, price * quantity] {
            out.write_all(&word.to_le_bytes())?;
        }
        out.write_all(&count.to_le_bytes())?;
        out.write_all(&flags.to_le_bytes())?;
        out.write_all(&[0; 2])?;
        out.write_all(&time.to_le_bytes())?;
    }
    Ok(())
}

/// SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
struct SplitMix(u64);

impl SplitMix {
    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
