//! Chance handed in by the caller, spread over what one event needs.

/// A stream of random bits from the 128 that came with an event (SplitMix64, Steele et al. 2014).
#[derive(Debug, Clone)]
pub struct Random {
    low: u64,
    high: u64,
}

impl Random {
    /// The stream that begins with these bits.
    #[must_use]
    pub fn new(bits: u128) -> Random {
        Random { low: bits as u64, high: (bits >> 64) as u64 }
    }

    fn next(&mut self) -> u64 {
        self.low = self.low.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.low ^ self.high;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        self.high = self.high.rotate_left(17) ^ mixed;
        mixed ^ (mixed >> 31)
    }

    /// 32 random bits.
    pub fn bits(&mut self) -> u32 {
        (self.next() >> 32) as u32
    }

    /// A name that nobody else makes: 20 characters, 100 random bits. As long as the row id
    /// fields of POS front-ends allow.
    pub fn name(&mut self) -> String {
        const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
        let mut name = String::with_capacity(20);
        for _ in 0..2 {
            let bits = self.next();
            for shift in 0..10 {
                name.push(char::from(LETTERS[(bits >> (shift * 5)) as usize & 31]));
            }
        }
        name
    }
}
