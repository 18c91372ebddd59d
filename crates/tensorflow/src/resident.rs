//! Gives back the memory that only the opening of the library needed.
//!
//! Resolving half a million relocations and running TensorFlow's registrations touches most of its file: relocation tables,
//! constants, code that never runs again. Those pages are clean copies of the file, so the kernel can have them back; the ones
//! that are needed come again from the page cache, without a disk read.

use std::path::Path;

/// Returns the clean pages of the libraries in `folder` to the kernel; answers how many bytes were resident.
///
/// Safe to call while models run: a page that is in use is mapped again on its next access. Does nothing where the system has
/// no `/proc/self/smaps`.
pub(crate) fn release_clean_pages(folder: &Path) -> usize {
    let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap_or_default();
    clean_ranges(&smaps, folder)
        .into_iter()
        .filter_map(release)
        .sum()
}

/// One mapping and how much of it is in memory.
#[derive(Debug, PartialEq, Eq)]
struct Range {
    start: usize,
    end: usize,
    resident: usize,
}

/// Mappings that nobody has written to, and nobody may: all they hold is in their file.
fn clean_ranges(smaps: &str, folder: &Path) -> Vec<Range> {
    let mut ranges = Vec::new();
    let mut current: Option<Range> = None;
    let mut clean = true;
    for line in smaps.lines() {
        if let Some(range) = header(line, folder) {
            ranges.extend(current.take().filter(|_| clean));
            (current, clean) = (range, true);
        } else if let Some((key, value)) = line.split_once(':') {
            let kib = value
                .trim()
                .trim_end_matches(" kB")
                .parse::<usize>()
                .unwrap_or(0);
            match (key, &mut current) {
                ("Rss", Some(range)) => range.resident = kib * 1024,
                // Relocated pages are written to and then protected: they are in no file.
                ("Anonymous" | "Swap" | "Private_Dirty" | "Shared_Dirty", _) if kib > 0 => {
                    clean = false;
                }
                _ => {}
            }
        }
    }
    ranges.extend(current.filter(|_| clean));
    ranges
}

/// `Some` for the first line of a mapping; `Some(None)` when it is none of ours.
fn header(line: &str, folder: &Path) -> Option<Option<Range>> {
    let (addresses, rest) = line.split_once(' ')?;
    let (start, end) = addresses.split_once('-')?;
    let start = usize::from_str_radix(start, 16).ok()?;
    let end = usize::from_str_radix(end, 16).ok()?;
    let read_only = rest.starts_with("r-xp") || rest.starts_with("r--p");
    let ours = line
        .find('/')
        .is_some_and(|at| Path::new(&line[at..]).parent() == Some(folder));
    Some((read_only && ours).then_some(Range {
        start,
        end,
        resident: 0,
    }))
}

#[cfg(target_os = "linux")]
fn release(range: Range) -> Option<usize> {
    let length = range.end.checked_sub(range.start)?;
    // SAFETY: the range is a private, read-only mapping of a file with no page of its own (checked above), of a library that is
    // never unloaded; MADV_DONTNEED makes its pages come from the file again, with the same content.
    let result = unsafe {
        libc::madvise(
            range.start as *mut libc::c_void,
            length,
            libc::MADV_DONTNEED,
        )
    };
    (result == 0).then_some(range.resident)
}

#[cfg(not(target_os = "linux"))]
fn release(_range: Range) -> Option<usize> {
    None
}

#[cfg(test)]
mod tests {
    use super::{Range, clean_ranges};
    use std::path::Path;

    const SMAPS: &str = "\
1000-3000 r--p 00000000 08:01 1 /opt/my tf/libtensorflow_cc.so.2
Size:                  8 kB
Rss:                   4 kB
Private_Dirty:         0 kB
Anonymous:             0 kB
3000-5000 r--p 00002000 08:01 1 /opt/my tf/libtensorflow_cc.so.2
Rss:                   8 kB
Private_Dirty:         4 kB
5000-6000 r-xp 00004000 08:01 1 /opt/my tf/libtensorflow_cc.so.2
Rss:                   0 kB
6000-7000 rw-p 00005000 08:01 1 /opt/my tf/libtensorflow_cc.so.2
Rss:                   4 kB
7000-8000 r-xp 00000000 08:01 2 /usr/lib/libc.so.6
Rss:                   4 kB
8000-9000 rw-p 00000000 00:00 0
Rss:                   4 kB
";

    #[test]
    fn only_untouched_read_only_mappings_of_the_library_are_given_back() {
        let ranges = clean_ranges(SMAPS, Path::new("/opt/my tf"));
        assert_eq!(
            ranges,
            [
                Range {
                    start: 0x1000,
                    end: 0x3000,
                    resident: 4096
                },
                Range {
                    start: 0x5000,
                    end: 0x6000,
                    resident: 0
                },
            ]
        );
        assert!(clean_ranges("", Path::new("/opt/my tf")).is_empty());
    }
}
