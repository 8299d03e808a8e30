//! The claim of a process on a run. `README.md` beside this file describes the protocol.

pub(in crate::sweep) mod heart;
pub(in crate::sweep) mod presence;
mod sighting;

use crate::machine::file::{open_regular, read_regular};
use crate::machine::host::{batch_job, host_name, process_identity};
use crate::machine::text::Shown as _;
use crate::sweep::store::{StoreError, create_folder};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher as _, Hasher as _};
use std::io::{self, ErrorKind, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time between two renewals of a claim.
pub const HEARTBEAT: Duration = Duration::from_secs(15);
/// The time without renewal after which a claim is dead.
pub const STALE_AFTER: Duration = Duration::from_mins(1);
/// The name of the file that names the process that works on a run.
pub(crate) const CLAIM_FILE: &str = "claim.json";

/// `claim.json`: the process that works on a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The version of this file.
    pub schema: u32,
    /// The host that the process runs on.
    pub host: String,
    /// The number of the process on that host.
    pub pid: u32,
    /// The identity of the process among all that had its number: boot, namespace and start time. `None` if the system
    /// does not give them.
    pub process: Option<String>,
    /// A random word that no other claim has.
    pub token: String,
    /// The job of the batch system that the process belongs to, if there is one.
    pub job: Option<String>,
    /// The number of epochs trained at the last renewal.
    pub epoch: u64,
    /// The number of epochs planned.
    pub epochs: u64,
    /// The time at which the work began, in seconds since 1970.
    pub claimed_at: u64,
}

impl Claim {
    /// The version of `claim.json` that this program writes.
    pub const SCHEMA: u32 = 1;

    /// Returns a new claim of this process.
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

    /// Returns the claim that stands for a torn one. It counts as alive until it is stale.
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

    /// Returns true if the process is known to be gone: it ran on this host, in this namespace, and has ended.
    fn is_orphan(&self) -> bool {
        let Some(process) = &self.process else { return false };
        let here = process_identity("self");
        // Everything but the start time: equal for one boot and one namespace, which sees the same processes.
        let place = |identity: &str| identity.rsplit_once('/').map(|(place, _)| place.to_owned());
        if self.host != host_name() || here.as_deref().and_then(place) != place(process) {
            return false;
        }
        process_identity(&self.pid.to_string()).is_none_or(|now| now != *process)
    }

    /// Returns the bytes of the file. They have a fixed length, so that a claim can be written over in place.
    fn to_bytes(&self) -> Vec<u8> {
        const LENGTH: usize = 1024;
        let mut text = serde_json::to_string(self).expect("a claim is plain data");
        let padding = LENGTH.saturating_sub(text.len() + 1);
        text.push_str(&" ".repeat(padding));
        text.push('\n');
        text.into_bytes()
    }
}

/// A claim that was found in a run's folder, with its time of change.
#[derive(Clone, Debug)]
pub(crate) struct FoundClaim {
    /// The claim; that of an unknown process if the file cannot be read as one.
    pub(crate) claim: Claim,
    path: PathBuf,
    modified: SystemTime,
}

/// The life of the process of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// It is at work, or may be.
    Alive,
    /// Its last sign of life is long ago by the clock. It is on another host, whose clock may be wrong: the claim must
    /// be watched for [`STALE_AFTER`].
    Watched,
    /// It has ended, or shows no sign of life.
    Dead,
}

impl FoundClaim {
    /// Returns true if the claim is stale by the clock or its process is gone; `now` is the time of the file system. For
    /// readers: before a run is taken over, [`Self::life`] decides.
    pub(crate) fn seems_dead(&self, now: SystemTime) -> bool {
        self.is_silent(now) || self.claim.is_orphan()
    }

    /// Returns the life of the claim's process; `now` is the time of the file system. A claim of another host is alive
    /// while it changes, whatever its time: each call is a look at it.
    pub(crate) fn life(&self, now: SystemTime) -> Life {
        if self.claim.is_orphan() {
            return Life::Dead;
        }
        let silent = self.is_silent(now);
        if self.claim.host == host_name() || self.claim.pid == 0 {
            return if silent { Life::Dead } else { Life::Alive };
        }
        let sighting = sighting::look(&self.path, &self.claim, self.modified);
        let ahead = self.modified.duration_since(now).is_ok_and(|ahead| ahead > STALE_AFTER);
        match (silent || ahead, sighting) {
            (false, _) => Life::Alive,
            (true, sighting) if sighting.unchanged >= sighting::WATCH => Life::Dead,
            (true, sighting) if sighting.has_changed => Life::Alive,
            (true, _) => Life::Watched,
        }
    }

