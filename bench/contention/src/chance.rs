//! Chance from a seed, the same on every machine: nothing but additions, multiplications,
//! divisions and square roots, which IEEE 754 rounds alike everywhere. The system's own `ln` and
//! `exp` may differ in the last digit, and one digit makes another world.

/// Random numbers from a seed (SplitMix64, Steele et al. 2014).
#[derive(Debug, Clone)]
pub struct Chance(u64);

/// Median of the round trip, microseconds.
pub const ROUND_TRIP_MEDIAN_US: u64 = 40_000;
/// ln(400 ms / 40 ms) / 2.3263: the width of the lognormal whose 99th percentile is ten medians.
const ROUND_TRIP_WIDTH: f64 = core::f64::consts::LN_10 / 2.326_347_874_040_841;

impl Chance {
    /// The numbers of this seed.
    pub fn new(seed: u64) -> Chance {
        Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// 128 random bits.
    pub fn many_bits(&mut self) -> u128 {
        u128::from(self.bits()) << 64 | u128::from(self.bits())
    }

    /// From 0 to 1, neither included.
    fn portion(&mut self) -> f64 {
        ((self.bits() >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// True `in_a_thousand` times in a thousand.
    pub fn happens(&mut self, in_a_thousand: u64) -> bool {
        self.bits() % 1_000 < in_a_thousand
    }

    /// One round trip, microseconds: lognormal, median 40 ms, 99th percentile 400 ms.
    pub fn round_trip_us(&mut self) -> u64 {
        let stretched = exp(ROUND_TRIP_WIDTH * self.normal());
        (ROUND_TRIP_MEDIAN_US as f64 * stretched) as u64
    }

    /// A pause, microseconds: exponential with this mean.
    pub fn pause_us(&mut self, mean_us: u64) -> u64 {
        (-ln(self.portion()) * mean_us as f64) as u64
    }

    /// Normal with mean 0 and width 1, by Marsaglia's polar method.
    fn normal(&mut self) -> f64 {
        loop {
            let (x, y) = (2.0 * self.portion() - 1.0, 2.0 * self.portion() - 1.0);
            let square = x * x + y * y;
            if square < 1.0 && square > 0.0 {
                return x * (-2.0 * ln(square) / square).sqrt();
            }
        }
    }
}

/// The natural logarithm of a positive, normal number.
fn ln(value: f64) -> f64 {
    let exponent = (value.to_bits() >> 52) as i64 - 1_023;
    let mantissa = f64::from_bits(value.to_bits() & 0x000f_ffff_ffff_ffff | 0x3ff0_0000_0000_0000);
    // ln m = 2 artanh((m - 1) / (m + 1)), and the fraction is at most a third.
    let fraction = (mantissa - 1.0) / (mantissa + 1.0);
    let square = fraction * fraction;
    let (mut power, mut sum) = (fraction, 0.0);
    for odd in 0..20 {
        sum += power / f64::from(2 * odd + 1);
        power *= square;
    }
    exponent as f64 * core::f64::consts::LN_2 + 2.0 * sum
}

/// e to the power of `value`, for values between -100 and 100.
fn exp(value: f64) -> f64 {
    // e^x = (e^(x / 256))^256, and the small power's series ends quickly.
    let small = value / 256.0;
    let (mut term, mut sum) = (1.0, 1.0);
    for n in 1..16 {
        term *= small / f64::from(n);
        sum += term;
    }
    for _ in 0..8 {
        sum *= sum;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithm_and_power_are_those_of_the_books() {
        for value in [0.001, 0.5, 1.0, 1.5, 2.0, 10.0, 12_345.0] {
            assert!((ln(value) - f64::ln(value)).abs() < 1e-12, "ln {value}");
        }
        for value in [-5.0, -0.1, 0.0, 1.0, 3.0] {
            assert!((exp(value) / f64::exp(value) - 1.0).abs() < 1e-12, "exp {value}");
        }
    }

    #[test]
    fn round_trips_have_the_median_and_the_tail_of_the_model() {
        let mut chance = Chance::new(1);
        let mut trips: Vec<u64> = (0..200_000).map(|_| chance.round_trip_us()).collect();
        trips.sort_unstable();
        let (median, tail) = (trips[100_000], trips[198_000]);
        assert!((39_000..41_000).contains(&median), "{median}");
        assert!((380_000..420_000).contains(&tail), "{tail}");
    }
}
