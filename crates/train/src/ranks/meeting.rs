//! Where the shards of a batch meet: threads of this process, and those of other ranks.

use super::Reduce;
use crate::RunError;
use bytemuck::{cast_slice, pod_collect_to_vec};
use mirrorgrad_autograd::Meeting;
use mirrorgrad_tensor::Tensor;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Where the shards of one batch meet, of which this rank has some.
pub struct Room {
    /// The shards of this rank.
    own: Range<usize>,
    /// The other ranks, and the shards that each has: none of those that have shards of other batches.
    others: Option<(Arc<dyn Reduce>, Vec<Range<usize>>)>,
    table: Mutex<Table>,
    changed: Condvar,
}

/// What shards have laid down.
#[derive(Default)]
struct Table {
    /// What this rank's shards have given, so far.
    given: Vec<Option<Tensor<f32>>>,
    /// What all have given the last time.
    all: Vec<Tensor<f32>>,
    /// How often all have given.
    times: usize,
    failed: bool,
}

/// What a message between ranks begins with: a meeting goes on, or the shards of its sender have ended.
const MEETING: u8 = 1;
const ENDED: u8 = 2;

impl Room {
    /// For a batch all of whose shards are this rank's.
    pub fn alone(shards: Range<usize>) -> Arc<Self> {
        let given = vec![None; shards.len()];
        let table = Mutex::new(Table { given, ..Table::default() });
        Arc::new(Self { own: shards, others: None, table, changed: Condvar::new() })
    }

    /// For a batch whose shards are shared out like this, a range to each rank.
    pub fn among(ranks: Arc<dyn Reduce>, shards: Vec<Range<usize>>) -> Arc<Self> {
        let own = shards[ranks.rank()].clone();
        let table = Mutex::new(Table { given: vec![None; own.len()], ..Table::default() });
        Arc::new(Self { own, others: Some((ranks, shards)), table, changed: Condvar::new() })
    }

    /// The shards of this rank, each to be taken into a pass.
    pub fn seats(self: &Arc<Self>) -> impl Iterator<Item = Seat> {
        self.own.clone().map(|place| Seat { place, room: Arc::clone(self) })
    }

    /// Lets the other ranks know that the shards of this one have ended; one without any waits for theirs.
    ///
    /// # Errors
    /// If a rank is gone.
    pub fn close(&self) -> Result<(), RunError> {
        let Some((ranks, _)) = &self.others else { return Ok(()) };
        let word = [if self.own.is_empty() { MEETING } else { ENDED }];
        let parts = vec![&word[..]; ranks.ranks()];
        loop {
            let given = ranks.swap(&parts)?;
            let has_ended = |said: &Vec<u8>| said.first() == Some(&ENDED);
            if word == [ENDED] || given.iter().any(has_ended) {
                return Ok(());
            }
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What all shards give, of which these are this rank's.
    fn exchanged(&self, own: Vec<Tensor<f32>>) -> Vec<Tensor<f32>> {
        let Some((ranks, shards)) = &self.others else { return own };
        let mut message = vec![MEETING];
        own.iter().for_each(|tensor| message.extend_from_slice(cast_slice(tensor.as_slice())));
        let to = |shards: &Range<usize>| if shards.is_empty() { &[MEETING] } else { &message[..] };
        let given = match ranks.swap(&shards.iter().map(to).collect::<Vec<_>>()) {
            Ok(given) => given,
            Err(error) => panic!("{error}"),
        };
        let (shape, each) = (own[0].shape(), own[0].len());
        let mut all = Vec::new();
        for (rank, (said, shards)) in given.iter().zip(shards).enumerate() {
            if shards.is_empty() {
                continue;
            }
            let bytes = said.split_first().filter(|(word, _)| **word == MEETING).map(|(_, b)| b);
            let expected = size_of::<f32>() * each * shards.len();
            let Some(bytes) = bytes.filter(|bytes| bytes.len() == expected) else {
                panic!(
                    "rank {rank}: expected {expected} bytes of statistics, found {}",
                    said.len()
                );
            };
            let numbers: Vec<f32> = pod_collect_to_vec(bytes);
            all.extend(numbers.chunks_exact(each).map(|numbers| Tensor::new(shape, numbers)));
        }
        all
    }
}

/// A shard's seat. Where one is left by a panic, the others panic.
pub struct Seat {
    place: usize,
    room: Arc<Room>,
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shard {}", self.place)
    }
}

impl Meeting<f32> for Seat {
    fn place(&self) -> usize {
        self.place
    }

    fn gather(&self, mine: &Tensor<f32>) -> Vec<Tensor<f32>> {
        let room = &*self.room;
        let mut table = room.table();
        let (times, nth) = (table.times, self.place - room.own.start);
        table.given[nth] = Some(mine.clone());
        if table.given.iter().all(Option::is_some) {
            let own = table.given.iter_mut().filter_map(Option::take).collect();
            table.all = room.exchanged(own);
            table.times += 1;
            room.changed.notify_all();
        } else {
            let waits = |table: &mut Table| table.times == times && !table.failed;
            let woken = room.changed.wait_while(table, waits);
            table = woken.unwrap_or_else(PoisonError::into_inner);
            assert!(table.times > times, "another shard of the batch has failed");
        }
        table.all.clone()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.room.table().failed = true;
            self.room.changed.notify_all();
        }
    }
}
