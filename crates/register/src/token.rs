//! What identifies a person in the register.

/// Sixteen bytes that identify a person in one register: a MAC of the person's ID number
/// under the register's own key. It is made elsewhere; this crate cannot make or reverse one.
///
/// `Debug` prints none of its bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RegisterToken(pub [u8; 16]);

impl std::fmt::Debug for RegisterToken {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("RegisterToken(..)")
    }
}
