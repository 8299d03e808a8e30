//! The `runner` program: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    chordbench::cli::main()
}
