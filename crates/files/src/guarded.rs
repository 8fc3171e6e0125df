//! Guarded calls into libraries that may panic on hostile files. A panic ends the call
//! and not the program. Its message is not shown, because it may contain a value from
//! the file.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Returns the result of a call; `None` if it panicked. After a panic, the caller must
/// not use anything that the call was modifying.
pub fn guarded<T>(call: impl FnOnce() -> T) -> Option<T> {
    let before = GUARDED.replace(true);
    // Unwind safety is the caller's duty, as documented above.
    let result = catch_unwind(AssertUnwindSafe(call));
    GUARDED.set(before);
    result.ok()
}

/// Returns whether this thread is in a guarded call. A panic in it is reported as a
/// damaged file and not as a defect of the program.
pub fn is_guarded() -> bool {
    GUARDED.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panic_ends_only_the_guarded_call() {
        assert_eq!(guarded(|| 7), Some(7));
        assert_eq!(guarded(|| -> i32 { panic!("a value") }), None);
        assert!(!is_guarded());
    }
}
