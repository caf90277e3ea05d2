//! trestle
fn main() {}
