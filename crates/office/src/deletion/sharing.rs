//! What the output folders of one purge share: the inputs, and what became of them.

use jiff::Timestamp;

use super::by_file::ByFile;
use super::done::Done;
use super::fate::files_of;
use super::stated::Stated;
use crate::accounted::Accounted;
use crate::content::NamedInputs;
use crate::deletion_record::RoundFile;
use crate::remains::{Doubt, Remains};
use crate::verification::Provenance;

/// An output folder of a purge.
pub(super) struct Output<'o> {
    /// Where its inputs come from; `None` if its manifest has no valid signature.
    pub(super) provenance: Option<Provenance>,
    /// When it was written; `None` if its log is not whole.
    pub(super) ran_at: Option<Timestamp>,
    pub(super) is_due: bool,
    pub(super) remains: &'o Remains,
    pub(super) stated: &'o mut Stated,
    pub(super) done: &'o mut Done,
}

/// What an output folder that the purge does not name says of inputs.
pub(super) struct Neighbour {
    /// Where its inputs come from.
    pub(super) provenance: Provenance,
    pub(super) named: NamedInputs,
    pub(super) stated: Stated,
}

/// Gives each output folder what is known of the inputs that it shares with the others, and
/// which of them the purge left. What journals and records of another folder state counts if the
/// inputs have the same provenance. Otherwise, of two outputs of this office, only what a killed
/// purge of both did; what else their records say after both were written a person must confirm.
pub(super) fn share_inputs(outputs: &mut [Output<'_>], neighbours: &[Neighbour]) {
    let known: Vec<(Option<Provenance>, bool, Stated, Done)> = outputs
        .iter()
        .map(|output| {
            let (stated, done) = (&*output.stated, &*output.done);
            let provenance = output.provenance.clone();
            (provenance, output.is_due, stated.clone(), done.clone())
        })
        .collect();
    for (index, output) in outputs.iter_mut().enumerate() {
        let named = named_by(output.remains);
        let with_content = with_content(output.remains);
        let is_it = |file: &RoundFile| file.content().is_some() && with_content.has(file);
        let others = known
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != index);
        let Some(own) = &output.provenance else {
            continue;
        };
        for (_, (provenance, is_due, stated, done)) in others {
            match (provenance, output.ran_at) {
                (Some(other), _) if other == own => {
                    output.stated.add_inputs(stated, |file| named.has(file));
                }
                (Some(other), Some(ran_at)) if other.signer == own.signer => {
                    output.stated.add_of_another_round(stated, ran_at, is_it);
                }
                _ => {}
            }
            // Nothing was tried yet for one that is not due.
            if *is_due || !output.is_due {
                share_left(output.remains, output.done, done, &named);
            }
        }
        for Neighbour {
            provenance, stated, ..
        } in neighbours
        {
            match output.ran_at {
                _ if provenance == own => {
                    output.stated.add_inputs(stated, |file| named.has(file));
                }
                Some(ran_at) if provenance.signer == own.signer => {
                    output.stated.claim_removed_beside(stated, ran_at, is_it);
                }
                _ => {}
            }
        }
    }
}

/// Lists the inputs as left that the purge left for another output folder.
fn share_left(remains: &Remains, own: &mut Done, other: &Done, named: &ByFile<()>) {
    let mut known = files_of(&own.left);
    // These are listed as needed.
    remains.needed().for_each(|(file, _)| known.add(file, ()));
    let left = other.left.iter();
    let left = left.filter(|left| left.file().is_input() && named.has(&left.file()));
    let left = left.filter(|left| !known.has(&left.file()));
    own.left.extend(left.cloned());
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

/// Decides of inputs that an output folder left, for whatever reason, and that the same purge removed
/// for another one: `removed`, as far as nothing `is_there` at their names.
pub(super) fn take_removed(
    remains: &mut Remains,
    done: &mut Done,
    removed: &ByFile<()>,
    is_there: impl Fn(&RoundFile) -> bool,
) {
    let taken = remains.take_for_gone(|file, doubt| {
        doubt.is_of_manifest() && file.is_input() && removed.has(file) && !is_there(file)
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

/// Returns the files whose content the manifest says.
fn with_content(remains: &Remains) -> ByFile<()> {
    let named = remains.gone.iter().chain(remains.named_here());
    named.filter(|file| file.content().is_some()).collect()
}

fn named_by(remains: &Remains) -> ByFile<()> {
    remains.gone.iter().chain(remains.named_here()).collect()
}
