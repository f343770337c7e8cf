//! Two users: what targets do in folders that another user may write to, with owners and groups that cannot
//! be set, and in programs that have more rights than their user. As root only; the other users are children
//! of this program.
#![cfg(target_os = "linux")]

use fastpar::codec::{compress_file, decompress_file, Options};
use fastpar::ErrorKind;
use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{chown, lchown, symlink, MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const ALICE: u32 = 61_001;
const MALLORY: u32 = 61_002;
const GROUP: u32 = 61_003;

const FROM: &str = "FASTPAR_TEST_FROM";
const TO: &str = "FASTPAR_TEST_TO";
const IN_PLACE: &str = "FASTPAR_TEST_IN_PLACE";

/// A folder that everybody may look into, with a copy of this program.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        assert_eq!(rustix::process::geteuid().as_raw(), 0, "this program is for root");
        let place = Self(tempfile::tempdir().unwrap());
        mode(place.0.path(), 0o755);
        // By a child: a descriptor for writing that is open here is inherited by what another test starts at
        // that moment, and a program that is open for writing anywhere cannot be started (ETXTBSY).
        let mut copy = Command::new("cp");
        let copied = copy.arg(std::env::current_exe().unwrap()).arg(place.path("program")).status().unwrap();
        assert!(copied.success());
        mode(&place.path("program"), 0o755);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn folder(&self, name: &str, owner: u32, permissions: u32) -> PathBuf {
        let path = self.path(name);
        fs::create_dir(&path).unwrap();
        mode(&path, permissions);
        lchown(&path, Some(owner), Some(owner)).unwrap();
        path
    }

    /// Compresses as another user; what came of it is what `compresses` prints.
    fn compress(&self, user: u32, group: u32, from: &Path, to: &Path, in_place: bool) -> String {
        let mut child = Command::new(self.path("program"));
        child.args(["compresses", "--exact", "--nocapture"]).env(FROM, from).env(TO, to);
        if in_place {
            child.env(IN_PLACE, "1");
        }
        // Without the supplementary groups of root: std drops them with the user.
        let output = child.uid(user).gid(group).stdin(Stdio::null()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let result =
            text.lines().find_map(|line| line.split_once("RESULT ").map(|(_, rest)| rest.to_owned()));
        result.unwrap_or_else(|| panic!("{text}\n{}", String::from_utf8_lossy(&output.stderr)))
    }
}

/// In a child.
#[test]
fn compresses() {
    let (Some(from), Some(to)) = (std::env::var_os(FROM), std::env::var_os(TO)) else { return };
    let options = Options { in_place: std::env::var_os(IN_PLACE).is_some(), ..Options::default() };
    match compress_file(from.as_ref(), to.as_ref(), &options) {
        Ok(_) => println!("\nRESULT done"),
        Err(error) => println!("\nRESULT {:?} {}: {error}", error.kind(), error.code()),
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

fn file(path: &Path, content: &str, owner: u32, group: u32, permissions: u32) {
    fs::write(path, content).unwrap();
    chown(path, Some(owner), Some(group)).unwrap();
    mode(path, permissions);
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Root decompresses in a folder of somebody else's, who has put links there.
#[test]
fn links_lead_nowhere() {
    let place = Place::new();
    let (system, theirs) = (place.folder("system", 0, 0o755), place.folder("theirs", MALLORY, 0o755));
    let (conf, packed, log) = (system.join("conf"), theirs.join("log.zst"), theirs.join("log"));
    file(&conf, "root's own", 0, 0, 0o600);
    file(&theirs.join("plain"), "mallory's", MALLORY, MALLORY, 0o644);
    compress_file(&theirs.join("plain"), &packed, &Options::default()).unwrap();
    assert_eq!(fs::metadata(&packed).unwrap().uid(), MALLORY, "the owner of the source");
    for aim in [conf.clone(), system.join("new"), log.clone()] {
        let _ = fs::remove_file(&log);
        symlink(&aim, &log).unwrap();
        lchown(&log, Some(MALLORY), Some(MALLORY)).unwrap();
        decompress_file(&packed, &log, &Options::default()).unwrap();
        let made = fs::symlink_metadata(&log).unwrap();
        assert!(made.is_file() && made.uid() == MALLORY, "the link itself was replaced");
        assert_eq!(fs::read_to_string(&log).unwrap(), "mallory's");
        assert_eq!(fs::read_to_string(&conf).unwrap(), "root's own");
        let kept = fs::metadata(&conf).unwrap();
        assert_eq!((kept.uid(), kept.gid(), kept.mode() & 0o7777), (0, 0, 0o600));
        assert_eq!(names(&system), ["conf"], "nothing is made elsewhere");
    }
}

/// A link of somebody else's is not followed to a descriptor of this process either.
#[test]
fn links_of_others_do_not_lead_to_descriptors() {
    use std::os::fd::AsRawFd;
    let place = Place::new();
    let theirs = place.folder("theirs", MALLORY, 0o755);
    file(&place.path("source"), "text", 0, 0, 0o644);
    let mine = fs::File::create(place.path("mine")).unwrap();
    let (link, own) = (theirs.join("link"), place.path("own"));
    for link in [&link, &own] {
        symlink(format!("/proc/self/fd/{}", mine.as_raw_fd()), link).unwrap();
    }
    lchown(&link, Some(MALLORY), Some(MALLORY)).unwrap();
    let error = compress_file(&place.path("source"), &link, &Options::default()).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Io, libc::EACCES), "{error}");
    assert_eq!(mine.metadata().unwrap().len(), 0);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink(), "nor replaced");
    compress_file(&place.path("source"), &own, &Options::default()).unwrap();
    assert!(mine.metadata().unwrap().len() > 0);
}

/// Where the source's group cannot be set, nobody may read what only some could before.
#[test]
fn groups_that_cannot_be_set() {
    let place = Place::new();
    let home = place.folder("home", ALICE, 0o755);
    for (before, after) in
        [(0o640, 0o600), (0o644, 0o644), (0o664, 0o644), (0o604, 0o600), (0o6777, 0o777), (0o2770, 0o700)]
    {
        let (from, to) = (home.join("in"), home.join("out"));
        file(&from, "text", ALICE, GROUP, before);
        assert_eq!(place.compress(ALICE, ALICE, &from, &to, false), "done");
        let made = fs::metadata(&to).unwrap();
        assert_eq!((made.uid(), made.gid()), (ALICE, ALICE));
        assert_eq!(made.mode() & 0o7777, after, "{before:o}");
        // Root can set it, and never hands on what makes programs run as their owner.
        compress_file(&from, &to, &Options::default()).unwrap();
        let made = fs::metadata(&to).unwrap();
        assert_eq!((made.uid(), made.gid(), made.mode() & 0o7777), (ALICE, GROUP, before & 0o777));
        fs::remove_file(&to).unwrap();
    }
    // A program that runs as its owner, packed by somebody who may only read it.
    let (from, to) = (home.join("tool"), home.join("tool.zst"));
    file(&from, "text", 0, 0, 0o6755);
    assert_eq!(place.compress(ALICE, ALICE, &from, &to, false), "done");
    let made = fs::metadata(&to).unwrap();
    assert_eq!((made.uid(), made.mode() & 0o7777), (ALICE, 0o755));
}

/// An access list: of the owner, `user`, the group and all others.
fn access_list(owner: u16, user: (u32, u16), group: u16, others: u16) -> Vec<u8> {
    let mask = 7;
    let entries = [
        (0x01, owner, u32::MAX),
        (0x02, user.1, user.0),
        (0x04, group, u32::MAX),
        (0x10, mask, u32::MAX),
        (0x20, others, u32::MAX),
    ];
    let bytes = entries.iter().flat_map(|&(tag, permissions, id): &(u16, u16, u32)| {
        [&tag.to_le_bytes()[..], &permissions.to_le_bytes(), &id.to_le_bytes()].concat()
    });
    [2, 0, 0, 0].into_iter().chain(bytes).collect()
}

const LIST: &str = "system.posix_acl_access";

fn list_of(path: &Path) -> Option<Vec<u8>> {
    let mut list = [0; 200];
    let len = rustix::fs::getxattr(path, LIST, &mut list[..]).ok()?;
    Some(list[..len].to_vec())
}

/// Access lists of sources go with them; what a folder would allow further users does not come in.
#[test]
fn access_lists() {
    use rustix::fs::{setxattr, XattrFlags};
    let place = Place::new();
    let home = place.folder("home", ALICE, 0o755);
    let (from, to, other) = (home.join("in"), home.join("out"), home.join("other"));
    file(&from, "text", ALICE, ALICE, 0o640);
    let for_all = access_list(7, (MALLORY, 7), 7, 7);
    if setxattr(&home, "system.posix_acl_default", &for_all, XattrFlags::empty()).is_err() {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "no access lists");
        println!("SKIPPED: access_lists: the folder for temporary files has none");
        return;
    }
    assert_eq!(place.compress(ALICE, ALICE, &from, &to, false), "done");
    assert_eq!((list_of(&to), fs::metadata(&to).unwrap().mode() & 0o777), (None, 0o640));
    // The mode shows the mask, though the group may do nothing, or one user.
    for (list, shown, without) in [
        (access_list(6, (MALLORY, 4), 0, 4), 0o674, 0o600),
        (access_list(6, (MALLORY, 0), 4, 4), 0o674, 0o600),
        (access_list(6, (MALLORY, 5), 4, 6), 0o676, 0o644),
    ] {
        setxattr(&from, LIST, &list, XattrFlags::empty()).unwrap();
        assert_eq!(fs::metadata(&from).unwrap().mode() & 0o777, shown);
        assert_eq!(place.compress(ALICE, ALICE, &from, &to, false), "done");
        assert_eq!((list_of(&to), fs::metadata(&to).unwrap().mode() & 0o777), (Some(list.clone()), shown));
        compress_file(&from, &to, &Options::default()).unwrap();
        assert_eq!(list_of(&to), Some(list.clone()), "by root");
        // With another group the list would allow others something.
        chown(&from, None, Some(GROUP)).unwrap();
        assert_eq!(place.compress(ALICE, ALICE, &from, &other, false), "done");
        assert_eq!((list_of(&other), fs::metadata(&other).unwrap().mode() & 0o777), (None, without));
        chown(&from, None, Some(ALICE)).unwrap();
    }
}

