//! Timing: several systems side by side, in turns, so that passing load hits all of them.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// One system's way to run a workload.
pub struct Case<'a> {
    /// The system's name in the tables.
    pub system: &'static str,
    /// One call, to the end; gives the result or a part of it.
    pub call: Box<dyn FnMut() -> Vec<f32> + 'a>,
}

/// What was measured of a case.
#[derive(Clone, Debug)]
pub struct Figures {
    /// The system's name in the tables.
    pub system: &'static str,
    /// Seconds of the first call.
    pub first: f64,
    /// Fewest seconds of a call.
    pub min: f64,
    /// The middle of the seconds of calls.
    pub median: f64,
    /// Fewest CPU seconds of a call, all threads together.
    pub cpu_min: f64,
    /// The sum of the result's elements.
    pub sum: f64,
    /// The sum of their distances from 0.
    pub abs_sum: f64,
}

/// CPU seconds of this process, all its threads.
fn cpu() -> f64 {
    let t = clock_gettime(ClockId::ProcessCPUTime);
    t.tv_sec as f64 + t.tv_nsec as f64 * 1e-9
}

struct Sampler<'a> {
    case: Case<'a>,
    inner: usize,
    wall: Vec<f64>,
    cpu: Vec<f64>,
    figures: Figures,
}

impl<'a> Sampler<'a> {
    fn new(mut case: Case<'a>) -> Self {
        let clock = Instant::now();
        let out = (case.call)();
        let first = clock.elapsed().as_secs_f64();
        let sum = out.iter().map(|v| f64::from(*v)).sum();
        let abs_sum = out.iter().map(|v| f64::from(v.abs())).sum();
        let figures =
            Figures { system: case.system, first, min: 0.0, median: 0.0, cpu_min: 0.0, sum, abs_sum };
        let mut sampler = Sampler { case, inner: 1, wall: Vec::new(), cpu: Vec::new(), figures };
        // Samples of at least a millisecond.
        loop {
            let once = sampler.sample().0 * sampler.inner as f64;
            if once >= 1e-3 {
                return sampler;
            }
            sampler.inner =
                (sampler.inner * 2).max((sampler.inner as f64 * 1.2e-3 / once.max(1e-9)) as usize);
        }
    }

    fn sample(&mut self) -> (f64, f64) {
        // Not what the system before left in the caches.
        std::hint::black_box((self.case.call)());
        let (cpu_start, start) = (cpu(), Instant::now());
        for _ in 0..self.inner {
            std::hint::black_box((self.case.call)());
        }
        let n = self.inner as f64;
        (start.elapsed().as_secs_f64() / n, (cpu() - cpu_start) / n)
    }
}

/// Measures the cases in turns for `budget` each.
pub fn measure(cases: Vec<Case<'_>>, budget: Duration) -> Vec<Figures> {
    let mut samplers: Vec<Sampler> = cases.into_iter().map(Sampler::new).collect();
    let start = Instant::now();
    let total = budget * samplers.len() as u32;
    while start.elapsed() < total || samplers[0].wall.len() < 5 {
        for s in &mut samplers {
            let (wall, cpu) = s.sample();
            s.wall.push(wall);
            s.cpu.push(cpu);
        }
    }
    samplers
        .into_iter()
        .map(|mut s| {
            s.wall.sort_by(f64::total_cmp);
            s.cpu.sort_by(f64::total_cmp);
            Figures { min: s.wall[0], median: s.wall[s.wall.len() / 2], cpu_min: s.cpu[0], ..s.figures }
        })
        .collect()
}

/// The shortest times of two ways to do the same, in turns: seconds for one call of each.
pub fn race(mut a: impl FnMut(), mut b: impl FnMut(), budget: Duration) -> (f64, f64) {
    let mut calls = 1;
    let batch = |f: &mut dyn FnMut(), calls: usize| {
        let start = Instant::now();
        (0..calls).for_each(|_| f());
        start.elapsed().as_secs_f64() / calls as f64
    };
    while calls as f64 * batch(&mut a, calls).max(batch(&mut b, calls)) < 2e-4 {
        calls *= 2;
    }
    let (start, mut best) = (Instant::now(), (f64::INFINITY, f64::INFINITY));
    let mut rounds = 0;
    while rounds < 5 || start.elapsed() < budget {
        best = (best.0.min(batch(&mut a, calls)), best.1.min(batch(&mut b, calls)));
        rounds += 1;
    }
    best
}
