//! The benchmarks behind `make bench` (docs/PERFORMANCE.md).

mod measure;
mod simulate;

fn main() {
    simulate::run();
}
