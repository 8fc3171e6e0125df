//! What a command takes from itself before it does anything: it can open no
//! socket, and it leaves no image of its memory when it crashes.

use std::sync::OnceLock;

use aidlink_faults::text::Text;
use serde_json::{Value, json};

static GRANTED: OnceLock<Confinement> = OnceLock::new();

/// What the system granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confinement {
    /// The system refuses every socket to this process, its threads and children.
    pub network_denied: bool,
    /// The system writes no core dump of this process, and no other process of
    /// the same user may look into its memory.
    pub core_dumps_off: bool,
}

impl Confinement {
    /// How it stands in manifests and logs.
    pub fn to_json(self) -> Value {
        json!({
            "network": self.network(),
            "core_dumps": self.core_dumps(),
        })
    }

    /// The word for the network.
    pub fn network(self) -> &'static str {
        if self.network_denied {
            "denied by seccomp"
        } else {
            "not denied by the system"
        }
    }

    /// The word for core dumps.
    pub fn core_dumps(self) -> &'static str {
        if self.core_dumps_off {
            "off"
        } else {
            "as the system says"
        }
    }

    /// What to tell a user whose system grants less.
    pub fn warning(self) -> Option<Text> {
        (!self.network_denied || !self.core_dumps_off).then(|| {
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
        network_denied: deny_network(),
        core_dumps_off: turn_core_dumps_off(),
    })
}

/// What this process was granted; nothing where it was never confined.
pub fn granted() -> Confinement {
    let nothing = Confinement {
        network_denied: false,
        core_dumps_off: false,
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
