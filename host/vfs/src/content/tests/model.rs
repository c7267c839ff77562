//! Random programs on content against a plain vector, in memory and over a spill that may fail.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::*;
use crate::spill::Spill;

#[derive(Clone, Debug)]
enum Op {
    Write {
        offset: usize,
        len: usize,
        fill: Fill,
    },
    SetLen(usize),
    Snapshot,
    Forget,
    Restore(usize),
    Compact,
    LeaveMemory,
}

#[derive(Clone, Copy, Debug)]
enum Fill {
    Noise(u64),
    Zeros,
    PristineFrom(usize),
}

fn op() -> impl Strategy<Value = Op> {
    let offset = prop_oneof![0..300_usize, 0..140_000_usize, 65_000..66_000_usize];
    let len = prop_oneof![8 => 0..40_usize, 3 => 0..6000_usize, 1 => 0..150_000_usize];
    let fill = prop_oneof![
        any::<u64>().prop_map(Fill::Noise),
        Just(Fill::Zeros),
        (0..100_000_usize).prop_map(Fill::PristineFrom),
    ];
    let write = (offset, len, fill).prop_map(|(offset, len, fill)| Op::Write { offset, len, fill });
    prop_oneof![
        10 => write,
        2 => prop_oneof![0..400_usize, 0..200_000_usize].prop_map(Op::SetLen),
        2 => Just(Op::Snapshot),
        1 => Just(Op::Forget),
        1 => (0..4_usize).prop_map(Op::Restore),
        1 => Just(Op::Compact),
        2 => Just(Op::LeaveMemory),
    ]
}

fn bytes_for(fill: Fill, len: usize, pristine: &[u8]) -> Vec<u8> {
    match fill {
        Fill::Noise(seed) => noise(len, seed),
        Fill::Zeros => vec![0; len],
        Fill::PristineFrom(from) => {
            let from = from.min(pristine.len());
            let mut bytes = pristine[from..pristine.len().min(from + len)].to_vec();
            bytes.resize(len, b'x');
            bytes
        }
    }
}

fn model_write(model: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    model.resize(model.len().max(offset + bytes.len()), 0);
    model[offset..offset + bytes.len()].copy_from_slice(bytes);
}

/// A spill in memory that fails once, or from then on, at its `fails_at`th call.
#[derive(Debug, Default)]
struct Flaky {
    bytes: Mutex<Vec<u8>>,
    calls: AtomicU64,
    fails_at: u64,
    for_ever: bool,
    healed: AtomicBool,
}

impl Flaky {
    fn call(&self) -> io::Result<()> {
        if self.healed.load(Ordering::Relaxed) {
            return Ok(());
        }
        let call = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        if call == self.fails_at || (self.for_ever && call > self.fails_at) {
            return Err(io::Error::other("the disk is gone"));
        }
        Ok(())
    }

    /// Runs a check in which nothing fails.
    fn healed<R>(&self, check: impl FnOnce() -> R) -> R {
        self.healed.store(true, Ordering::Relaxed);
        let outcome = check();
        self.healed.store(false, Ordering::Relaxed);
        outcome
    }
}

impl Spill for Flaky {
    fn append(&self, bytes: &[u8]) -> io::Result<u64> {
        let mut held = self.bytes.lock();
        let offset = held.len() as u64;
        // What fails may have written a part.
        let failed = self.call();
        let len = if failed.is_ok() {
            bytes.len()
        } else {
            bytes.len() / 2
        };
        held.extend_from_slice(&bytes[..len]);
        failed.map(|()| offset)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.call()?;
        let held = self.bytes.lock();
        let start = usize::try_from(offset).expect("small");
        buffer.copy_from_slice(&held[start..start + buffer.len()]);
        Ok(())
    }
}

fn read_all(pieces: &Pieces, pristine: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = vec![0xEE; usize::try_from(pieces.len()).expect("small")];
    pieces.read_at(&mut bytes, 0, &mut |offset, buf| {
        let offset = usize::try_from(offset).expect("small");
        buf.copy_from_slice(&pristine[offset..offset + buf.len()]);
        Ok(())
    })?;
    Ok(bytes)
}

/// Content under test and the bytes that it should have.
type Pair = (Pieces, Vec<u8>);

struct Run<'a> {
    meter: Arc<Meter>,
    pristine: &'a [u8],
    spill: Arc<dyn Spill>,
    now: Pair,
    snapshots: Vec<Pair>,
}

