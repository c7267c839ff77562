//! Group commit: whoever finds the journal free writes the records of all who wait, with one flush.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::error::StoreError;

/// Records that one write takes at most, so that its buffer has a limit.
const BATCH_RECORDS_MAX: usize = 256;
/// Bytes that one write takes at most, when it is more than one record.
const BATCH_BYTES_MAX: usize = 8 << 20;

/// What became of a record: its number in the journal.
pub(super) type Outcome = Result<u64, Arc<StoreError>>;

/// Writes items, and tells the number of each.
pub(super) type Write<'a, T> = dyn Fn(&[T]) -> Result<Vec<u64>, StoreError> + 'a;

/// Those who wait for the journal, each with an item to write.
#[derive(Debug)]
pub(super) struct Group<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    wait_ms_max: u64,
}

#[derive(Debug)]
struct State<T> {
    waiting: Vec<Waiting<T>>,
    outcomes: HashMap<u64, Outcome>,
    leading: bool,
    next_ticket: u64,
}

/// One who waits.
#[derive(Debug)]
struct Waiting<T> {
    ticket: u64,
    item: T,
    bytes: usize,
}

impl<T> Group<T> {
    /// One in which nobody waits longer for others to begin.
    pub(super) fn new(wait_ms_max: u64) -> Self {
        let state = State {
            waiting: Vec::new(),
            outcomes: HashMap::new(),
            leading: false,
            next_ticket: 0,
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
            wait_ms_max,
        }
    }

    /// Has an item of so many bytes written; `write` is called by one thread at a time, with the
    /// items of all.
    ///
    /// # Errors
    ///
    /// What `write` fails with, for all of its items. `Busy` when nobody has begun to write the item
    /// in time: nobody will. An item that is being written is waited for without a limit, because
    /// nothing tells how that ends before it does.
    pub(super) fn commit(&self, item: T, bytes: usize, write: &Write<'_, T>) -> Outcome {
        let mut state = self.state.lock();
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        state.waiting.push(Waiting {
            ticket,
            item,
            bytes,
        });
        loop {
            if let Some(outcome) = state.outcomes.remove(&ticket) {
                return outcome;
            }
            if state.leading {
                self.wait_while(&mut state, |state| {
                    state.leading && !state.outcomes.contains_key(&ticket)
                });
                if state.leading && state.withdraw(ticket) {
                    return Err(Arc::new(self.busy()));
                }
                // It is being written.
                self.changed.wait_while(&mut state, |state| {
                    state.leading && !state.outcomes.contains_key(&ticket)
                });
                continue;
            }
            state.leading = true;
            let (tickets, batch) = next_batch(&mut state.waiting);
            drop(state);
            let outcomes = lead(tickets, &batch, write);
            state = self.state.lock();
            state.outcomes.extend(outcomes);
            state.leading = false;
            self.changed.notify_all();
        }
    }

    /// Does something while no record is being written.
    ///
    /// # Errors
    ///
    /// `Busy` when one was all the time that is waited; nothing is done then.
    pub(super) fn pause<R>(&self, act: impl FnOnce() -> R) -> Result<R, StoreError> {
        let mut state = self.state.lock();
        self.wait_while(&mut state, |state| state.leading);
        if state.leading {
            return Err(self.busy());
        }
        state.leading = true;
        drop(state);
        let done = act();
        self.state.lock().leading = false;
        self.changed.notify_all();
        Ok(done)
    }

    fn wait_while(&self, state: &mut MutexGuard<'_, State<T>>, holds: impl Fn(&State<T>) -> bool) {
        let wait_max = Duration::from_millis(self.wait_ms_max);
        self.changed
            .wait_while_for(state, |state| holds(state), wait_max);
    }

    fn busy(&self) -> StoreError {
        StoreError::Busy {
            waited_ms: self.wait_ms_max,
        }
    }
}

impl<T> State<T> {
    /// Takes an item back, unless it is being written or has been.
    fn withdraw(&mut self, ticket: u64) -> bool {
        let place = self.waiting.iter().position(|one| one.ticket == ticket);
        place.map(|place| self.waiting.remove(place)).is_some()
    }
}

