#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| restamp_fuzz::merge::run(data));
