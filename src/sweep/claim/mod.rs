//! Claims: which process works on a run, so that several share a folder of results without doing a run twice.
//!
//! `claim.json` in a run's folder names the process that works on it. It comes into being by a hard link, which either
//! succeeds or finds another there, on local and on network file systems alike; no lock is held. Its time of change is the
//! heartbeat: the owner writes it anew every [`HEARTBEAT`], and a claim without renewal for [`STALE_AFTER`] may be taken
//! over, as may one whose process is known to be gone.
//!
//! Taking over must itself be possible only once. Whoever links a claim of his own to `.after-TOKEN`, TOKEN being that of
//! the claim before, is its one successor; the owner of a run is found by going from `claim.json` from successor to
//! successor. An owner who gives a run back becomes his own successor first, so that nobody else can from then on, and
//! then removes `claim.json` before the rest. So a successor who finds `claim.json` unchanged *after* he has become one
//! owns the run.
//!
//! A process that was suspended for longer than [`STALE_AFTER`] finds at its next heartbeat that it has lost the run. What
//! it may write until then harms nothing: results are a function of the configuration, and files are replaced whole.

pub(in crate::sweep) mod heart;
pub(in crate::sweep) mod presence;

use crate::machine::host::{batch_job, host_name, process_identity};
use crate::sweep::store::{StoreError, create_folder};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher as _, Hasher as _};
use std::io::{self, ErrorKind, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Time between two signs of life of a claim.
pub const HEARTBEAT: Duration = Duration::from_secs(15);
/// A claim without a sign of life for so long is dead.
pub const STALE_AFTER: Duration = Duration::from_mins(1);
/// The file that says who works on a run.
pub(crate) const CLAIM_FILE: &str = "claim.json";

/// `claim.json`: the process that works on a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Version of this file.
    pub schema: u32,
    /// The host it runs on.
    pub host: String,
    /// The number of the process there.
    pub pid: u32,
    /// What tells this process from others that had its number: boot, namespace and start, where the system says.
    pub process: Option<String>,
    /// A random word that is this claim's own.
    pub token: String,
    /// The job of the batch system it belongs to, where there is one.
    pub job: Option<String>,
    /// Epochs trained at the last sign of life.
    pub epoch: u64,
    /// Epochs planned.
    pub epochs: u64,
    /// When the work began, in seconds since 1970.
    pub claimed_at: u64,
}

impl Claim {
    /// The version that this program writes.
    pub const SCHEMA: u32 = 1;

    /// A claim of this process on nothing yet.
    fn of_this_process(epochs: u64) -> Self {
        Self {
            schema: Self::SCHEMA,
            host: host_name(),
            pid: std::process::id(),
            process: process_identity("self"),
            token: random_word(),
            job: batch_job(),
            epoch: 0,
            epochs,
            claimed_at: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs()),
        }
    }

    /// What stands for a torn claim: as good as any other until it has been silent for long.
    fn unreadable(modified: SystemTime) -> Self {
        let time = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            schema: Self::SCHEMA,
            host: "unknown".into(),
            pid: 0,
            process: None,
            token: format!("unreadable{}", time.as_nanos()),
            job: None,
            epoch: 0,
            epochs: 0,
            claimed_at: time.as_secs(),
        }
    }

    /// Whether its process is known to be gone: it ran on this host, in this namespace, and does no more.
    fn is_orphan(&self) -> bool {
        let Some(process) = &self.process else { return false };
        let here = process_identity("self");
        // All but the time of the start: the same boot of the same system, which sees the same processes.
        let place = |identity: &str| identity.rsplit_once('/').map(|(place, _)| place.to_owned());
        if self.host != host_name() || here.as_deref().and_then(place) != place(process) {
            return false;
        }
        process_identity(&self.pid.to_string()).is_none_or(|now| now != *process)
    }

    /// The claim as it is written: of a fixed length, so that it can be written over in place.
    fn to_bytes(&self) -> Vec<u8> {
        const LENGTH: usize = 1024;
        let mut text = serde_json::to_string(self).expect("a claim is plain data");
        let padding = LENGTH.saturating_sub(text.len() + 1);
        text.push_str(&" ".repeat(padding));
        text.push('\n');
        text.into_bytes()
    }
}