    fn is_silent(&self, now: SystemTime) -> bool {
        now.duration_since(self.modified).is_ok_and(|silent| silent > STALE_AFTER)
    }

    fn read(path: &Path) -> io::Result<Option<Self>> {
        // The file is opened before its time is asked for: a network file system then answers from the server.
        let mut file = match open_regular(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut text = Vec::new();
        file.read_to_end(&mut text)?;
        let modified = file.metadata()?.modified()?;
        let claim = serde_json::from_slice(&text).unwrap_or_else(|_| Claim::unreadable(modified));
        Ok(Some(Self { claim, path: path.to_path_buf(), modified }))
    }
}

/// Returns the claim that holds a run: `claim.json` or the last of its successors.
pub(crate) fn find(run_folder: &Path) -> io::Result<Option<FoundClaim>> {
    Ok(succession(run_folder)?.pop())
}

/// Returns `claim.json` and its successors, in order.
fn succession(run_folder: &Path) -> io::Result<Vec<FoundClaim>> {
    let mut all: Vec<FoundClaim> = Vec::new();
    let mut path = run_folder.join(CLAIM_FILE);
    while let Some(found) = FoundClaim::read(&path)? {
        // An owner that gives the run back is its own successor.
        if all.iter().any(|earlier| earlier.claim.token == found.claim.token) {
            break;
        }
        path = successor_path(run_folder, &found.claim.token);
        all.push(found);
    }
    Ok(all)
}

fn successor_path(run_folder: &Path, token: &str) -> PathBuf {
    // A token that this program did not write must not lead to another folder.
    let token: String = token.chars().filter(char::is_ascii_alphanumeric).collect();
    run_folder.join(format!("{SUCCESSOR}{token}"))
}

/// The beginning of the names of claims that are not yet in their place.
const PRIVATE: &str = ".claim-";
/// The beginning of the names of claims that succeed another.
const SUCCESSOR: &str = ".after-";

/// The beginning of the names of files that are created to ask for the time of a file system.
const PROBE: &str = ".claim-time-";

/// Returns true if a file of that name in a run's folder belongs to a claim.
pub(in crate::sweep) fn is_part_of_claim(name: &str) -> bool {
    name == CLAIM_FILE || name.starts_with(PRIVATE) || name.starts_with(SUCCESSOR)
}

/// The result of an attempt to claim a run.
#[derive(Debug)]
pub(crate) enum Acquired {
    /// This process holds the run.
    Held(Arc<HeldClaim>),
    /// Another process works on it or has just taken it.
    Taken,
    /// A process of another host holds it and seems dead by the clock. If its claim does not change for
    /// [`STALE_AFTER`], a later attempt takes the run over.
    Watched,
}

/// A claim that this process holds. [`Self::release`] gives it back, and so does dropping it.
#[derive(Debug)]
pub(crate) struct HeldClaim {
    folder: PathBuf,
    claim: Claim,
    file: Mutex<File>,
    epoch: AtomicU64,
    lost: AtomicBool,
    released: AtomicBool,
    /// The claims of the processes that died at work, which this claim succeeds.
    predecessors: Vec<Claim>,
}

impl HeldClaim {
    /// Returns the claim of the last process that died at work on this run, if there was one.
    pub(crate) fn predecessor(&self) -> Option<&Claim> {
        self.predecessors.last()
    }

    /// Returns true if a file in the run's folder is part of this claim.
    pub(crate) fn consists_of(&self, name: &str) -> bool {
        let successor_of = |claim: &Claim| successor_path(&self.folder, &claim.token).ends_with(name);
        name == CLAIM_FILE || self.predecessors.iter().any(successor_of)
    }

    /// Returns true if another process has taken the run over because this one seemed dead.
    pub(crate) fn is_lost(&self) -> bool {
        self.lost.load(Ordering::Relaxed)
    }

    /// Notes the epoch that the run has reached; the next heartbeat writes it.
    pub(crate) fn reached(&self, epoch: u64) {
        self.epoch.store(epoch, Ordering::Relaxed);
    }

