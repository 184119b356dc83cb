//! What the store must hold, by what the child said.

use std::collections::BTreeMap;

use lockstep_storage::Store;

/// The account of all children of one store.
#[derive(Default)]
pub(crate) struct Account {
    /// By index: epoch and fingerprint of the entry that was acknowledged last.
    entries: BTreeMap<u64, (u64, u64)>,
    /// Truncations that were acknowledged: nothing of an older epoch may stand at the index or after it.
    truncated: Vec<(u64, u64)>,
    /// Truncations that were begun.
    truncating: Vec<(u64, u64)>,
    purging: u64,
    purged: u64,
    vote: (u64, u64),
    meta: u64,
    snapshot: (u64, u64),
    counts: BTreeMap<char, u64>,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Account").field(&self.counts).finish()
    }
}

/// Enough of a hash to tell payloads apart.
pub(crate) fn fingerprint(payload: &[u8]) -> u64 {
    payload
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

/// The bytes of snapshot `number`: several chunks, the last one short.
pub(crate) fn snapshot_content(number: u64) -> Vec<u8> {
    let length = 150_000 + (number % 7) * 20_000;
    (0..length).map(|place| (place * 31 + number * 17 + place / 251) as u8).collect()
}

impl Account {
    /// Books one line; `false` when it is not one of the child's (the test harness talks as well).
    pub(crate) fn book(&mut self, line: &str) -> bool {
        let Some(line) = line.strip_prefix(':') else {
            return false;
        };
        let mut words = line.split(' ');
        let event = words.next().unwrap().chars().next().unwrap();
        let numbers: Vec<u64> = words.map(|word| word.parse().unwrap()).collect();
        *self.counts.entry(event).or_default() += 1;
        match (event, numbers.as_slice()) {
            ('A', &[index, epoch, fingerprint]) => self.appended(index, epoch, fingerprint),
            ('t', &[index, epoch]) => self.truncating.push((index, epoch)),
            ('T', &[index, epoch]) => self.truncated.push((index, epoch)),
            ('p', &[index]) => self.purging = self.purging.max(index + 1),
            ('P', &[index]) => self.purged = self.purged.max(index + 1),
            ('v', &[number]) => self.vote.1 = number,
            ('V', &[number]) => self.vote.0 = number,
            ('M', &[number]) => self.meta = number,
            ('s', &[number]) => self.snapshot.1 = number,
            ('S', &[number]) => self.snapshot.0 = number,
            ('C', &[]) => {}
            _ => panic!("the child said {line:?}"),
        }
        true
    }

    fn appended(&mut self, index: u64, epoch: u64, fingerprint: u64) {
        let newest = self.entries.entry(index).or_insert((epoch, fingerprint));
        if epoch >= newest.0 {
            *newest = (epoch, fingerprint);
        }
    }

    /// Compares the reopened store with the account; what it holds is what must be there from now on.
    pub(crate) fn settle(&mut self, store: &Store) {
        let found = self.check_log(store);
        self.check_purge(store);
        let number = |bytes: Vec<u8>| u64::from_be_bytes(bytes.try_into().unwrap());
        let vote = store.vote().map_or(0, number);
        assert!((self.vote.0..=self.vote.1).contains(&vote), "vote {vote}, said {:?}", self.vote);
        let meta = store.meta("count").map_or(0, number);
        assert!((self.meta..=self.meta.max(vote)).contains(&meta), "meta value {meta}, said {}", self.meta);
        let snapshot = self.check_snapshot(store);
        let counts = std::mem::take(&mut self.counts);
        let (purged, vote, snapshot) =
            (self.purged.max(self.purging_found(store)), (vote, vote), (snapshot, snapshot));
        *self = Self { entries: found, purging: purged, purged, vote, meta, snapshot, counts, ..Self::default() };
    }

    fn check_log(&self, store: &Store) -> BTreeMap<u64, (u64, u64)> {
        let describe = |payload: &[u8]| {
            let epoch = u64::from_be_bytes(payload[..8].try_into().unwrap());
            (epoch, fingerprint(payload))
        };
        let entries = store.entries(..).unwrap();
        assert!(entries.windows(2).all(|pair| pair[0].0 + 1 == pair[1].0), "the log has a hole");
        let found: BTreeMap<u64, _> = entries.iter().map(|(index, payload)| (*index, describe(payload))).collect();
        for (index, (epoch, fingerprint)) in self.entries.range(self.purging..) {
            let replaced = |(from, by): &(u64, u64)| index >= from && epoch < by;
            match found.get(index) {
                Some(entry) if entry.0 == *epoch => {
                    assert_eq!(entry.1, *fingerprint, "entry {index} is another one")
                }
                Some(entry) => assert!(
                    self.truncating.iter().any(replaced) && entry.0 > *epoch,
                    "entry {index} of epoch {epoch} is gone, in its place stands one of epoch {}",
                    entry.0
                ),
                None => {
                    assert!(self.truncating.iter().any(replaced), "entry {index} was acknowledged and is gone")
                }
            }
        }
        for (index, epoch) in &self.truncated {
            let stale = found.range(index..).find(|(_, entry)| entry.0 < *epoch);
            assert_eq!(stale, None, "an entry came back that was truncated from {index} on before epoch {epoch}");
        }
        found
    }

    fn purging_found(&self, store: &Store) -> u64 {
        store.log_bounds().last_purged.map_or(0, |(index, _)| index + 1)
    }

    fn check_purge(&self, store: &Store) {
        let purged = self.purging_found(store);
        assert!((self.purged..=self.purging).contains(&purged), "purged {purged}, said {}", self.purged);
        if let Some((index, id)) = store.log_bounds().last_purged {
            assert_eq!(id, index.to_be_bytes());
        }
    }

    fn check_snapshot(&self, store: &Store) -> u64 {
        let Some(snapshot) = store.current_snapshot() else {
            assert_eq!(self.snapshot.0, 0, "the snapshot is gone");
            return 0;
        };
        let number = u64::from_be_bytes(snapshot.meta().unwrap().try_into().unwrap());
        let content: Vec<u8> = snapshot.chunks().flat_map(Result::unwrap).collect();
        assert!(
            (self.snapshot.0..=self.snapshot.1).contains(&number),
            "snapshot {number}, said {:?}",
            self.snapshot
        );
        assert!(content == snapshot_content(number), "snapshot {number} has another content");
        number
    }

    /// A harness that does nothing finds nothing.
    pub(crate) fn assert_everything_happened(&self) {
        for event in "AtTpPvVMsSC".chars() {
            let count = self.counts.get(&event).copied().unwrap_or_default();
            assert!(count > 0, "{event} never happened");
        }
    }
}
