//! Chance from a seed (SplitMix64): the same seed, the same world.

#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// One stream for each `concern`, so that leaving one fault out moves as little as possible.
    pub fn new(seed: u64, concern: u64) -> Chance {
        let mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d;
        let mut chance = Chance(mixed ^ concern.wrapping_mul(0xd6e8_feb8_6659_fd93));
        chance.bits();
        chance
    }

    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.bits() % end
    }

    /// True `percent` times in a hundred.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of them, if there is any.
    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        let bits = self.bits();
        list.get(bits.checked_rem(list.len() as u64)? as usize)
    }
}