/// A claim as it was found.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// What it says; of an unknown process if it cannot be read as a claim.
    pub(crate) claim: Claim,
    modified: SystemTime,
}

impl Found {
    /// Whether nobody works on the run any more; `now` is the time of the file system.
    pub(crate) fn is_dead(&self, now: SystemTime) -> bool {
        let silent = now.duration_since(self.modified).is_ok_and(|silent| silent > STALE_AFTER);
        silent || self.claim.is_orphan()
    }

    fn read(path: &Path) -> io::Result<Option<Self>> {
        // Opened first, asked for its time after: a network file system then answers from the server.
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let modified = file.metadata()?.modified()?;
        let claim = serde_json::from_slice(&text).unwrap_or_else(|_| Claim::unreadable(modified));
        Ok(Some(Self { claim, modified }))
    }
}

/// The claim that holds a run: `claim.json` or the last of its successors.
pub(crate) fn find(run_folder: &Path) -> io::Result<Option<Found>> {
    Ok(succession(run_folder)?.pop())
}

/// `claim.json` and its successors, in order.
fn succession(run_folder: &Path) -> io::Result<Vec<Found>> {
    let mut all: Vec<Found> = Vec::new();
    let mut path = run_folder.join(CLAIM_FILE);
    while let Some(found) = Found::read(&path)? {
        // An owner who gives the run back is his own successor.
        if all.iter().any(|earlier| earlier.claim.token == found.claim.token) {
            break;
        }
        path = successor_path(run_folder, &found.claim.token);
        all.push(found);
    }
    Ok(all)
}

fn successor_path(run_folder: &Path, token: &str) -> PathBuf {
    // A token that is no word of ours must not lead elsewhere.
    let token: String = token.chars().filter(char::is_ascii_alphanumeric).collect();
    run_folder.join(format!(".after-{token}"))
}

/// What became of an attempt to claim a run.
#[derive(Debug)]
pub(crate) enum Acquired {
    /// The run is ours.
    Held(Arc<HeldClaim>),
    /// Another process works on it, or has just taken it.
    Taken,
}

/// A claim that this process holds. It is given back by [`Self::release`], or when dropped.
#[derive(Debug)]
pub(crate) struct HeldClaim {
    folder: PathBuf,
    claim: Claim,
    file: Mutex<File>,
    epoch: AtomicU64,
    lost: AtomicBool,
    released: AtomicBool,
    /// The claims that this one took the place of, since their processes died at work.
    predecessors: Vec<Claim>,
}

impl HeldClaim {
    /// The claim of a process that died at work before, if there was one.
    pub(crate) fn predecessor(&self) -> Option<&Claim> {
        self.predecessors.last()
    }

    /// Whether a file in the run's folder is one that the claim consists of.
    pub(crate) fn consists_of(&self, name: &str) -> bool {
        let successor_of = |claim: &Claim| successor_path(&self.folder, &claim.token).ends_with(name);
        name == CLAIM_FILE || self.predecessors.iter().any(successor_of)
    }

    /// Whether another process has taken the run over, thinking this one dead.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// Note how far the run is; the next heartbeat tells others.
    pub(crate) fn reached(&self, epoch: u64) {
        self.epoch.store(epoch, Ordering::Relaxed);
    }

    /// Look whether the run is still ours, for all that the files say.
    pub(crate) fn verify(&self) -> bool {
        let owned =
            find(&self.folder).is_ok_and(|found| found.is_some_and(|found| found.claim.token == self.claim.token));
        if !owned {
            self.lost.store(true, Ordering::Relaxed);
        }
        owned
    }

