//! Workbooks written by the tests, and what is read from them.

mod cells;
mod files;
mod hostile;
mod like_calamine;
mod made;
mod merged;
