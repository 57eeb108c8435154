//! Work on all cores whose results do not depend on how many there are.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many threads there are for so many jobs.
pub fn threads(jobs: usize) -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(jobs).max(1)
}

/// Does every job; the results come back in the order of the jobs.
pub fn all<J: Sync, R: Send>(jobs: &[J], threads: usize, work: impl Fn(&J) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let done: Mutex<BTreeMap<usize, R>> = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = jobs.get(n) else { break };
                    let result = work(job);
                    done.lock().expect("no thread panics while it holds this").insert(n, result);
                }
            });
        }
    });
    done.into_inner().expect("all threads have ended").into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_in_the_order_of_the_jobs_on_any_number_of_threads() {
        let jobs: Vec<u64> = (0..100).collect();
        let squares: Vec<u64> = jobs.iter().map(|n| n * n).collect();
        for threads in [0, 1, 7, 200] {
            assert_eq!(all(&jobs, threads, |n| n * n), squares);
        }
    }
}
