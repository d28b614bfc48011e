//! The `punchcard` program.

fn main() -> std::process::ExitCode {
    // Nothing but what a test build is told to do by its environment.
    punchcard_actors::failpoints::arm();
    punchcard::cli::main()
}
