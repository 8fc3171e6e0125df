//! The verbs of the command line, one file for each.

pub mod audit;
pub mod completions;
pub mod dry_run;
pub mod key;
pub mod policy;
pub mod register;
pub mod resolve;
pub mod round;
pub mod run;
pub mod sample;
pub mod schema;
pub mod tokenise;

pub use aidlink_office::ending::Ending;

/// The name of this program in manifests.
pub const PROGRAM: &str = "aidlink";

use std::path::Path;

use aidlink_faults::fault::Fault;
use aidlink_faults::text::Text;

/// Starts a pool of `threads` threads, or of one thread per core if `None`.
fn threads(round: &Path, threads: Option<u16>) -> Result<rayon::ThreadPool, Fault> {
    let mut pool = rayon::ThreadPoolBuilder::new();
    if let Some(threads) = threads {
        pool = pool.num_threads(usize::from(threads));
    }
    pool.build().map_err(|_| {
        Fault::of_file(
            round,
            Text::new("无法启动线程", "the threads could not be started"),
            Text::new("请用 --threads 减少线程数", "ask for fewer with --threads"),
        )
    })
}
