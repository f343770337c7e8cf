//! Windows programs on Linux: a Wine prefix for the tests, made once.

use crate::setup::Setup;
use crate::windows::GCC;
use crate::{process, repo};
use anyhow::{ensure, Context, Result};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);

/// The 64-bit loader itself: the script around it asks for the 32-bit one.
const LOADER: &str = "/usr/lib/wine/wine64";

/// Rust's std takes random numbers from a library of Windows that Wine 8 lacks. Only the tests get this
/// library.
const PRIMITIVES: &str = "
#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG size);
__declspec(dllexport) BOOL ProcessPrng(PBYTE buffer, SIZE_T size) { return SystemFunction036(buffer, (ULONG)size); }
";

/// A prefix that is ready, and its server, which ends with this: a program that starts while a server of its
/// own accord ends would lose the connection.
pub(crate) struct Wine {
    prefix: PathBuf,
    /// Another suite that needs it waits: it would begin by ending the server.
    _alone: MutexGuard<'static, ()>,
}

static IN_USE: Mutex<()> = Mutex::new(());

impl Wine {
    /// Makes it if it is not there; the reason, where there is no Wine.
    pub(crate) fn get(setup: &Setup) -> Result<Result<Self, String>> {
        if let Some(reason) = setup.install_if_missing(&["wineserver", GCC]) {
            return Ok(Err(reason));
        }
        let folder = repo::scratch("wine")?;
        let alone = IN_USE.lock().unwrap_or_else(PoisonError::into_inner);
        let wine = Self { prefix: folder.join("prefix"), _alone: alone };
        let library = wine.prefix.join("drive_c/windows/system32/bcryptprimitives.dll");
        if !library.is_file() {
            println!("  making a Wine prefix");
            process::must(wine.loader().args(["wineboot", "--init"]), LIMIT)?;
            process::must(&mut wine.ask_server("-w"), LIMIT)?;
            let (source, built) = (folder.join("primitives.c"), folder.join("bcryptprimitives.dll"));
            std::fs::write(&source, PRIMITIVES)?;
            let mut gcc = Command::new(GCC);
            gcc.args(["-shared", "-o"]).arg(&built).arg(&source).arg("-ladvapi32");
            process::must(&mut gcc, LIMIT)?;
            std::fs::rename(&built, &library).context("the prefix was not made")?;
        }
        let _ = wine.ask_server("-k").status(); // a server that was left behind, if any
        process::must(&mut wine.ask_server("-w"), LIMIT)?;
        // It comes back when the server is there: an earlier program would start one that does not stay.
        let said = std::fs::File::create(wine.said())?;
        let mut server = wine.ask_server("-p");
        let started = server.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said).status()?;
        ensure!(started.success(), "wineserver: {started}: {}", std::fs::read_to_string(wine.said())?);
        // The first program starts services, which keep its output open: a pipe would never end.
        process::must(wine.loader().args(["cmd", "/c", "exit"]), LIMIT)?;
        Ok(Ok(wine))
    }

    /// Starts a Windows program.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = self.loader();
        command.arg(program);
        command
    }

    /// The same for programs that write to pipes only.
    pub(super) fn piped(&self, program: &Path) -> Command {
        let mut command = Command::new("bash");
        command.args(["-o", "pipefail", "-c", "\"$@\" 2>&1 | cat", "bash", loader()]).arg(program);
        self.prepare(&mut command);
        command
    }

    /// Where the server writes what it has to say: why it ended a program that did not end by itself.
    fn said(&self) -> PathBuf {
        self.prefix.with_file_name("server.txt")
    }

    fn ask_server(&self, option: &str) -> Command {
        let mut command = Command::new("wineserver");
        self.prepare(command.arg(option));
        command
    }

    fn loader(&self) -> Command {
        let mut command = Command::new(loader());
        self.prepare(&mut command);
        command
    }

    /// Nothing on a screen, no messages of Wine's own, no questions about what else could be installed.
    fn prepare<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command.env("WINEPREFIX", &self.prefix).env("WINEARCH", "win64").env("WINEDEBUG", "-all");
        command.env("WINEDLLOVERRIDES", "mscoree,mshtml=;winemenubuilder.exe,winedbg.exe=d");
        command.env_remove("DISPLAY").env_remove("FASTPAR_THREADS")
    }
}

impl Drop for Wine {
    fn drop(&mut self) {
        let _ = self.ask_server("-k").status(); // it holds nothing but the prefix
        match std::fs::read_to_string(self.said()) {
            Ok(said) if !said.is_empty() => println!("  wineserver said: {}", said.trim_end()),
            _ => {}
        }
    }
}

fn loader() -> &'static str {
    if Path::new(LOADER).is_file() {
        LOADER
    } else {
        "wine"
    }
}

/// A path of this system as Windows programs see it.
pub(super) fn path(path: &Path) -> String {
    format!("Z:{}", path.display()).replace('/', "\\")
}
