//! The worker process: libtorch on one device, driven by the daemon.

fn main() -> std::process::ExitCode {
    darkroom_engine::worker::main()
}
