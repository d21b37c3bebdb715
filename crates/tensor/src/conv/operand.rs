//! The three operands of the form.

/// An operand of the form: the one that a solution finds from the other two.
///
/// ```
/// # use mirrorgrad_tensor::Operand;
/// // A weight is found from an input and an output, in this order.
/// assert_eq!(Operand::Weight.others(), [Operand::Input, Operand::Output]);
/// assert_eq!(Operand::Input.others(), [Operand::Output, Operand::Weight]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// `[batch, inputs, height, width]`.
    Input,
    /// `[outputs, inputs / groups, kh, kw]`.
    Weight,
    /// `[batch, outputs, output height, output width]`.
    Output,
}

impl Operand {
    /// The two that this one is found from, in the order in which they are given.
    pub const fn others(self) -> [Self; 2] {
        match self {
            Self::Output => [Self::Input, Self::Weight],
            Self::Input => [Self::Output, Self::Weight],
            Self::Weight => [Self::Input, Self::Output],
        }
    }
}