/// In a folder like /tmp: what is not one's own cannot be replaced, which is found out before anything is
/// read.
#[test]
fn sticky_folders() {
    let place = Place::new();
    let shared = place.folder("shared", 0, 0o1777);
    file(&place.path("source"), "text", 0, 0, 0o644);
    let (from, target) = (place.path("source"), shared.join("target"));
    file(&target, "mallory's", MALLORY, MALLORY, 0o666);
    for in_place in [false, true] {
        let result = place.compress(ALICE, ALICE, &from, &target, in_place);
        assert!(result.starts_with("Io "), "{result}");
        assert_eq!(fs::read_to_string(&target).unwrap(), "mallory's", "{result}");
        assert_eq!(names(&shared), ["target"]);
    }
    // A FIFO that waits there for somebody's data; nobody reads, so opening it would wait for ever.
    let fifo = shared.join("fifo");
    let name = CString::new(fifo.as_os_str().as_bytes()).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &name, rustix::fs::FileType::Fifo, 0o666.into(), 0).unwrap();
    mode(&fifo, 0o666);
    lchown(&fifo, Some(MALLORY), Some(MALLORY)).unwrap();
    let result = place.compress(ALICE, ALICE, &from, &fifo, false);
    assert!(result.starts_with(&format!("Io {}", libc::EACCES)), "{result}");
    let error = compress_file(&from, &fifo, &Options::default()).unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Io, libc::EACCES), "root neither: {error}");
    // One's own is replaced.
    lchown(&target, Some(ALICE), Some(ALICE)).unwrap();
    assert_eq!(place.compress(ALICE, ALICE, &from, &target, false), "done");
    assert_eq!(names(&shared), ["fifo", "target"]);
}

