//! The `mirrorgrad` command; all of it is in `mirrorgrad-cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    mirrorgrad_cli::main()
}
