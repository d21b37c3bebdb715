//! Instruction sets, and how one routine is compiled for each of them.

#[cfg(target_arch = "x86_64")]
use super::lanes::{Avx2, Avx512};
use super::lanes::{Lanes, Portable};
use std::fmt;
use std::sync::OnceLock;

/// An instruction set that kernels are compiled for.
///
/// ```
/// # use mirrorgrad_tensor::Isa;
/// assert!(Isa::chosen()?.is_present());
/// // The names that `MIRRORGRAD_ISA` may have.
/// assert_eq!(Isa::ALL.map(|isa| isa.to_string()), ["baseline", "avx2", "avx512"]);
/// # Ok::<(), mirrorgrad_tensor::IsaError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Isa {
    /// What every processor of the target has.
    Baseline,
    /// AVX2 and FMA: x86-64 since 2013.
    Avx2,
    /// AVX-512 F and VL: servers since 2017, AMD since Zen 4.
    Avx512,
}

/// A request in `MIRRORGRAD_ISA` that cannot be met.
///
/// ```
/// # use mirrorgrad_tensor::{Isa, IsaError};
/// # use std::{env, process::Command};
/// # if env::var("MIRRORGRAD_ISA").as_deref() != Ok("neon") {
/// #     // This program once more, with the variable set.
/// #     let program = env::current_exe().expect("a program has a path");
/// #     let status = Command::new(program).env("MIRRORGRAD_ISA", "neon").status();
/// #     assert!(status.expect("it starts again").success());
/// #     return;
/// # }
/// // In a process that was started with MIRRORGRAD_ISA=neon:
/// let error = Isa::chosen().unwrap_err();
/// assert_eq!(error, IsaError::Unknown("neon".into()));
/// assert_eq!(error.to_string(), r#"MIRRORGRAD_ISA is "neon": expected avx512, avx2 or baseline"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IsaError {
    /// The name is of no instruction set.
    #[error("MIRRORGRAD_ISA is {0:?}: expected avx512, avx2 or baseline")]
    Unknown(String),
    /// The processor does not have it.
    #[error("MIRRORGRAD_ISA asks for {0}, which this processor does not have")]
    Missing(Isa),
}

impl Isa {
    /// All of them, the plainest first.
    pub const ALL: [Self; 3] = [Self::Baseline, Self::Avx2, Self::Avx512];

    /// The instruction set of this crate's kernels in this process (matrixmultiply, behind `matmul` and the
    /// plain path, looks for itself): the one that `MIRRORGRAD_ISA` names, or else the
    /// best that the processor has. Looked up once.
    ///
    /// # Errors
    /// If the variable names none, or one that is missing here.
    pub fn chosen() -> Result<Self, IsaError> {
        static CHOSEN: OnceLock<Result<Isa, IsaError>> = OnceLock::new();
        CHOSEN
            .get_or_init(|| match std::env::var_os("MIRRORGRAD_ISA") {
                Some(name) => Self::named(&name.to_string_lossy()),
                None => Ok(Self::best()),
            })
            .clone()
    }

    fn named(name: &str) -> Result<Self, IsaError> {
        let isa = Self::ALL.into_iter().find(|isa| isa.to_string() == name);
        let isa = isa.ok_or_else(|| IsaError::Unknown(name.to_owned()))?;
        if isa.is_present() { Ok(isa) } else { Err(IsaError::Missing(isa)) }
    }

    fn best() -> Self {
        let present = Self::ALL.into_iter().rev().find(|isa| isa.is_present());
        present.expect("every processor has the baseline")
    }

    /// Whether this processor has the instruction set.
    pub fn is_present(self) -> bool {
        match self {
            Self::Baseline => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                Self::Avx2.is_present()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512vl")
            }
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => false,
        }
    }

    /// The set that kernels run on.
    ///
    /// # Panics
    /// If `MIRRORGRAD_ISA` asks for what cannot be had; see [`Isa::chosen`].
    fn active() -> Self {
        Self::chosen().unwrap_or_else(|error| panic!("{error}"))
    }
}

impl fmt::Display for Isa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Baseline => "baseline",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        })
    }
}

/// Work that is written once, over lanes of unknown width, and compiled for every instruction set.
pub trait Routine<T> {
    /// What the work yields.
    type Output;

    /// Does the work. Implementations are `#[inline(always)]`, so that they are compiled with the
    /// instructions of whoever calls them.
    fn run<L: Lanes<T>>(self, lanes: L) -> Self::Output;
}

/// A number type that [`Lanes`] hold.
pub trait Vector: Sized {
    /// Runs a routine on the chosen instruction set.
    #[doc(hidden)]
    fn dispatch<R: Routine<Self>>(routine: R) -> R::Output;
}

macro_rules! dispatch_for {
    ($element:ty) => {
        impl Vector for $element {
            #[inline]
            fn dispatch<R: Routine<Self>>(routine: R) -> R::Output {
                match Isa::active() {
                    Isa::Baseline => routine.run(Portable),
                    // SAFETY: `active` gives only what `is_present` has found on this processor, and
                    // that is what these two functions need.
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx2 => unsafe { on_avx2(routine) },
                    #[cfg(target_arch = "x86_64")]
                    Isa::Avx512 => unsafe { on_avx512(routine) },
                    #[cfg(not(target_arch = "x86_64"))]
                    Isa::Avx2 | Isa::Avx512 => unreachable!("they are not present"),
                }
            }
        }
    };
}

dispatch_for!(f32);
dispatch_for!(f64);

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn on_avx2<T, R: Routine<T>>(routine: R) -> R::Output
where
    Avx2: Lanes<T>,
{
    // SAFETY: this function's own features are those of the token.
    routine.run(unsafe { Avx2::assume() })
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,avx512f,avx512vl")]
fn on_avx512<T, R: Routine<T>>(routine: R) -> R::Output
where
    Avx512: Lanes<T>,
{
    // SAFETY: this function's own features are those of the token.
    routine.run(unsafe { Avx512::assume() })
}
