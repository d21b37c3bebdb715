//! A vector register, and what can be done with it.
//!
//! A value of a type here is a proof that its instructions may be executed: it is made only where the
//! processor has been asked, so that arithmetic on registers is safe to call.

/// The vector registers of one instruction set, for numbers of type `T`.
///
/// # Safety
/// [`Lanes::load`] and [`Lanes::store`] touch exactly `COUNT` numbers from the address they are given.
pub unsafe trait Lanes<T>: Copy {
    /// A register full of numbers.
    type Register: Copy;
    /// Registers half as wide, where the set has them.
    type Half: Lanes<T>;
    /// Numbers in a register.
    const COUNT: usize;
    /// Registers that the set has.
    const REGISTERS: usize;

    /// The half-wide registers.
    fn half(self) -> Self::Half;

    /// `value` in every lane.
    fn splat(self, value: T) -> Self::Register;

    /// The numbers from `from` on.
    ///
    /// # Safety
    /// `COUNT` numbers can be read there.
    unsafe fn load(self, from: *const T) -> Self::Register;

    /// Writes the numbers from `to` on.
    ///
    /// # Safety
    /// `COUNT` numbers can be written there.
    unsafe fn store(self, to: *mut T, register: Self::Register);

    /// Writes the numbers from `to` on past the caches, where the set has a way to. Others may read
    /// them after a [`Lanes::fence`].
    ///
    /// # Safety
    /// `COUNT` numbers can be written there, and the address is a multiple of a register's size.
    #[inline(always)]
    unsafe fn stream(self, to: *mut T, register: Self::Register) {
        // SAFETY: the caller's promise.
        unsafe { self.store(to, register) }
    }

    /// Orders all that was streamed before what follows.
    #[inline(always)]
    fn fence(self) {}

    /// `a + b`.
    fn add(self, a: Self::Register, b: Self::Register) -> Self::Register;

    /// `a − b`.
    fn sub(self, a: Self::Register, b: Self::Register) -> Self::Register;

    /// `a · b`.
    fn mul(self, a: Self::Register, b: Self::Register) -> Self::Register;

    /// `a · b + c`, rounded once where the set has such an instruction.
    fn mul_add(self, a: Self::Register, b: Self::Register, c: Self::Register) -> Self::Register;

    /// Transposes a block of eight rows and columns, whose rows are as many numbers apart as said;
    /// `false` if the set has no way to do it that is better than one by one.
    ///
    /// # Safety
    /// All eight rows can be read from `from` on and written from `to` on.
    #[inline(always)]
    unsafe fn transpose(self, from: *const T, from_row: isize, to: *mut T, to_row: isize) -> bool {
        let _ = (from, from_row, to, to_row);
        false
    }

    /// The first numbers of a slice.
    ///
    /// # Panics
    /// If it holds fewer than `COUNT`.
    #[inline(always)]
    fn read(self, from: &[T]) -> Self::Register {
        assert!(from.len() >= Self::COUNT);
        // SAFETY: the slice was just found to be long enough.
        unsafe { self.load(from.as_ptr()) }
    }

    /// Overwrites the first numbers of a slice.
    ///
    /// # Panics
    /// If it holds fewer than `COUNT`.
    #[inline(always)]
    fn write(self, to: &mut [T], register: Self::Register) {
        assert!(to.len() >= Self::COUNT);
        // SAFETY: the slice was just found to be long enough.
        unsafe { self.store(to.as_mut_ptr(), register) }
    }

    /// Fills registers from places of a slice, the first `at` and the others a `pitch` from each other.
    ///
    /// # Panics
    /// If one reaches beyond the slice.
    #[inline(always)]
    fn read_every(self, from: &[T], [at, pitch]: [usize; 2], registers: &mut [Self::Register]) {
        assert!(reach::<T, Self>(at, pitch, registers.len()) <= from.len());
        for (n, register) in registers.iter_mut().enumerate() {
            // SAFETY: the last of the places was just found to lie inside, and so do those before.
            *register = unsafe { self.load(from.as_ptr().add(at + n * pitch)) };
        }
    }

    /// Writes registers where [`read_every`](Lanes::read_every) reads them.
    ///
    /// # Panics
    /// If one reaches beyond the slice.
    #[inline(always)]
    fn write_every(self, to: &mut [T], [at, pitch]: [usize; 2], registers: &[Self::Register]) {
        assert!(reach::<T, Self>(at, pitch, registers.len()) <= to.len());
        for (n, &register) in registers.iter().enumerate() {
            // SAFETY: the last of the places was just found to lie inside, and so do those before.
            unsafe { self.store(to.as_mut_ptr().add(at + n * pitch), register) };
        }
    }
}

