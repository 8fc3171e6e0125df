//! What a command takes from itself before it does anything: it can open no
//! socket, and it leaves no image of its memory when it crashes.

use std::sync::OnceLock;

use aidlink_faults::text::Text;
use serde::{Deserialize, Serialize};

static GRANTED: OnceLock<Confinement> = OnceLock::new();

/// What the system granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confinement {
    /// Whether the system refuses every socket to this process, its threads and children.
    pub network: Network,
    /// Whether the system writes core dumps of this process, and lets other
    /// processes of the same user read its memory.
    pub core_dumps: CoreDumps,
}

/// Whether the process can open a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Network {
    /// The kernel refuses every socket.
    #[serde(rename = "denied by seccomp")]
    Denied,
    /// The system could not be asked to refuse them.
    #[serde(rename = "not denied by the system")]
    NotDenied,
}

/// Whether a crash leaves an image of the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CoreDumps {
    /// It does not.
    #[serde(rename = "off")]
    Off,
    /// The system's own settings decide.
    #[serde(rename = "as the system says")]
    AsTheSystemSays,
}

impl Confinement {
    /// Whether everything was granted.
    pub fn is_full(self) -> bool {
        self.network == Network::Denied && self.core_dumps == CoreDumps::Off
    }

    /// What to tell a user whose system grants less.
    pub fn warning(self) -> Option<Text> {
        (!self.is_full()).then(|| {
            Text::new(
                "注意：本系统未能为程序关闭网络或内存转储；请在断网的机器上运行",
                "note: this system could not deny the network or core dumps to the program; run it on a machine without network",
            )
        })
    }
}

/// Confines this process; called first of all, before there is another thread.
pub fn confine() -> Confinement {
    *GRANTED.get_or_init(|| Confinement {
        network: match deny_network() {
            true => Network::Denied,
            false => Network::NotDenied,
        },
        core_dumps: match turn_core_dumps_off() {
            true => CoreDumps::Off,
            false => CoreDumps::AsTheSystemSays,
        },
    })
}

/// What this process was granted; nothing where it was never confined.
pub fn granted() -> Confinement {
    let nothing = Confinement {
        network: Network::NotDenied,
        core_dumps: CoreDumps::AsTheSystemSays,
    };
    GRANTED.get().copied().unwrap_or(nothing)
}

/// `socket` is how every connection begins; `io_uring` could open one without it.
#[cfg(target_os = "linux")]
fn deny_network() -> bool {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};
    let Ok(architecture) = std::env::consts::ARCH.try_into() else {
        return false;
    };
    let denied = [libc::SYS_socket, libc::SYS_io_uring_setup];
    let refuse = u32::try_from(libc::EACCES).unwrap_or_default();
    let filter = SeccompFilter::new(
        denied.map(|call| (call, Vec::new())).into_iter().collect(),
        SeccompAction::Allow,
        SeccompAction::Errno(refuse),
        architecture,
    );
    let program = filter.and_then(BpfProgram::try_from);
    program.is_ok_and(|program| apply_filter(&program).is_ok())
}

#[cfg(not(target_os = "linux"))]
fn deny_network() -> bool {
    false
}

/// A limit of nothing, and "not dumpable" besides: a system that pipes core
/// dumps to a program does not ask for the limit.
#[cfg(target_os = "linux")]
fn turn_core_dumps_off() -> bool {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let limited = setrlimit(Resource::Core, none).is_ok();
    set_dumpable_behavior(DumpableBehavior::NotDumpable).is_ok() && limited
}

#[cfg(not(target_os = "linux"))]
fn turn_core_dumps_off() -> bool {
    false
}