impl Run<'_> {
    fn step(&mut self, op: &Op) -> Result<()> {
        let (meter, pristine) = (&self.meter, self.pristine);
        match *op {
            Op::Write { offset, len, fill } => {
                let bytes = bytes_for(fill, len, pristine);
                self.now.0.write(meter, offset as u64, &bytes)?;
                model_write(&mut self.now.1, offset, &bytes);
            }
            Op::SetLen(len) => {
                self.now.0.set_len(len as u64);
                self.now.1.resize(len, 0);
            }
            Op::Snapshot => self.snapshots.push(self.now.clone()),
            Op::Forget => drop(self.snapshots.pop()),
            Op::Restore(number) => {
                self.now = self.snapshots.get(number).unwrap_or(&self.now).clone();
            }
            Op::Compact => {
                self.now.0 = self.now.0.compact_against(meter, pristine)?;
                let is_pristine = self.now.0.is_pristine(pristine.len() as u64);
                // What left memory takes none, so nothing is to be won by keeping it.
                let spilled = self
                    .now
                    .0
                    .chunks()
                    .any(|(chunk, _)| chunk.memory_len() == 0);
                assert!(is_pristine == (self.now.1 == pristine) || spilled);
            }
            Op::LeaveMemory => {
                let left = self.now.0.leave_memory(&self.spill);
                let resident = self.now.0.resident().count();
                assert!(left.is_err() || resident == 0, "{resident} chunks stayed");
                left?;
            }
        }
        Ok(())
    }

    fn check(&self, op: &Op) {
        let pieces = &self.now.0;
        check_invariants(pieces);
        let bytes = read_all(pieces, self.pristine).expect("nothing fails now");
        assert!(bytes == self.now.1, "content differs after {op:?}");
        let held = pieces.memory_bytes();
        assert!(self.meter.used() >= held);
        let bound = 2 * pieces.data_bytes() + 512 * (pieces.index.len() as u64 + 2);
        assert!(
            held <= bound,
            "{held} bytes held, {bound} allowed after {op:?}"
        );
    }
}

fn run(pristine: &[u8], ops: &[Op], fails_at: u64, for_ever: bool) {
    let meter = unlimited();
    let flaky = Arc::new(Flaky {
        fails_at,
        for_ever,
        ..Flaky::default()
    });
    let mut run = Run {
        meter: meter.clone(),
        pristine,
        spill: flaky.clone(),
        now: (Pieces::pristine(pristine.len() as u64), pristine.to_vec()),
        snapshots: Vec::new(),
    };
    for op in ops {
        match run.step(op) {
            Ok(()) => {}
            Err(Error::Io { source, .. }) => {
                assert!(
                    source.to_string().ends_with(": the disk is gone"),
                    "{source}"
                );
            }
            Err(error) => panic!("{error} after {op:?}"),
        }
        if let Ok(bytes) = read_all(&run.now.0, pristine) {
            assert!(bytes == run.now.1, "a failing spill gave other bytes");
        }
        flaky.healed(|| run.check(op));
    }
    for (pieces, model) in &run.snapshots {
        let bytes = flaky.healed(|| read_all(pieces, pristine));
        assert!(bytes.expect("healed") == *model, "a snapshot changed");
    }
    drop(run);
    assert_eq!(meter.used(), 0, "something charged is not given back");
}

fn without_spill(op: &Op) -> bool {
    !matches!(op, Op::LeaveMemory)
}

fn pristine_len() -> impl Strategy<Value = usize> {
    prop_oneof![0..300_usize, 0..150_000_usize]
}

proptest! {
    #[test]
    fn behaves_like_a_vector(
        len in pristine_len(),
        ops in prop::collection::vec(op().prop_filter("in memory", without_spill), 1..40),
    ) {
        run(&noise(len, 7), &ops, 0, false);
    }

    #[test]
    fn behaves_like_a_vector_over_a_spill(
        len in pristine_len(),
        ops in prop::collection::vec(op(), 1..40),
    ) {
        run(&noise(len, 7), &ops, 0, false);
    }

    #[test]
    fn a_failing_spill_changes_nothing(
        len in pristine_len(),
        ops in prop::collection::vec(op(), 1..40),
        fails_at in 1..60_u64,
        for_ever in any::<bool>(),
    ) {
        run(&noise(len, 7), &ops, fails_at, for_ever);
    }
}

/// A piece that could grow over one that left memory must not: it cannot go back when that fails.
#[test]
fn a_write_that_needs_lost_bytes_changes_nothing() {
    let meter = unlimited();
    let flaky = Arc::new(Flaky {
        fails_at: 1,
        for_ever: true,
        ..Flaky::default()
    });
    let spill: Arc<dyn Spill> = flaky.clone();
    let mut pieces = Pieces::empty();
    pieces.write(&meter, 360, &noise(40, 1)).expect("unlimited");
    let moved = flaky.healed(|| pieces.leave_memory(&spill));
    moved.expect("healed");
    pieces
        .write(&meter, 1000, &noise(1000, 2))
        .expect("unlimited");
    pieces
        .write(&meter, 900, &noise(100, 3))
        .expect("grows down");
    let before = flaky.healed(|| read_all(&pieces, &[])).expect("healed");
    let refusal = pieces.write(&meter, 400, &noise(500, 4));
    assert!(matches!(refusal, Err(Error::Io { .. })), "{refusal:?}");
    let after = flaky.healed(|| read_all(&pieces, &[])).expect("healed");
    assert!(before == after);
}