    /// Give a sign of life.
    fn renew(&self) {
        if self.released.load(Ordering::Relaxed) || !self.verify() {
            return;
        }
        let claim = Claim { epoch: self.epoch.load(Ordering::Relaxed), ..self.claim.clone() };
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // In place, by the handle: should another have taken over, its claim is another file. Synced, so that a server
        // sees it now. A failure, as of a full disk, is no reason to stop; silence for long enough will tell others.
        let written = file.rewind().and_then(|()| file.write_all(&claim.to_bytes())).and_then(|()| file.sync_data());
        if let Err(error) = written {
            tracing::warn!("cannot renew the claim in {}: {error}", self.folder.display());
        }
    }

    /// Let others have the run.
    pub(crate) fn release(&self) {
        if self.released.swap(true, Ordering::Relaxed) {
            return;
        }
        let own = successor_path(&self.folder, &self.claim.token);
        let claims = succession(&self.folder).unwrap_or_default();
        if claims.last().is_none_or(|last| last.claim.token != self.claim.token) {
            return;
        }
        // From here on nobody can take over; whoever has done so already is the owner, and nothing here is ours.
        if link_new(&self.folder.join(CLAIM_FILE), &own, &self.claim.to_bytes()).is_ok() {
            let _ = fs::remove_file(self.folder.join(CLAIM_FILE));
            for claim in claims.iter().map(|found| &found.claim).chain(&self.predecessors) {
                let _ = fs::remove_file(successor_path(&self.folder, &claim.token));
            }
            let _ = fs::remove_file(own);
        }
    }
}

impl Drop for HeldClaim {
    fn drop(&mut self) {
        self.release();
    }
}

/// Claim a run for this process, in its folder, which is made if need be. A claim of a dead process is taken over.
pub(crate) fn acquire(run_folder: &Path, epochs: u64) -> Result<Acquired, StoreError> {
    let path = run_folder.join(CLAIM_FILE);
    create_folder(run_folder)?;
    let claim = Claim::of_this_process(epochs);
    let private = run_folder.join(format!(".claim-{}", claim.token));
    fs::write(&private, claim.to_bytes()).map_err(StoreError::at("cannot write", &private))?;
    let acquired = acquire_by(run_folder, &private, claim);
    let _ = fs::remove_file(&private);
    acquired.map_err(StoreError::at("cannot claim", &path))
}

fn acquire_by(run_folder: &Path, private: &Path, claim: Claim) -> io::Result<Acquired> {
    let path = run_folder.join(CLAIM_FILE);
    // Each round ends in a claim, or is lost to another process that gets on meanwhile.
    for _ in 0..100 {
        match link_new(private, &path, &claim.to_bytes()) {
            Ok(()) => return held(run_folder, &path, claim, Vec::new()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            // The owner has cleared the folder, and our own file with it.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Acquired::Taken),
            Err(error) => return Err(error),
        }
        let chain = succession(run_folder)?;
        let Some(found) = chain.last() else { continue };
        if !found.is_dead(time_of_file_system(run_folder)) {
            return Ok(Acquired::Taken);
        }
        match link_new(private, &successor_path(run_folder, &found.claim.token), &claim.to_bytes()) {
            Ok(()) => {
                if find(run_folder)?.is_some_and(|owner| owner.claim.token == claim.token) {
                    // For whoever reads `claim.json` alone. The names of successors stay until the release.
                    match fs::rename(private, &path) {
                        // The owner that seemed dead has cleared the folder.
                        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Acquired::Taken),
                        renamed => renamed?,
                    }
                    let predecessors = chain.into_iter().map(|found| found.claim).collect();
                    return held(run_folder, &path, claim, predecessors);
                }
                // The claim before has been given back meanwhile.
                match fs::remove_file(successor_path(run_folder, &found.claim.token)) {
                    Err(error) if error.kind() == ErrorKind::NotFound => {}
                    removed => removed?,
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::NotFound) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Acquired::Taken)
}

fn held(run_folder: &Path, path: &Path, claim: Claim, predecessors: Vec<Claim>) -> io::Result<Acquired> {
    let file = OpenOptions::new().write(true).open(path)?;
    let held = HeldClaim {
        folder: run_folder.to_path_buf(),
        claim,
        file: Mutex::new(file),
        epoch: AtomicU64::new(0),
        lost: AtomicBool::new(false),
        released: AtomicBool::new(false),
        predecessors,
    };
    held.verify();
    Ok(if held.is_lost() { Acquired::Taken } else { Acquired::Held(Arc::new(held)) })
}

/// Give `target` the content of `source`, by a hard link, unless it exists. Where the file system knows no hard links, the
/// file is made anew with `bytes`, which is as exclusive but for a moment shows it empty.
fn link_new(source: &Path, target: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::hard_link(source, target) {
        // A network file system may have done it and answer to its own second attempt that it exists.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let ours = fs::read(target).is_ok_and(|found| found == bytes && source != target);
            if ours { Ok(()) } else { Err(error) }
        }
        Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) => {
            let mut file = OpenOptions::new().write(true).create_new(true).open(target)?;
            file.write_all(bytes)
        }
        result => result,
    }
}

