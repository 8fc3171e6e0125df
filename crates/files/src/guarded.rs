//! Calls into libraries that may panic on hostile files: the panic ends the
//! call and not the program, and nothing of its message is shown, for it may
//! hold a value.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// What a call gave; `None` when it panicked. What the call was changing is
/// not to be used after that.
pub fn guarded<T>(call: impl FnOnce() -> T) -> Option<T> {
    let before = GUARDED.replace(true);
    // Nothing is used of a call that panicked, so nothing half-changed is seen.
    let result = catch_unwind(AssertUnwindSafe(call));
    GUARDED.set(before);
    result.ok()
}

/// Whether this thread is in a guarded call: a panic there is no fault of ours
/// and is told as a damaged file.
pub fn is_guarded() -> bool {
    GUARDED.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_ends_the_call_alone() {
        assert_eq!(guarded(|| 7), Some(7));
        assert_eq!(guarded(|| -> i32 { panic!("a value") }), None);
        assert!(!is_guarded());
    }
}
