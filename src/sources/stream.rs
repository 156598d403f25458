//! Random numbers for recipes: a stream of their own for each purpose.

use super::exact::ln;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The random numbers for one purpose.
pub(super) struct Stream {
    random: ChaCha8Rng,
    spare: Option<f64>,
}

impl Stream {
    pub(super) fn new(seed: u64, purpose: &str, name: &str) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        let mut random = ChaCha8Rng::from_seed(key);
        // FNV-1a of the purpose and the name.
        let letters = purpose.bytes().chain([0]).chain(name.bytes());
        let hash = letters
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        random.set_stream(hash);
        Self { random, spare: None }
    }

    /// Uniform in [0, 1), with 53 bits.
    pub(super) fn uniform(&mut self) -> f64 {
        (self.random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Standard normal, by Marsaglia's polar method.
    pub(super) fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        loop {
            let (u, v) = (2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0);
            let square = u * u + v * v;
            if square > 0.0 && square < 1.0 {
                let factor = (-2.0 * ln(square) / square).sqrt();
                self.spare = Some(v * factor);
                return u * factor;
            }
        }
    }
}