/// A file in a folder that cannot be written: not replaced, or written where it stands where that was asked
/// for.
#[test]
fn folders_that_cannot_be_written() {
    let place = Place::new();
    let folder = place.folder("folder", 0, 0o755);
    let (from, target) = (place.path("source"), folder.join("target"));
    file(&from, "text", 0, 0, 0o600);
    chown(&from, Some(ALICE), Some(ALICE)).unwrap();
    file(
        &target,
        "old, and longer than the new content will be: a line of text that says nothing",
        0,
        GROUP,
        0o666,
    );
    let (before, old) = (fs::metadata(&target).unwrap(), fs::read(&target).unwrap());
    let result = place.compress(ALICE, ALICE, &from, &target, false);
    assert!(result.starts_with(&format!("Io {}", libc::EACCES)), "{result}");
    assert!(fs::read(&target).unwrap() == old);
    assert_eq!(place.compress(ALICE, ALICE, &from, &target, true), "done");
    assert_eq!(zstd::decode_all(&fs::read(&target).unwrap()[..]).unwrap(), b"text");
    let after = fs::metadata(&target).unwrap();
    assert_eq!(after.ino(), before.ino(), "it is the same file");
    assert_eq!((after.uid(), after.gid(), after.mode()), (before.uid(), before.gid(), before.mode()));
    assert_eq!(names(&folder), ["target"]);
    let result = place.compress(ALICE, ALICE, &from, &folder.join("new"), true);
    assert!(result.starts_with(&format!("Io {}", libc::EACCES)), "nothing to be written: {result}");
    // What fails before there is a byte to write does not empty it.
    let result = place.compress(ALICE, ALICE, &folder, &target, true);
    assert!(result.starts_with("Io "), "{result}");
    assert_eq!(zstd::decode_all(&fs::read(&target).unwrap()[..]).unwrap(), b"text");
}

