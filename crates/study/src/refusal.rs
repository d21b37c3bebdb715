//! Why a request was refused.

use std::fmt;

/// One line that says what was expected and what came.
///
/// ```
/// # use mirrorgrad_study::{Arrays, Refusal, operate};
/// let refusal = operate("conv2d", "{}", &Arrays::new()).unwrap_err();
/// assert_eq!(refusal.to_string(), r#"tensors: expected one called "input", found none"#);
/// assert_eq!(refusal, Refusal::expected("tensors", r#"one called "input""#, "none"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal(String);

impl Refusal {
    /// With the whole line.
    pub fn new(line: impl Into<String>) -> Self {
        Self(line.into())
    }

    /// Of something that has another value than it should.
    pub fn expected(
        what: impl fmt::Display,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) -> Self {
        Self(format!("{what}: expected {expected}, found {found}"))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}