/// The present time by the clock that stamps files in a folder, which on a network is the server's; where nothing can be
/// written there, by the clock of this machine.
pub(crate) fn time_of_file_system(folder: &Path) -> SystemTime {
    let probe = || -> io::Result<SystemTime> {
        let file = tempfile::Builder::new().prefix(".claim-time-").tempfile_in(folder)?;
        file.as_file().metadata()?.modified()
    };
    probe().unwrap_or_else(|_| SystemTime::now())
}

/// 32 hexadecimal digits that no other claim has: the system's randomness by way of the standard library's hasher.
fn random_word() -> String {
    let word = || std::hash::RandomState::new().build_hasher().finish();
    let unique = (word(), word(), std::process::id(), SystemTime::now());
    blake3::hash(format!("{unique:?}").as_bytes()).to_hex()[..32].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;

    fn take(folder: &Path) -> Option<Arc<HeldClaim>> {
        match acquire(folder, 10).unwrap() {
            Acquired::Held(held) => Some(held),
            Acquired::Taken => None,
        }
    }

    /// Write a claim as another process would have.
    fn plant(folder: &Path, change: impl FnOnce(&mut Claim), silent: Duration) -> Claim {
        let mut claim = Claim::of_this_process(10);
        change(&mut claim);
        let path = folder.join(CLAIM_FILE);
        fs::write(&path, claim.to_bytes()).unwrap();
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.set_modified(SystemTime::now() - silent).unwrap();
        claim
    }

    fn elsewhere(claim: &mut Claim) {
        claim.host = "elsewhere".into();
    }

    #[test]
    fn a_run_has_one_owner_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("run");
        let held = take(&run).unwrap();
        assert!(held.verify() && held.predecessor().is_none());
        assert!(take(&run).is_none());
        assert_eq!(find(&run).unwrap().unwrap().claim.pid, std::process::id());
        held.release();
        assert_eq!(fs::read_dir(&run).unwrap().count(), 0, "a released claim leaves nothing behind");
        let again = take(&run).unwrap();
        assert!(!held.verify(), "what was released is no longer ours");
        drop(held);
        assert!(again.verify(), "and dropping it takes nothing from the next owner");
        drop(again);
        assert_eq!(fs::read_dir(&run).unwrap().count(), 0);
    }

    #[test]
    fn silent_claims_are_taken_over_and_living_ones_are_not() {
        let folder = tempfile::tempdir().unwrap();
        plant(folder.path(), elsewhere, STALE_AFTER / 2);
        assert!(take(folder.path()).is_none());
        let dead = plant(folder.path(), elsewhere, STALE_AFTER * 2);
        let held = take(folder.path()).unwrap();
        assert_eq!(held.predecessor(), Some(&dead));
        assert!(take(folder.path()).is_none());
        drop(held);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_that_is_gone_from_this_host_is_dead_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        let identity = process_identity(&child.id().to_string());
        assert!(identity.is_some());
        plant(folder.path(), |claim| (claim.pid, claim.process) = (child.id(), identity.clone()), Duration::ZERO);
        assert!(take(folder.path()).is_none(), "it is still there");
        child.kill().unwrap();
        child.wait().unwrap();
        plant(folder.path(), |claim| (claim.pid, claim.process) = (child.id(), identity), Duration::ZERO);
        assert!(take(folder.path()).is_some());
        // The same number, started at another time: another process.
        let other_start = |claim: &mut Claim| claim.process.as_mut().unwrap().push('9');
        plant(folder.path(), other_start, Duration::ZERO);
        assert!(take(folder.path()).is_some());
        // In another namespace numbers mean other processes: nothing is known.
        let other_place = |claim: &mut Claim| claim.process.as_mut().unwrap().insert(0, '9');
        plant(folder.path(), other_place, Duration::ZERO);
        assert!(take(folder.path()).is_none());
    }

    #[test]
    fn a_torn_claim_counts_until_it_is_stale() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(CLAIM_FILE);
        fs::write(&path, "{\"schema\":1,").unwrap();
        assert!(take(folder.path()).is_none());
        File::options().write(true).open(&path).unwrap().set_modified(SystemTime::now() - STALE_AFTER * 2).unwrap();
        assert!(take(folder.path()).is_some());
    }

    /// An owner that was suspended and wakes up has lost its run, and leaves the next owner's claim alone.
    #[test]
    fn a_late_owner_finds_that_it_has_lost() {
        let folder = tempfile::tempdir().unwrap();
        let late = take(folder.path()).unwrap();
        late.file.lock().unwrap().set_modified(SystemTime::now() - STALE_AFTER * 2).unwrap();
        let next = take(folder.path()).unwrap();
        late.renew();
        assert!(late.is_lost() && next.verify());
        drop(late);
        assert!(next.verify());
        drop(next);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_heartbeat_renews_the_claim_and_tells_the_epoch() {
        let folder = tempfile::tempdir().unwrap();
        let held = take(folder.path()).unwrap();
        held.file.lock().unwrap().set_modified(SystemTime::now() - STALE_AFTER / 2).unwrap();
        held.reached(7);
        held.renew();
        let found = find(folder.path()).unwrap().unwrap();
        assert_eq!(found.claim.epoch, 7);
        let now = time_of_file_system(folder.path());
        assert!(now.duration_since(found.modified).unwrap_or_default() < STALE_AFTER / 4);
    }

    /// Eight threads want the same run again and again, a third of the time after its owner has died: there is never more
    /// than one that has it, and every round some have it.
    #[test]
    fn claims_and_takeovers_have_one_winner() {
        const THREADS: usize = 8;
        let folder = tempfile::tempdir().unwrap();
        for round in 0..60 {
            let run = folder.path().join(round.to_string());
            fs::create_dir(&run).unwrap();
            if round % 3 == 0 {
                plant(&run, elsewhere, STALE_AFTER * 2);
            }
            let barrier = Barrier::new(THREADS);
            let (owners, wins) = (AtomicU64::new(0), AtomicU64::new(0));
            std::thread::scope(|scope| {
                for _ in 0..THREADS {
                    scope.spawn(|| {
                        barrier.wait();
                        for _ in 0..3 {
                            if let Some(held) = take(&run) {
                                assert_eq!(owners.fetch_add(1, Ordering::SeqCst), 0, "two owners at once");
                                wins.fetch_add(1, Ordering::SeqCst);
                                std::thread::yield_now();
                                owners.fetch_sub(1, Ordering::SeqCst);
                                drop(held);
                            }
                        }
                    });
                }
            });
            assert!(wins.load(Ordering::SeqCst) > 0);
            assert_eq!(fs::read_dir(&run).unwrap().count(), 0);
        }
    }
}