    /// Returns true if the files still show this process as the owner of the run.
    pub(crate) fn verify(&self) -> bool {
        let owned =
            find(&self.folder).is_ok_and(|found| found.is_some_and(|found| found.claim.token == self.claim.token));
        if !owned {
            self.lost.store(true, Ordering::Relaxed);
        }
        owned
    }

    /// Renews the claim.
    fn renew(&self) {
        if self.released.load(Ordering::Relaxed) || !self.verify() {
            return;
        }
        let claim = Claim { epoch: self.epoch.load(Ordering::Relaxed), ..self.claim.clone() };
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // In place, by the handle: if another process has taken over, its claim is another file. Synced, so that a
        // server sees it now. A failure, such as a full disk, does not stop the run; if it lasts, the claim becomes
        // stale.
        let written = file.rewind().and_then(|()| file.write_all(&claim.to_bytes())).and_then(|()| file.sync_data());
        if let Err(error) = written {
            tracing::warn!("cannot renew the claim in {}: {error}", self.folder.shown());
        }
    }

    /// Gives the run back.
    pub(crate) fn release(&self) {
        if self.released.swap(true, Ordering::Relaxed) {
            return;
        }
        let own = successor_path(&self.folder, &self.claim.token);
        let claims = succession(&self.folder).unwrap_or_default();
        if claims.last().is_none_or(|last| last.claim.token != self.claim.token) {
            return;
        }
        // From here on no process can take over. If one has done so already, it is the owner, and no file here is ours.
        if link_new(&self.folder.join(CLAIM_FILE), &own, &self.claim.to_bytes()).is_ok() {
            remove_left_behind(&self.folder, &own);
            let _ = fs::remove_file(self.folder.join(CLAIM_FILE));
            let _ = fs::remove_file(own);
        }
    }
}

/// Removes the files of claims but `claim.json` and the owner's successor, while no process can take over: those of
/// predecessors, and those that processes left that were killed while they claimed the run. A process that claims it
/// right now finds its file gone, and the run taken.
fn remove_left_behind(folder: &Path, own: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_part = entry.file_name().to_str().is_some_and(|name| name != CLAIM_FILE && is_part_of_claim(name));
        if is_part && entry.path() != own {
            let _ = fs::remove_file(entry.path());
        }
    }
}

impl Drop for HeldClaim {
    fn drop(&mut self) {
        self.release();
    }
}

/// Claims a run for this process, in its folder, which is created if need be. A claim of a dead process is taken over.
pub(crate) fn acquire(run_folder: &Path, epochs: u64) -> Result<Acquired, StoreError> {
    let path = run_folder.join(CLAIM_FILE);
    create_folder(run_folder)?;
    let claim = Claim::of_this_process(epochs);
    let private = run_folder.join(format!("{PRIVATE}{}", claim.token));
    fs::write(&private, claim.to_bytes()).map_err(StoreError::at("cannot write", &private))?;
    let acquired = acquire_by(run_folder, &private, claim);
    let _ = fs::remove_file(&private);
    acquired.map_err(StoreError::at("cannot claim", &path))
}

fn acquire_by(run_folder: &Path, private: &Path, claim: Claim) -> io::Result<Acquired> {
    let path = run_folder.join(CLAIM_FILE);
    // Each round ends in a claim, or is lost to another process that makes progress.
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
        match found.life(time_of_file_system(run_folder)) {
            Life::Alive => return Ok(Acquired::Taken),
            Life::Watched => return Ok(Acquired::Watched),
            Life::Dead => {}
        }
        match link_new(private, &successor_path(run_folder, &found.claim.token), &claim.to_bytes()) {
            Ok(()) => {
                if find(run_folder)?.is_some_and(|owner| owner.claim.token == claim.token) {
                    // For readers of `claim.json` alone. The names of successors stay until the release.
                    match fs::rename(private, &path) {
                        // The owner that seemed dead has cleared the folder.
                        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Acquired::Taken),
                        renamed => renamed?,
                    }
                    let predecessors = chain.into_iter().map(|found| found.claim).collect();
                    return held(run_folder, &path, claim, predecessors);
                }
                // The preceding claim has been given back in the meantime.
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

/// Gives `target` the content of `source` by a hard link, unless it exists. If the file system has no hard links,
/// creates the file with `bytes`, which is as exclusive but shows the file empty for a moment.
fn link_new(source: &Path, target: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::hard_link(source, target) {
        // A network file system may have made the link and report its own second attempt as a conflict.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let ours = read_regular(target).is_ok_and(|found| found == bytes && source != target);
            if ours { Ok(()) } else { Err(error) }
        }
        Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) => {
            let mut file = OpenOptions::new().write(true).create_new(true).open(target)?;
            file.write_all(bytes)
        }
        result => result,
    }
}