/// Where the last of some registers ends.
#[inline(always)]
fn reach<T, L: Lanes<T>>(at: usize, pitch: usize, count: usize) -> usize {
    let last = pitch.saturating_mul(count.saturating_sub(1));
    at.saturating_add(last).saturating_add(L::COUNT)
}

/// Registers of four numbers that every compiler makes something of.
#[derive(Clone, Copy)]
pub struct Portable;

// SAFETY: a register is an array of four numbers, read and written as such.
unsafe impl<T: crate::Element> Lanes<T> for Portable {
    type Register = [T; 4];
    type Half = Self;
    const COUNT: usize = 4;
    const REGISTERS: usize = 16;

    #[inline(always)]
    fn half(self) -> Self {
        self
    }

    #[inline(always)]
    fn splat(self, value: T) -> [T; 4] {
        [value; 4]
    }

    #[inline(always)]
    unsafe fn load(self, from: *const T) -> [T; 4] {
        // SAFETY: the caller's promise; an array is aligned as its elements are.
        unsafe { from.cast::<[T; 4]>().read() }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut T, register: [T; 4]) {
        // SAFETY: the caller's promise; an array is aligned as its elements are.
        unsafe { to.cast::<[T; 4]>().write(register) }
    }

    #[inline(always)]
    fn add(self, a: [T; 4], b: [T; 4]) -> [T; 4] {
        std::array::from_fn(|i| a[i] + b[i])
    }

    #[inline(always)]
    fn sub(self, a: [T; 4], b: [T; 4]) -> [T; 4] {
        std::array::from_fn(|i| a[i] - b[i])
    }

    #[inline(always)]
    fn mul(self, a: [T; 4], b: [T; 4]) -> [T; 4] {
        std::array::from_fn(|i| a[i] * b[i])
    }

