//! Restrictions that a command places on itself before it does anything else: it
//! cannot open sockets, and a crash leaves no core dump.

use std::sync::OnceLock;

use aidlink_faults::text::Text;
use serde::{Deserialize, Serialize};

static GRANTED: OnceLock<Confinement> = OnceLock::new();

/// The restrictions that are in effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confinement {
    /// Whether the system denies sockets to this process, its threads and child processes.
    pub network: Network,
    /// Whether the system may write core dumps of this process, and let other
    /// processes of the same user read its memory.
    pub core_dumps: CoreDumps,
}

/// Whether the process can open a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Network {
    /// The kernel refuses every socket.
    #[serde(rename = "denied by seccomp")]
    Denied,
    /// The system cannot deny sockets.
    #[serde(rename = "not denied by the system")]
    NotDenied,
}

/// Whether a crash may leave a core dump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CoreDumps {
    /// A crash leaves no core dump.
    #[serde(rename = "off")]
    Off,
    /// The system settings decide.
    #[serde(rename = "as the system says")]
    SystemDefault,
}

impl Confinement {
    /// Whether all restrictions are in effect.
    pub fn is_full(self) -> bool {
        self.network == Network::Denied && self.core_dumps == CoreDumps::Off
    }

    /// Returns a warning for the user if a restriction is not in effect.
    pub fn warning(self) -> Option<Text> {
        (!self.is_full()).then(|| {
            Text::new(
                "注意：本系统不能禁止程序使用网络或留下内存转储；请在断网的机器上运行",
                "warning: this system cannot deny network access or core dumps to the program; run it on a machine without a network",
            )
        })
    }
}

/// Restricts this process. Must be called first, before there is a second
/// thread; threads and child processes inherit the restrictions.
pub fn confine() -> Confinement {
    *GRANTED.get_or_init(|| Confinement {
        network: match deny_network() {
            true => Network::Denied,
            false => Network::NotDenied,
        },
        core_dumps: match turn_core_dumps_off() {
            true => CoreDumps::Off,
            false => CoreDumps::SystemDefault,
        },
    })
}

/// Returns the restrictions in effect; none if [`confine`] was never called.
pub fn granted() -> Confinement {
    let nothing = Confinement {
        network: Network::NotDenied,
        core_dumps: CoreDumps::SystemDefault,
    };
    GRANTED.get().copied().unwrap_or(nothing)
}

/// Denies `socket`, which every connection needs, and `io_uring_setup`, because
/// io_uring can open sockets without that call.
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

/// Sets the core size limit to 0 and makes the process "not dumpable", because a
/// system that pipes core dumps to a program ignores the limit.
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
