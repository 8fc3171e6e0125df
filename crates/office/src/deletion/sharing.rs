//! What the output folders of one purge share: the inputs, and what became of them.

use super::by_file::ByFile;
use super::done::Done;
use super::fate::files_of;
use super::stated::Stated;
use crate::accounted::Accounted;
use crate::deletion_record::RoundFile;
use crate::remains::{Doubt, Remains};
use crate::verification::Provenance;

/// An output folder of a purge.
pub(super) struct Output<'o> {
    /// Where its inputs come from; `None` if its manifest has no valid signature.
    pub(super) provenance: Option<Provenance>,
    pub(super) remains: &'o Remains,
    pub(super) stated: &'o mut Stated,
    pub(super) done: &'o mut Done,
}

/// Gives each output folder what is known of the inputs that it shares with the others, and
/// which of them the purge left. What journals and records of another folder state counts only
/// if the inputs have the same provenance.
pub(super) fn share_inputs(outputs: &mut [Output<'_>]) {
    let known: Vec<(Option<Provenance>, Stated, Done)> = outputs
        .iter()
        .map(|output| {
            let (stated, done) = (&*output.stated, &*output.done);
            (output.provenance.clone(), stated.clone(), done.clone())
        })
        .collect();
    for (index, output) in outputs.iter_mut().enumerate() {
        let named = named_by(output.remains);
        let others = known
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != index);
        for (_, (provenance, stated, done)) in others {
            if provenance.is_some() && *provenance == output.provenance {
                output.stated.add_inputs(stated, |file| named.has(file));
            }
            let own = files_of(&output.done.left);
            let left = done.left.iter();
            let left = left.filter(|left| left.file().is_input() && named.has(&left.file()));
            let left = left.filter(|left| !own.has(&left.file()));
            output.done.left.extend(left.cloned());
        }
    }
}

/// Decides of inputs that were exchanged between two steps, such as an export that was
/// corrected: what the older output found at their paths is another output's file, and among
/// `removed`. So it is not left, and the older one's own file is gone. Returns such files.
pub(super) fn supersede(
    remains: &mut Remains,
    done: &mut Done,
    removed: &[RoundFile],
) -> Vec<RoundFile> {
    let is_superseded = |file: &RoundFile, doubt: Doubt| {
        doubt.is_of_other_content()
            && file.is_input()
            && removed
                .iter()
                .any(|other| other.is_at_path_of(file) && !other.is_same(file))
    };
    let superseded = remains.take_for_gone(is_superseded);
    done.retract(&superseded);
    superseded.into_iter().map(|(file, _)| file).collect()
}

/// Returns the inputs that a purge removed for one of its output folders, and left under no other
/// name there.
pub(super) fn removed_whole<'d>(done: impl Iterator<Item = &'d Done>) -> ByFile<()> {
    let mut whole = ByFile::default();
    for done in done {
        let left = files_of(&done.left);
        let inputs = done.removed.iter().filter(|file| file.is_input());
        for file in inputs.filter(|file| !left.has(file)) {
            whole.add(file, ());
        }
    }
    whole
}

/// Decides of inputs that an output folder left to another round, and that the same purge removed
/// for an output folder of that round: `removed`, as far as nothing `is_there` at their names.
pub(super) fn take_removed(
    remains: &mut Remains,
    done: &mut Done,
    removed: &ByFile<()>,
    is_there: impl Fn(&RoundFile) -> bool,
) {
    let taken = remains.take_for_gone(|file, doubt| {
        matches!(doubt, Doubt::OtherRound | Doubt::UnknownRound)
            && removed.has(file)
            && !is_there(file)
    });
    done.retract(&taken);
}

/// Decides of inputs for which records account and in whose place a file with other content is:
/// they are gone. Returns them.
pub(super) fn take_replaced(
    remains: &mut Remains,
    done: &mut Done,
    accounted: &Accounted,
) -> Vec<RoundFile> {
    let replaced = remains.take_replaced(|file| accounted.has(file));
    // Another output folder, for which no record accounts for the same file, may have left it.
    done.left.retain(|left| {
        let file = left.file();
        let texts = [Doubt::Changed, Doubt::OtherKey].map(|doubt| doubt.text(&file));
        !(file.is_input() && texts.contains(&left.why) && accounted.has(&file))
    });
    replaced
}

/// Returns those of the inputs `removed` that an output folder names and that were removed for
/// another one, so that its record has them too.
pub(super) fn shared(remains: &Remains, own: &Done, removed: &[RoundFile]) -> Vec<RoundFile> {
    let named = named_by(remains);
    let own: ByFile<()> = own.removed.iter().collect();
    let inputs = removed
        .iter()
        .filter(|file| named.has(file) && !own.has(file));
    let mut shared: Vec<RoundFile> = inputs.cloned().collect();
    shared.sort();
    shared.dedup();
    shared
}

fn named_by(remains: &Remains) -> ByFile<()> {
    remains.gone.iter().chain(remains.named_here()).collect()
}
