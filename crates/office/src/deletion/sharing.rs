//! What the output folders of one purge share: the inputs, and what became of them.

use super::by_file::ByFile;
use super::fate::{Done, names_of};
use super::stated::Stated;
use crate::remains::Remains;

/// Gives each output folder what is known of the inputs that it shares with the others, and
/// which of them the purge left.
pub(super) fn share_inputs(outputs: &mut [(&Remains, &mut Stated, &mut Done)]) {
    let known: Vec<(Stated, Done)> = outputs
        .iter()
        .map(|(_, stated, done)| ((*stated).clone(), (*done).clone()))
        .collect();
    for (index, (remains, stated, done)) in outputs.iter_mut().enumerate() {
        let named: ByFile<()> = remains.gone.iter().chain(remains.all_here()).collect();
        let others = known
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != index);
        for (_, (other, other_done)) in others {
            stated.add_inputs(other, |file| named.has(file));
            let own = names_of(&done.left);
            let left = other_done.left.iter();
            let left = left.filter(|left| left.file().is_input() && named.has(&left.file()));
            let left = left.filter(|left| !own.contains(&(left.part, left.path.clone())));
            done.left.extend(left.cloned());
        }
    }
}
