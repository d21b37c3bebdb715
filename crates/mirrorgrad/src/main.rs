//! The `mirrorgrad` command; all of it is in `mirrorgrad-cli`.

use mirrorgrad_tensor::Allocator;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

fn main() -> ExitCode {
    mirrorgrad_cli::main()
}
