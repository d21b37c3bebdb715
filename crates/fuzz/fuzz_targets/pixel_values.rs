//! Fuzzes [`mirrorgrad_fuzz::pixel_values`]; built without a fuzzer, replays the files that are named.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| mirrorgrad_fuzz::pixel_values(bytes));

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    mirrorgrad_fuzz::replay(mirrorgrad_fuzz::pixel_values)
}