/// Returns the current time by the clock that stamps files in a folder, which is the server's on a network. If nothing
/// can be written there, by the clock of this machine.
pub(crate) fn time_of_file_system(folder: &Path) -> SystemTime {
    let probe = || -> io::Result<SystemTime> {
        let file = tempfile::Builder::new().prefix(PROBE).tempfile_in(folder)?;
        file.as_file().metadata()?.modified()
    };
    probe().unwrap_or_else(|_| SystemTime::now())
}

/// Returns 32 hexadecimal digits that no other claim has, from the randomness of the standard library's hasher.
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
            Acquired::Taken | Acquired::Watched => None,
        }
    }

    /// Writes a claim as another process would have.
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
        assert!(!held.verify(), "a released run is not ours");
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
        let dead = plant(folder.path(), |_| (), STALE_AFTER * 2);
        let held = take(folder.path()).unwrap();
        assert_eq!(held.predecessor(), Some(&dead));
        assert!(take(folder.path()).is_none());
        drop(held);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    /// The clock of the other host is hours behind, or ahead.
    #[test]
    fn a_claim_of_another_host_lives_while_it_changes() {
        for hours in [-3i64, 3] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(CLAIM_FILE);
            let stamp = |seconds: i64| {
                let offset = Duration::from_secs((hours * 3600 + seconds).unsigned_abs());
                let time = if hours < 0 { SystemTime::now() - offset } else { SystemTime::now() + offset };
                OpenOptions::new().write(true).open(&path).unwrap().set_modified(time).unwrap();
            };
            let dead = plant(folder.path(), elsewhere, Duration::ZERO);
            stamp(0);
            assert!(matches!(acquire(folder.path(), 10).unwrap(), Acquired::Watched));
            let start = std::time::Instant::now();
            let mut beats = 0;
            while start.elapsed() < sighting::WATCH * 3 {
                beats += 1;
                stamp(15 * beats);
                assert!(matches!(acquire(folder.path(), 10).unwrap(), Acquired::Taken), "{hours} hours, beat {beats}");
                std::thread::sleep(sighting::WATCH / 10);
            }
            let last = std::time::Instant::now();
            let held = loop {
                match take(folder.path()) {
                    Some(held) => break held,
                    None => std::thread::sleep(sighting::WATCH / 10),
                }
            };
            assert!(last.elapsed() >= sighting::WATCH / 2, "it was not watched");
            assert_eq!(held.predecessor(), Some(&dead));
        }
    }

    #[test]
    fn what_killed_processes_left_of_their_claims_goes_with_the_next_owner() {
        let folder = tempfile::tempdir().unwrap();
        let token = |name: &str| format!("{name}{}", random_word());
        // One was killed before its claim was in place, one after it had taken over, one while it asked for the time.
        for name in [token(PRIVATE), token(SUCCESSOR), format!("{PROBE}AbCdEf")] {
            fs::write(folder.path().join(name), Claim::of_this_process(10).to_bytes()).unwrap();
        }
        fs::write(folder.path().join(".mine"), "mine").unwrap();
        plant(folder.path(), |_| (), STALE_AFTER * 2);
        drop(take(folder.path()).unwrap());
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, [".mine"]);
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
        // The same number with another start time is another process.
        let other_start = |claim: &mut Claim| claim.process.as_mut().unwrap().push('9');
        plant(folder.path(), other_start, Duration::ZERO);
        assert!(take(folder.path()).is_some());
        // In another namespace the numbers mean other processes, so nothing is known.
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

    /// An owner that was suspended finds that it has lost its run, and leaves the next owner's claim alone.
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

    /// Eight threads claim the same run again and again, a third of the time after its owner has died. At most one
    /// holds it at any time, and some hold it in every round.
    #[test]
    fn claims_and_takeovers_have_one_winner() {
        const THREADS: usize = 8;
        let folder = tempfile::tempdir().unwrap();
        for round in 0..60 {
            let run = folder.path().join(round.to_string());
            fs::create_dir(&run).unwrap();
            if round % 3 == 0 {
                plant(&run, |_| (), STALE_AFTER * 2);
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
