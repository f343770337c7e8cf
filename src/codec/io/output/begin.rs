//! How a file begins: which way it gets its name, and what is refused before the work.
#![forbid(unsafe_code)]

use super::{Beside, Target, Way, Wishes};
use crate::codec::io::errors;
use crate::codec::io::folder::{cannot_be_written, exists, Folder, Found};
use crate::codec::io::input::Input;
use crate::codec::io::space::Space;
use crate::codec::io::{Kind, Model};
use crate::error::{Error, ErrorKind, Result};
use std::collections::hash_map::RandomState;
use std::ffi::OsString;
use std::fs::File;
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::path::Path;

/// Names that are tried before giving up.
const TRIES: u32 = 100;

impl Target {
    /// Begins a file that shall be called `path`. What cannot be written is refused: the input, by whatever
    /// name, directories, block devices; and what a rename cannot replace.
    pub(crate) fn create(path: &Path, input: Option<&Input>, wishes: Wishes) -> Result<Self> {
        let fail = |error: io::Error| errors::file(&error, "writing", path);
        #[cfg(windows)]
        if let Some(opened) = crate::codec::io::device::behind(path) {
            return Self::over_device(path, opened.map_err(fail)?);
        }
        let Some((folder, name)) =
            Folder::of(path).map_err(|error| errors::file(&error, "creating", path))?
        else {
            // "name/" is not the name of a file, even if "name" is.
            std::fs::metadata(path).map_err(fail)?;
            return Err(errors::directory("writing", path));
        };
        #[cfg(target_os = "linux")]
        if let Some(opened) = crate::codec::io::descriptor::behind(&folder, &name, input.map(Input::file))? {
            return Self::over_descriptor(path, opened.map_err(fail)?, input);
        }
        let Some(found) = folder.look(&name).map_err(fail)? else {
            return Self::beside(path, folder, name, None, input, wishes).map_err(|error| error.error);
        };
        let kind = found.kind();
        if kind == Kind::Directory || kind == Kind::Link && folder.leads_to_folder(&name) {
            return Err(errors::directory("writing", path));
        }
        // A terminal may well be read and written.
        let is_input =
            |input: &Input| input.is_behind(&folder, &name) && !(kind == Kind::Stream && input.is_device());
        if input.is_some_and(is_input) && (!wishes.append || wishes.keep) {
            return Err(same_file(path));
        }
        match kind {
            Kind::Stream => {
                let file = folder.open(&name, &found).map_err(fail)?;
                return Ok(Self::new(path, Way::Stream, file));
            }
            Kind::Other => {
                let text = "the output is not an ordinary file, and cannot be replaced";
                return Err(Error::new(ErrorKind::Unsupported, errors::about(text, path)));
            }
            Kind::File | Kind::Link | Kind::Directory => {}
        }
        if wishes.keep {
            return Err(fail(exists()));
        }
        if kind == Kind::File && found.is_read_only() && !input.is_some_and(Input::is_read_only) {
            let text = errors::about("writing failed: it is read-only, and the source is not", path);
            return Err(Error::new(ErrorKind::Io, text).with_code(permission_denied()));
        }
        let mut in_the_way =
            folder.obstacle(&name, &found).map(|error| errors::file(&error, "replacing", path));
        let (folder, name, found) = match in_the_way {
            Some(_) => (folder, name, found),
            None => match Self::beside(path, folder, name, Some(found), input, wishes) {
                Err(Refused { error, again: Some(again) }) => {
                    in_the_way = Some(error);
                    *again
                }
                result => return result.map_err(|refused| refused.error),
            },
        };
        match in_the_way {
            Some(error) if !wishes.in_place || kind != Kind::File => Err(error),
            _ => {
                let file = folder.open(&name, &found).map_err(fail)?;
                Ok(Self::new(path, Way::InPlace { emptied: false }, file))
            }
        }
    }

    fn new(path: &Path, way: Way, file: File) -> Self {
        let space = Space::default();
        Self { path: path.to_owned(), way, file: Some(file), len: 0, hole: 0, space }
    }

    /// What is open already is written to as it is.
    #[cfg(target_os = "linux")]
    fn over_descriptor(path: &Path, file: File, input: Option<&Input>) -> Result<Self> {
        let metadata = file.metadata().map_err(|error| errors::file(&error, "writing", path))?;
        if metadata.is_file() && input.is_some_and(|input| input.is(&metadata)) {
            return Err(same_file(path));
        }
        Ok(Self::new(path, Way::Stream, file))
    }

    /// A pipe or a device is written to as it is; but no whole disk.
    #[cfg(windows)]
    fn over_device(path: &Path, file: File) -> Result<Self> {
        if !crate::codec::io::device::is_stream(&file) {
            let text = "the output is a disk, and cannot be replaced";
            return Err(Error::new(ErrorKind::Unsupported, errors::about(text, path)));
        }
        Ok(Self::new(path, Way::Stream, file))
    }

    /// Begins a new file beside the target.
    fn beside(
        path: &Path,
        folder: Folder,
        name: OsString,
        old: Option<Found>,
        input: Option<&Input>,
        wishes: Wishes,
    ) -> Result<Self, Refused> {
        #[cfg(unix)]
        let sync = match wishes.sync.then(|| folder.to_sync()).transpose() {
            Ok(sync) => sync,
            Err(error) => return Err(Refused::new(errors::file(&error, "opening the folder", path))),
        };
        let mark = input.filter(|_| wishes.marked).and_then(Input::mark);
        for _ in 0..TRIES {
            let temporary = temporary_name();
            let model = Model {
                private: input.is_some_and(Input::is_file),
                old: old.as_ref().map(|old| (&*name, old)),
                mark: mark.as_deref(),
                sparse: wishes.sparse,
            };
            match folder.create_new(&temporary, &model) {
                Ok(file) => {
                    let (keep, sparse) = (wishes.keep, wishes.sparse);
                    let beside = Beside {
                        folder,
                        name,
                        temporary,
                        keep,
                        sparse,
                        #[cfg(unix)]
                        sync,
                        old,
                    };
                    return Ok(Self::new(path, Way::Beside(Box::new(beside)), file));
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    let mut refused = Refused::new(errors::file(&error, "creating", path));
                    if cannot_be_written(&error) {
                        refused.again = old.map(|found| Box::new((folder, name, found)));
                    }
                    return Err(refused);
                }
            }
        }
        Err(Refused::new(Error::new(ErrorKind::Io, errors::about("no free name for a new file", path))))
    }
}

/// Why no file could be begun; with what is needed for another way.
struct Refused {
    error: Error,
    again: Option<Box<(Folder, OsString, Found)>>,
}

impl Refused {
    fn new(error: Error) -> Self {
        Self { error, again: None }
    }
}

fn same_file(path: &Path) -> Error {
    let text = errors::about("the input and the output are the same file", path);
    Error::new(ErrorKind::InvalidArgument, text)
}

fn permission_denied() -> i32 {
    #[cfg(unix)]
    return libc::EACCES;
    #[cfg(windows)]
    return windows_sys::Win32::Foundation::ERROR_ACCESS_DENIED as i32;
}

/// A temporary name: short even if the target's is long, and used by no other call.
fn temporary_name() -> OsString {
    // Different for every call: the state is seeded by the system once for a thread, and counts.
    let random = RandomState::new().build_hasher().finish();
    format!(".fastpar-{}-{random:016x}.tmp", std::process::id()).into()
}
