//! Cold start only: reads the Handler and runs that function.
fn main() {}
