//! How much memory a process may hold: what the machine has, and what it is allowed of it.

use std::fs;
use std::path::{Path, PathBuf};

/// The memory that this process may come to hold, where the system tells (Linux): the least of the machine's, of
/// what each of its control groups allows (a container, a job of a batch system), and of what its limit of
/// addresses (`ulimit -v`) leaves.
///
/// ```
/// # use mirrorgrad_train::{allowed_bytes, machine_bytes};
/// if let (Some(allowed), Some(machine)) = (allowed_bytes(), machine_bytes()) {
///     assert!(allowed <= machine);
/// }
/// ```
pub fn allowed_bytes() -> Option<usize> {
    let text = |file: &str| fs::read_to_string(file).unwrap_or_default();
    let groups = of_groups(Path::new("/sys/fs/cgroup"), &text("/proc/self/cgroup"));
    let addresses = of_addresses(&text("/proc/self/limits"), &text("/proc/self/status"));
    machine_bytes().into_iter().chain(groups).chain(addresses).min()
}

/// The machine's memory, where the system tells (Linux).
///
/// ```
/// # use mirrorgrad_train::{Config, Largest, machine_bytes, may_need_more};
/// let config = Config::default();
/// if let Some(most) = machine_bytes() {
///     let largest = Largest::of_all(&config, [64, 64]);
///     assert!(!may_need_more(&config, largest, most), "{most}");
/// }
/// ```
pub fn machine_bytes() -> Option<usize> {
    account(&fs::read_to_string("/proc/meminfo").ok()?, "MemTotal:")
}

/// What this process holds by now, where the system tells (Linux).
///
/// ```
/// # use mirrorgrad_train::resident_bytes;
/// let pixels = vec![1_u8; 16 << 20];
/// if let Some(held) = resident_bytes() {
///     assert!(held > pixels.len());
/// }
/// ```
pub fn resident_bytes() -> Option<usize> {
    account(&fs::read_to_string("/proc/self/status").ok()?, "VmRSS:")
}

/// The most that this process has held so far, where the system tells (Linux).
///
/// ```
/// # use mirrorgrad_train::most_resident_bytes;
/// drop(vec![1_u8; 16 << 20]);
/// if let Some(most) = most_resident_bytes() {
///     assert!(most > 16 << 20, "what was given back counts too");
/// }
/// ```
pub fn most_resident_bytes() -> Option<usize> {
    account(&fs::read_to_string("/proc/self/status").ok()?, "VmHWM:")
}

/// A line of one of the system's accounts, in bytes.
fn account(text: &str, name: &str) -> Option<usize> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// The least that a group which the process is in allows, or one around it. `about` is `/proc/self/cgroup`: a line
/// `0::PATH` of version 2, and `N:CONTROLLERS:PATH` of version 1.
fn of_groups(mount: &Path, about: &str) -> Option<usize> {
    let limits = about.lines().filter_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        let (mount, file) = match controllers {
            "" => (mount.to_owned(), "memory.max"),
            _ if controllers.split(',').any(|name| name == "memory") => {
                (mount.join("memory"), "memory.limit_in_bytes")
            }
            _ => return None,
        };
        least_around(&mount, path, file)
    });
    limits.min()
}

/// The least number in the files of this name from a group up to the mount. Inside a container the path may be
/// the host's, of which only the mount is there.
fn least_around(mount: &Path, group: &str, file: &str) -> Option<usize> {
    let inside: PathBuf = group.trim_start_matches('/').into();
    let limit = |folder: &Path| {
        let text = fs::read_to_string(mount.join(folder).join(file)).ok()?;
        // Without a limit it is a word, or a number beyond all memory.
        text.trim().parse().ok()
    };
    inside.ancestors().filter_map(limit).min()
}

/// What a limit of addresses leaves: what is mapped and not held counts against it too.
fn of_addresses(limits: &str, status: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    let limit: usize = line.split_whitespace().next()?.parse().ok()?;
    let [mapped, held] = ["VmSize:", "VmRSS:"].map(|name| account(status, name).unwrap_or(0));
    Some(limit.saturating_sub(mapped.saturating_sub(held)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_limit_of_a_group_and_those_around_it_holds_in_both_versions() {
        let mount = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = mount.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let limit = |about: &str| of_groups(mount.path(), about);
        assert_eq!(limit("0::/job/step\n"), None);
        put("job/step/memory.max", "max\n");
        assert_eq!(limit("0::/job/step\n"), None);
        put("job/memory.max", "3000\n");
        assert_eq!(limit("0::/job/step\n"), Some(3000));
        put("job/step/memory.max", "2000\n");
        assert_eq!(limit("0::/job/step\n"), Some(2000));
        // The path is the host's, and the container's own group is mounted.
        put("memory.max", "1000\n");
        assert_eq!(limit("0::/host/abc\n"), Some(1000));
        let first = "9:cpu,cpuacct:/\n4:memory:/docker/abc\n";
        assert_eq!(limit(first), None);
        put("memory/memory.limit_in_bytes", "9223372036854771712\n");
        put("memory/docker/abc/memory.limit_in_bytes", "500\n");
        assert_eq!(limit(first), Some(500));
    }

    #[test]
    fn a_limit_of_addresses_leaves_what_is_not_mapped_without_being_held() {
        let status = "VmPeak:\t 90 kB\nVmSize:\t   80 kB\nVmRSS:\t   30 kB\n";
        let line = |limit: &str| {
            format!(
                "Limit   Soft Limit   Hard Limit   Units\nMax address space   {limit}   unlimited   bytes\n"
            )
        };
        assert_eq!(of_addresses(&line("unlimited"), status), None);
        assert_eq!(of_addresses(&line("102400"), status), Some(102_400 - 50 * 1024));
        assert_eq!(of_addresses(&line("1024"), status), Some(0));
    }
}
