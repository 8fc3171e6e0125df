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
    *GRANTED.get_or_init(restrict)
}

fn restrict() -> Confinement {
    Confinement {
        network: match deny_network() {
            true => Network::Denied,
            false => Network::NotDenied,
        },
        core_dumps: match turn_core_dumps_off() {
            true => CoreDumps::Off,
            false => CoreDumps::SystemDefault,
        },
    }
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};

    use super::*;

    /// Restricts a thread, in which these system calls fail.
    fn restricted_without(calls: &'static [libc::c_long]) -> Confinement {
        let thread = std::thread::spawn(move || {
            if !calls.is_empty() {
                let filter = SeccompFilter::new(
                    calls.iter().map(|call| (*call, Vec::new())).collect(),
                    SeccompAction::Allow,
                    SeccompAction::Errno(1),
                    std::env::consts::ARCH.try_into().expect("an architecture"),
                );
                let program = BpfProgram::try_from(filter.expect("a filter"));
                apply_filter(&program.expect("a program")).expect("the system has filters");
            }
            restrict()
        });
        thread.join().expect("no panic")
    }

    #[test]
    fn the_user_is_warned_of_each_restriction_that_the_system_refuses() {
        let full = restricted_without(&[]);
        assert!(full.is_full());
        assert_eq!(full.warning(), None);
        for calls in [
            // A filter for sockets, a limit of core dumps, a process that is not dumpable.
            &[libc::SYS_seccomp][..],
            &[libc::SYS_prlimit64],
            &[libc::SYS_prctl],
            &[libc::SYS_seccomp, libc::SYS_prlimit64, libc::SYS_prctl],
        ] {
            let granted = restricted_without(calls);
            assert!(!granted.is_full(), "{calls:?}");
            let warning = granted.warning().expect("a warning");
            assert!(warning.en.contains("run it on a machine without a network"));
            assert!(warning.zh.contains("请在断网的机器上运行"));
            // What is not refused is in effect.
            let refuses = |call| calls.contains(&call);
            let network = refuses(libc::SYS_seccomp) || refuses(libc::SYS_prctl);
            let core_dumps = refuses(libc::SYS_prlimit64) || refuses(libc::SYS_prctl);
            assert_eq!(granted.network == Network::NotDenied, network, "{calls:?}");
            let by_system = granted.core_dumps == CoreDumps::SystemDefault;
            assert_eq!(by_system, core_dumps, "{calls:?}");
        }
    }
}
