//! Tests that write workbooks and read them back.

mod cells;
mod files;
mod hostile;
mod like_calamine;
mod made;
mod made_xlsb;
mod merged;
mod ods;
mod xlsb;
