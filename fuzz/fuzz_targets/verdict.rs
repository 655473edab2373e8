#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| restamp_fuzz::verdict::run(data));
