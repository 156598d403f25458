//! Four numbers at once: a vector on WebAssembly, elsewhere what the compiler makes of an array.

#[cfg(target_arch = "wasm32")]
mod here {
    use core::arch::wasm32::{f32x4, f32x4_add, f32x4_extract_lane, f32x4_splat, v128};

    pub(crate) type Lanes = v128;
    pub(crate) const ZERO: Lanes = f32x4(0.0, 0.0, 0.0, 0.0);

    #[inline(always)]
    pub(crate) fn load(&[a, b, c, d]: &[f32; 4]) -> Lanes {
        f32x4(a, b, c, d)
    }

    #[inline(always)]
    pub(crate) fn splat(value: f32) -> Lanes {
        f32x4_splat(value)
    }

    #[inline(always)]
    pub(crate) fn store(lanes: Lanes) -> [f32; 4] {
        [
            f32x4_extract_lane::<0>(lanes),
            f32x4_extract_lane::<1>(lanes),
            f32x4_extract_lane::<2>(lanes),
            f32x4_extract_lane::<3>(lanes),
        ]
    }

    #[inline(always)]
    pub(crate) fn add(a: Lanes, b: Lanes) -> Lanes {
        f32x4_add(a, b)
    }

    /// `sum + a * b`, in one rounding where the target has it.
    #[inline(always)]
    pub(crate) fn add_product(sum: Lanes, a: Lanes, b: Lanes) -> Lanes {
        #[cfg(target_feature = "relaxed-simd")]
        {
            core::arch::wasm32::f32x4_relaxed_madd(a, b, sum)
        }
        #[cfg(not(target_feature = "relaxed-simd"))]
        {
            f32x4_add(sum, core::arch::wasm32::f32x4_mul(a, b))
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod here {
    pub(crate) type Lanes = [f32; 4];
    pub(crate) const ZERO: Lanes = [0.0; 4];

    #[inline(always)]
    pub(crate) fn load(values: &[f32; 4]) -> Lanes {
        *values
    }

    #[inline(always)]
    pub(crate) fn splat(value: f32) -> Lanes {
        [value; 4]
    }

    #[inline(always)]
    pub(crate) fn store(lanes: Lanes) -> [f32; 4] {
        lanes
    }

    #[inline(always)]
    pub(crate) fn add(a: Lanes, b: Lanes) -> Lanes {
        std::array::from_fn(|lane| a[lane] + b[lane])
    }

    #[inline(always)]
    pub(crate) fn add_product(sum: Lanes, a: Lanes, b: Lanes) -> Lanes {
        std::array::from_fn(|lane| sum[lane] + a[lane] * b[lane])
    }
}

pub(crate) use here::{Lanes, ZERO, add, add_product, load, splat, store};
