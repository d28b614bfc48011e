//! The `punchcard` program.

/// Tickets are many small allocations, made on one thread and freed on another. jemalloc takes less
/// time for them than the system's allocator, and gives memory back.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> std::process::ExitCode {
    punchcard::cli::main()
}