    #[inline(always)]
    fn mul_add(self, a: [T; 4], b: [T; 4], c: [T; 4]) -> [T; 4] {
        // Without the instruction, `mul_add` would be a call for every number.
        match cfg!(any(target_feature = "fma", target_arch = "aarch64")) {
            true => std::array::from_fn(|i| a[i].mul_add(b[i], c[i])),
            false => std::array::from_fn(|i| a[i] * b[i] + c[i]),
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Lanes;
    use std::arch::x86_64::*;

    macro_rules! token {
        ($(#[$doc:meta])* $name:ident) => {
            $(#[$doc])*
            #[derive(Clone, Copy)]
            pub struct $name(());

            impl $name {
                /// # Safety
                /// The processor has the instructions.
                #[inline(always)]
                pub unsafe fn assume() -> Self {
                    Self(())
                }
            }
        };
    }

    token!(
        /// AVX2 and FMA: sixteen registers of 256 bits.
        Avx2
    );
    token!(
        /// AVX-512 F and VL: thirty-two registers of 512 bits.
        Avx512
    );
    token!(
        /// AVX-512 F and VL: thirty-two registers of 256 bits.
        Avx512Half
    );

    macro_rules! lanes {
        ($token:ident, half $half:ident, $element:ty, $register:ty, $count:literal of $registers:literal:
         $splat:ident $load:ident $store:ident $stream:ident $add:ident $sub:ident $mul:ident $mul_add:ident
         $($transpose:item)?) => {
            // SAFETY: loads and stores are the unaligned ones of exactly one register. Everywhere
            // below, the token proves that the processor has the instruction.
            unsafe impl Lanes<$element> for $token {
                type Register = $register;
                type Half = $half;
                const COUNT: usize = $count;
                const REGISTERS: usize = $registers;

                #[inline(always)]
                fn half(self) -> $half {
                    // SAFETY: the halves belong to the same instruction set.
                    unsafe { $half::assume() }
                }

                #[inline(always)]
                fn splat(self, value: $element) -> $register {
                    // SAFETY: the token.
                    unsafe { $splat(value) }
                }

                #[inline(always)]
                unsafe fn load(self, from: *const $element) -> $register {
                    // SAFETY: the token, and the caller's promise.
                    unsafe { $load(from) }
                }

                #[inline(always)]
                unsafe fn store(self, to: *mut $element, register: $register) {
                    // SAFETY: the token, and the caller's promise.
                    unsafe { $store(to, register) }
                }

                #[inline(always)]
                unsafe fn stream(self, to: *mut $element, register: $register) {
                    // SAFETY: the token, and the caller's promise.
                    unsafe { $stream(to, register) }
                }

                #[inline(always)]
                fn fence(self) {
                    // SAFETY: the token; every processor with it has SSE.
                    unsafe { _mm_sfence() }
                }

                #[inline(always)]
                fn add(self, a: $register, b: $register) -> $register {
                    // SAFETY: the token.
                    unsafe { $add(a, b) }
                }

                #[inline(always)]
                fn sub(self, a: $register, b: $register) -> $register {
                    // SAFETY: the token.
                    unsafe { $sub(a, b) }
                }

                #[inline(always)]
                fn mul(self, a: $register, b: $register) -> $register {
                    // SAFETY: the token.
                    unsafe { $mul(a, b) }
                }

                #[inline(always)]
                fn mul_add(self, a: $register, b: $register, c: $register) -> $register {
                    // SAFETY: the token.
                    unsafe { $mul_add(a, b, c) }
                }

                $(#[inline(always)] $transpose)?
            }
        };
    }

    lanes!(Avx512, half Avx512Half, f32, __m512, 16 of 32:
    _mm512_set1_ps _mm512_loadu_ps _mm512_storeu_ps _mm512_stream_ps
    _mm512_add_ps _mm512_sub_ps _mm512_mul_ps _mm512_fmadd_ps
    unsafe fn transpose(self, from: *const f32, from_row: isize, to: *mut f32, to_row: isize) -> bool {
        // SAFETY: the token, and the caller's promise.
        unsafe { transpose_8x8(from, from_row, to, to_row) }
        true
    });
    lanes!(Avx512, half Avx512Half, f64, __m512d, 8 of 32:
        _mm512_set1_pd _mm512_loadu_pd _mm512_storeu_pd _mm512_stream_pd
        _mm512_add_pd _mm512_sub_pd _mm512_mul_pd _mm512_fmadd_pd);
    lanes!(Avx512Half, half Avx512Half, f32, __m256, 8 of 32:
        _mm256_set1_ps _mm256_loadu_ps _mm256_storeu_ps _mm256_stream_ps
        _mm256_add_ps _mm256_sub_ps _mm256_mul_ps _mm256_fmadd_ps);
    lanes!(Avx512Half, half Avx512Half, f64, __m256d, 4 of 32:
        _mm256_set1_pd _mm256_loadu_pd _mm256_storeu_pd _mm256_stream_pd
        _mm256_add_pd _mm256_sub_pd _mm256_mul_pd _mm256_fmadd_pd);
    lanes!(Avx2, half Avx2, f32, __m256, 8 of 16:
    _mm256_set1_ps _mm256_loadu_ps _mm256_storeu_ps _mm256_stream_ps
    _mm256_add_ps _mm256_sub_ps _mm256_mul_ps _mm256_fmadd_ps
    unsafe fn transpose(self, from: *const f32, from_row: isize, to: *mut f32, to_row: isize) -> bool {
        // SAFETY: the token, and the caller's promise.
        unsafe { transpose_8x8(from, from_row, to, to_row) }
        true
    });

    /// Pairs of rows are interleaved, then pairs of pairs, then the halves of registers exchanged.
    ///
    /// # Safety
    /// The processor has AVX; eight rows of eight numbers can be read and written.
    #[inline(always)]
    unsafe fn transpose_8x8(from: *const f32, from_row: isize, to: *mut f32, to_row: isize) {
        // SAFETY: the caller's promise.
        unsafe {
            let r: [__m256; 8] =
                std::array::from_fn(|i| _mm256_loadu_ps(from.offset(i as isize * from_row)));
            let pairs: [__m256; 8] = std::array::from_fn(|i| match i % 2 {
                0 => _mm256_unpacklo_ps(r[i], r[i + 1]),
                _ => _mm256_unpackhi_ps(r[i - 1], r[i]),
            });
            let fours: [__m256; 8] = std::array::from_fn(|i| {
                let first = i / 4 * 4 + i % 4 / 2;
                match i % 2 {
                    0 => _mm256_shuffle_ps::<0x44>(pairs[first], pairs[first + 2]),
                    _ => _mm256_shuffle_ps::<0xee>(pairs[first], pairs[first + 2]),
                }
            });
            for i in 0..4 {
                let low = _mm256_permute2f128_ps::<0x20>(fours[i], fours[i + 4]);
                let high = _mm256_permute2f128_ps::<0x31>(fours[i], fours[i + 4]);
                _mm256_storeu_ps(to.offset(i as isize * to_row), low);
                _mm256_storeu_ps(to.offset((i as isize + 4) * to_row), high);
            }
        }
    }
    lanes!(Avx2, half Avx2, f64, __m256d, 4 of 16:
        _mm256_set1_pd _mm256_loadu_pd _mm256_storeu_pd _mm256_stream_pd
        _mm256_add_pd _mm256_sub_pd _mm256_mul_pd _mm256_fmadd_pd);
}
