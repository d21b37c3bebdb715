//! Ranks that are threads of one process: for tests, and to see what a number of ranks would do.

use super::Reduce;
use crate::RunError;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A rank that is a thread of this process. One that is dropped is gone: the others' next exchange fails.
///
/// ```
/// # use mirrorgrad_train::{Reduce, thread_ranks};
/// let threads = thread_ranks(2).into_iter().map(|rank| {
///     std::thread::spawn(move || rank.swap(&[b"to rank 0", b"to rank 1"]))
/// });
/// let given = threads.collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap());
/// let given = given.collect::<Result<Vec<_>, _>>()?;
/// assert_eq!(given, [[b"to rank 0"; 2], [b"to rank 1"; 2]]);
/// # Ok::<(), mirrorgrad_train::RunError>(())
/// ```
pub struct ThreadRank {
    rank: usize,
    room: Arc<Room>,
}

/// So many ranks, one for each thread.
///
/// ```
/// # use mirrorgrad_train::{Reduce, thread_ranks};
/// let ranks = thread_ranks(3);
/// assert_eq!((ranks.len(), ranks[2].rank(), ranks[2].ranks()), (3, 2, 3));
/// ```
pub fn thread_ranks(count: usize) -> Vec<ThreadRank> {
    let table = Table { given: vec![None; count], unread: 0, gone: None };
    let room = Arc::new(Room { table: Mutex::new(table), changed: Condvar::new() });
    (0..count).map(|rank| ThreadRank { rank, room: Arc::clone(&room) }).collect()
}

/// Where ranks meet.
struct Room {
    table: Mutex<Table>,
    changed: Condvar,
}

/// What they have laid down: of each rank, a part for each.
struct Table {
    given: Vec<Option<Vec<Vec<u8>>>>,
    /// Ranks that have still to read what all have given; 0 until they have.
    unread: usize,
    gone: Option<usize>,
}

impl ThreadRank {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.room.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `is_so`, or a rank is gone without whom it will never be.
    fn wait<'a>(
        &'a self,
        table: MutexGuard<'a, Table>,
        is_so: impl Fn(&Table) -> bool,
    ) -> Result<MutexGuard<'a, Table>, RunError> {
        let not_yet = |table: &mut Table| table.gone.is_none() && !is_so(table);
        let table = self.room.changed.wait_while(table, not_yet);
        let table = table.unwrap_or_else(PoisonError::into_inner);
        match table.gone {
            Some(rank) if !is_so(&table) => {
                Err(RunError::Rank { rank, what: "its thread has ended".to_owned() })
            }
            _ => Ok(table),
        }
    }
}

impl Reduce for ThreadRank {
    fn rank(&self) -> usize {
        self.rank
    }

    fn ranks(&self) -> usize {
        self.table().given.len()
    }

    fn swap(&self, parts: &[&[u8]]) -> Result<Vec<Vec<u8>>, RunError> {
        // All have read what was given before.
        let mut table = self.wait(self.table(), |table| table.unread == 0)?;
        table.given[self.rank] = Some(parts.iter().map(|part| part.to_vec()).collect());
        if table.given.iter().all(Option::is_some) {
            table.unread = table.given.len();
            self.room.changed.notify_all();
        }
        let mut table = self.wait(table, |table| table.unread > 0)?;
        let mine = |parts: &mut Vec<Vec<u8>>| std::mem::take(&mut parts[self.rank]);
        let all = table.given.iter_mut().flatten().map(mine).collect();
        table.unread -= 1;
        if table.unread == 0 {
            table.given.fill(None);
            self.room.changed.notify_all();
        }
        Ok(all)
    }
}

impl Drop for ThreadRank {
    fn drop(&mut self) {
        self.table().gone.get_or_insert(self.rank);
        self.room.changed.notify_all();
    }
}
