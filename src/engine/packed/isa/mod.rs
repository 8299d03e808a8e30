//! The kernels compiled for each instruction set.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod choice;
mod dispatch;
mod scalar;

pub use choice::{ISA_VARIABLE, Isa, IsaError};
pub(super) use dispatch::Kernels;

use super::kernels::TILE;
use super::lanes::Lanes;

/// Asks for rows of weights, needed soon, to be brought into the second-level cache.
#[inline]
pub(super) fn prefetch(rows: &[[Lanes; TILE]]) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    for lanes in rows.as_flattened() {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: a prefetch reads nothing that the program sees and cannot fault; every x86-64 processor has it.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(std::ptr::from_ref(lanes).cast()) }
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = rows;
}
