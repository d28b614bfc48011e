//! The `punchcard` program.

fn main() -> std::process::ExitCode {
    punchcard::cli::main()
}