/// In a child.
#[test]
fn tells_threads() {
    let threads = fastpar::pool::start(&Default::default()).and_then(|()| fastpar::pool::threads());
    println!("\nRESULT {} {:?}", rustix::process::geteuid().as_raw(), threads.ok());
}

/// A program that runs as its owner does not listen to the environment of its user.
#[test]
fn privileged_programs() {
    let place = Place::new();
    let traces = place.folder("traces", ALICE, 0o755);
    let ask = || {
        let mut child = Command::new(place.path("program"));
        child.args(["tells_threads", "--exact", "--nocapture"]).env("FASTPAR_THREADS", "3");
        child.env("FASTPAR_TRACE", traces.join("trace"));
        let output = child.uid(ALICE).gid(ALICE).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().find_map(|line| line.split_once("RESULT ").map(|(_, rest)| rest.to_owned())).unwrap()
    };
    assert_eq!(ask(), format!("{ALICE} Some(3)"));
    assert_eq!(names(&traces).len(), 1, "a trace of the user's own program");
    mode(&place.path("program"), 0o4755);
    let answer = ask();
    if answer.starts_with(&ALICE.to_string()) {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "mounted nosuid");
        println!("SKIPPED: privileged_programs: the folder for temporary files is mounted nosuid");
        return;
    }
    assert_eq!(answer, "0 Some(24)");
    assert_eq!(names(&traces).len(), 1, "and none of the other");
}