/// The oldest items that one write takes, at least one, and their tickets.
fn next_batch<T>(waiting: &mut Vec<Waiting<T>>) -> (Vec<u64>, Vec<T>) {
    let mut bytes = 0_usize;
    let count = waiting
        .iter()
        .take_while(|waiting| {
            bytes = bytes.saturating_add(waiting.bytes);
            bytes <= BATCH_BYTES_MAX
        })
        .count();
    let count = count.clamp(1, BATCH_RECORDS_MAX).min(waiting.len());
    let batch = waiting.drain(..count);
    batch.map(|waiting| (waiting.ticket, waiting.item)).unzip()
}

fn lead<T>(tickets: Vec<u64>, batch: &[T], write: &Write<'_, T>) -> Vec<(u64, Outcome)> {
    let tickets = tickets.into_iter();
    match write(batch) {
        Ok(sequences) => tickets.zip(sequences.into_iter().map(Ok)).collect(),
        Err(error) => {
            let error = Arc::new(error);
            tickets.map(|ticket| (ticket, Err(error.clone()))).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::mpsc::channel;

    use super::*;

    /// Longer than any test takes.
    const WAIT_MS: u64 = u32::MAX as u64;

    #[test]
    fn everyone_gets_the_number_of_their_own_record() {
        let (group, next) = (Group::new(WAIT_MS), AtomicU64::new(0));
        let written = Mutex::new(Vec::<u8>::new());
        let write = |items: &[u8]| {
            let mut written = written.lock();
            written.extend(items);
            let first = next.fetch_add(items.len() as u64, Ordering::Relaxed);
            Ok((first..first + items.len() as u64).collect())
        };
        let outcomes: Vec<(u8, u64)> = std::thread::scope(|scope| {
            let threads = (0..32_u8).map(|number| {
                let (group, write) = (&group, &write);
                scope.spawn(move || (number, group.commit(number, 1, write).expect("written")))
            });
            let threads: Vec<_> = threads.collect();
            let ended = threads
                .into_iter()
                .map(|thread| thread.join().expect("ends"));
            ended.collect()
        });
        let written = written.into_inner();
        assert_eq!(written.len(), 32);
        for (number, sequence) in outcomes {
            assert_eq!(written[usize::try_from(sequence).expect("small")], number);
        }
    }

    #[test]
    fn a_failed_write_fails_all_of_its_batch() {
        let group = Group::new(WAIT_MS);
        let failing = |_: &[u8]| Err(StoreError::io("journal", std::io::Error::other("x")));
        assert!(group.commit(1, 1, &failing).is_err());
        let outcome = group.commit(2, 1, &|_| Ok(vec![9]));
        assert_eq!(outcome.expect("the next one is written"), 9);
    }

    #[test]
    fn a_batch_takes_the_oldest_and_at_least_one() {
        let waiting = |ticket, bytes| Waiting {
            ticket,
            item: (),
            bytes,
        };
        let large = BATCH_BYTES_MAX + 1;
        let mut queue = vec![waiting(1, large), waiting(2, large - 1), waiting(3, 0)];
        assert_eq!(next_batch(&mut queue).0, [1]);
        assert_eq!(next_batch(&mut queue).0, [2, 3]);
    }

    /// What waits for a write that does not end is taken back; what is being written is not.
    #[test]
    fn nobody_waits_for_a_write_without_a_limit_but_those_whose_it_is() {
        let group = Group::new(0);
        let written = Mutex::new(Vec::new());
        let [(tell, begun), (go_on, told)] = [channel(), channel()];
        let told = Mutex::new(told);
        let slow = |items: &[u8]| {
            tell.send(()).expect("somebody waits for this");
            told.lock().recv().expect("somebody lets it go on");
            written.lock().extend_from_slice(items);
            Ok((7..).take(items.len()).collect())
        };
        std::thread::scope(|scope| {
            let own = scope.spawn(|| group.commit(1, 1, &slow));
            begun.recv().expect("it is being written");
            let late = group.commit(2, 1, &slow).expect_err("another is at it");
            assert!(
                matches!(*late, StoreError::Busy { waited_ms: 0 }),
                "{late:?}"
            );
            let paused = group.pause(|| ()).expect_err("another is at it");
            assert!(
                matches!(paused, StoreError::Busy { waited_ms: 0 }),
                "{paused:?}"
            );
            go_on.send(()).expect("it waits for this");
            let own = own.join().expect("ends");
            assert_eq!(own.expect("is written, however long it took"), 7);
        });
        assert_eq!(
            written.into_inner(),
            [1],
            "what was taken back is not written"
        );
        assert!(group.pause(|| ()).is_ok());
    }
}
